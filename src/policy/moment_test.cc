#include "policy/moment.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "policy/testing.h"

namespace policy {
namespace {

TEST(Moment, is_read_in_each_way_people_write_it) {
  const base::Instant wanted = utc("2026-11-22T06:03:07Z");
  for (const char* text :
       {"2026-11-22 14:03:07 Asia/Singapore", "2026-11-22T14:03:07 Asia/Singapore",
        "2026-11-22T14:03:07+08:00", "2026-11-22 14:03:07+08", "2026-11-22 14:03:07 +0800",
        "2026-11-22T06:03:07Z", "2026-11-22 06:03:07 UTC", "  2026-11-22 06:03:07 Z ",
        "2026-11-22T01:03:07-05:00", "2026-11-22 01:03:07 America/New_York"}) {
    EXPECT_EQ(parse_moment(text), wanted) << text;
  }
  EXPECT_EQ(parse_moment("2026-11-22 14:03 Asia/Singapore"), utc("2026-11-22T06:03:00Z"));
  EXPECT_EQ(parse_moment("2026-11-22 14:03:07.25 Asia/Singapore"), utc("2026-11-22T06:03:07.25Z"));
  EXPECT_EQ(parse_moment("2026-11-22 06:03:07.000001Z"), wanted + base::Duration{1});
}

TEST(Moment, needs_a_zone) {
  const base::Error failure = error_of([] { (void)parse_moment("2026-11-22 14:03:07"); });
  EXPECT_EQ(failure.kind(), base::ErrorKind::invalid);
  EXPECT_NE(failure.message().find("names no time zone"), std::string::npos);
  EXPECT_NE(failure.hint().find("2026-11-22 14:03:07Z"), std::string::npos);
}

TEST(Moment, refuses_what_cannot_be) {
  for (const char* text : {"",
                           "now",
                           "13am",
                           "2026-11-22 13am UTC",
                           "2026-11-22 3:00 UTC",
                           "2026-11-22",
                           "2026-02-29 00:00 UTC",
                           "2026-13-01 00:00 UTC",
                           "2026-00-01 00:00 UTC",
                           "2026-11-22 24:00:00 UTC",
                           "2026-11-22 23:60:00 UTC",
                           "2026-11-22 23:59:60 UTC",
                           "1969-12-31 23:59 UTC",
                           "2026-11-22 14:03:07.Z",
                           "2026-11-22 14:03:07.1234567Z",
                           "2026-11-22 14:03:07+8",
                           "2026-11-22 14:03:07+16:00",
                           "2026-11-22 14:03:07+08:60",
                           "2026-11-22 14:03:07+08:0",
                           "2026-11-22 14:03:07 SGT",
                           "2026-11-22 14:03:07 EST",
                           "2026-11-22 14:03:07Asia/Singapore",
                           "2026-11-22 14:03:07 Asia/Singapor",
                           "2026-11-22 14:03:07 Asia/Singapore x",
                           "2026/11/22 14:03:07 UTC",
                           "20261122T140307Z",
                           "2026-11-22 02:03:07 PM UTC",
                           "2026-11-22 14:03:07+08:00 Asia/Singapore"}) {
    EXPECT_EQ(error_of([&] { (void)parse_moment(text); }).kind(), base::ErrorKind::invalid) << text;
  }
}

TEST(Moment, names_both_moments_of_a_reading_that_happened_twice) {
  const base::Error failure =
      error_of([] { (void)parse_moment("2026-11-01 01:30:00 America/New_York"); });
  EXPECT_NE(failure.message().find("happened twice"), std::string::npos);
  EXPECT_EQ(failure.hint(), "say which you mean: 2026-11-01T05:30:00Z or 2026-11-01T06:30:00Z");
}

TEST(Moment, names_the_moments_around_a_reading_that_never_happened) {
  const base::Error failure =
      error_of([] { (void)parse_moment("2026-03-29 01:30:00 Europe/London"); });
  EXPECT_NE(failure.message().find("never happened"), std::string::npos);
  EXPECT_EQ(failure.hint(), "say which you mean: 2026-03-29T00:30:00Z or 2026-03-29T01:30:00Z");
}

TEST(Moment, is_told_both_ways) {
  EXPECT_EQ(describe_moment(utc("2026-11-22T06:03:07Z"), Zone::named("Asia/Singapore")),
            "2026-11-22 14:03:07+08:00 Asia/Singapore (2026-11-22T06:03:07Z)");
  EXPECT_EQ(describe_moment(utc("2026-11-01T05:30:00.5Z"), Zone::named("America/New_York")),
            "2026-11-01 01:30:00.500000-04:00 America/New_York (2026-11-01T05:30:00.500000Z)");
  EXPECT_EQ(describe_moment(utc("2026-01-01T00:00:00Z"), Zone::named("America/St_Johns")),
            "2025-12-31 20:30:00-03:30 America/St_Johns (2026-01-01T00:00:00Z)");
}

RC_GTEST_PROP(Moment, told_with_its_offset_is_read_back, ()) {
  const auto name =
      *rc::gen::element<std::string>("America/New_York", "Europe/London", "Australia/Lord_Howe",
                                     "Asia/Singapore", "America/St_Johns", "Asia/Kathmandu");
  const base::Instant instant{
      base::Duration{*rc::gen::inRange<int64_t>(86'400'000'000, 4'000'000'000'000'000)}};
  const std::string told = describe_moment(instant, Zone::named(name));
  RC_ASSERT(parse_moment(told.substr(0, told.find(' ', 11))) == instant);
}

}  // namespace
}  // namespace policy
