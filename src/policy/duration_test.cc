#include "policy/duration.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "policy/testing.h"

namespace policy {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Duration, reads_each_unit) {
  EXPECT_EQ(parse_duration("90s"), seconds{90});
  EXPECT_EQ(parse_duration("15m"), minutes{15});
  EXPECT_EQ(parse_duration("2h"), hours{2});
  EXPECT_EQ(parse_duration("7d"), hours{7 * 24});
  EXPECT_EQ(parse_duration("12w"), hours{12 * 7 * 24});
  EXPECT_EQ(parse_duration("5y"), hours{5 * 365 * 24});
}

TEST(Duration, is_written_with_the_largest_unit_that_fits) {
  EXPECT_EQ(print_duration(seconds{90}), "90s");
  EXPECT_EQ(print_duration(seconds{120}), "2m");
  EXPECT_EQ(print_duration(hours{7 * 24}), "7d");
  EXPECT_EQ(print_duration(hours{30 * 24}), "30d");
  EXPECT_EQ(print_duration(12 * one_week), "12w");
  EXPECT_EQ(print_duration(5 * one_year), "5y");
  EXPECT_EQ(describe_duration(hours{1}), "1 hour");
  EXPECT_EQ(describe_duration(12 * one_week), "12 weeks");
}

TEST(Duration, refuses_what_is_not_one_number_and_one_unit) {
  for (const char* text : {"", "7", "d", "7 d", " 7d", "7d ", "7D", "7M", "1.5h", "-7d", "+7d",
                           "7dd", "1h30m", "0x7d"}) {
    const base::Error failure = error_of([&] { (void)parse_duration(text); });
    EXPECT_EQ(failure.kind(), base::ErrorKind::invalid) << text;
    EXPECT_FALSE(failure.hint().empty()) << text;
  }
}

TEST(Duration, refuses_no_time_and_more_than_a_century_without_overflow) {
  for (const char* text :
       {"0s", "0d", "101y", "36501d", "9223372036854775807y", "99999999999999999999999999s"}) {
    EXPECT_EQ(error_of([&] { (void)parse_duration(text); }).kind(), base::ErrorKind::invalid)
        << text;
  }
  EXPECT_EQ(parse_duration("100y"), duration_max);
}

TEST(Duration, says_that_months_do_not_exist) {
  EXPECT_NE(error_of([] { (void)parse_duration("1mo"); }).hint().find("months do not exist"),
            std::string::npos);
}

RC_GTEST_PROP(Duration, reads_back_what_it_wrote, ()) {
  const auto count = *rc::gen::inRange<int64_t>(1, duration_max / seconds{1});
  const base::Duration duration = seconds{count};
  RC_ASSERT(parse_duration(print_duration(duration)) == duration);
}

}  // namespace
}  // namespace policy
