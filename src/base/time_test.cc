#include "base/time.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "testing/errors.h"

namespace base {
namespace {

using namespace std::chrono_literals;

// A moment from year 0 to 9999, to the microsecond.
Instant any_instant(int64_t day, int64_t microsecond) {
  return Instant(std::chrono::days(day)) + Duration(microsecond);
}

RC_GTEST_PROP(Rfc3339, is_read_as_it_was_written, ()) {
  const Instant instant = any_instant(*rc::gen::inRange<int64_t>(-719'000, 2'932'896),
                                      *rc::gen::inRange<int64_t>(0, 86'400'000'000));
  RC_ASSERT(from_rfc3339(to_rfc3339(instant)) == instant);
}

RC_GTEST_PROP(Compact, is_read_as_it_was_written_and_sorts_as_time_does, ()) {
  const auto any = [] {
    return any_instant(*rc::gen::inRange<int64_t>(-719'000, 2'932'896),
                       *rc::gen::inRange<int64_t>(0, 86'400) * 1'000'000);
  };
  const Instant one = any();
  const Instant two = any();
  RC_ASSERT(from_compact(to_compact(one)) == one);
  RC_ASSERT((to_compact(one) < to_compact(two)) == (one < two));
}

TEST(Rfc3339, is_written_with_a_fraction_only_where_there_is_one) {
  const Instant instant = from_rfc3339("2026-11-22T14:03:07Z");
  EXPECT_EQ(to_rfc3339(instant), "2026-11-22T14:03:07Z");
  EXPECT_EQ(to_rfc3339(instant + 1us), "2026-11-22T14:03:07.000001Z");
  EXPECT_EQ(to_rfc3339(instant - 1us), "2026-11-22T14:03:06.999999Z");
  EXPECT_EQ(to_rfc3339(Instant{}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(Instant{} - 1us), "1969-12-31T23:59:59.999999Z");
}

TEST(Rfc3339, counts_the_offset) {
  EXPECT_EQ(from_rfc3339("2026-11-22T14:03:07+08:00"), from_rfc3339("2026-11-22T06:03:07Z"));
  EXPECT_EQ(from_rfc3339("2026-11-22 14:03:07-03:30"), from_rfc3339("2026-11-22T17:33:07Z"));
  EXPECT_EQ(from_rfc3339("2026-11-22T14:03:07.5Z"), from_rfc3339("2026-11-22T14:03:07Z") + 500ms);
  EXPECT_EQ(from_rfc3339("2026-11-22T14:03:07.1234567899Z"),
            from_rfc3339("2026-11-22T14:03:07Z") + 123'456us);
}

TEST(Rfc3339, refuses_what_is_no_moment) {
  for (const char* text :
       {"", "2026-11-22", "2026-11-22T14:03:07", "2026-11-22T14:03:07.Z", "2026-11-22T14:03:07z",
        "2026-13-22T14:03:07Z", "2026-02-29T14:03:07Z", "2026-11-22T24:00:00Z",
        "2026-11-22T14:60:07Z", "2026-11-22T14:03:60Z", "2026-11-22T14:03:07+8:00",
        "2026-11-22T14:03:07+0800", "2026-11-22T14:03:07+16:00", "2026-11-22T14:03:07Z ",
        "+026-11-22T14:03:07Z", "2026-11-22T14:03:07.5", "2026/11/22T14:03:07Z"}) {
    EXPECT_ERROR(invalid, from_rfc3339(text));
  }
}

TEST(Compact, refuses_what_is_no_moment) {
  for (const char* text :
       {"", "20261122T140307", "20261122T140307X", "20261122 140307Z", "20261322T140307Z",
        "20260229T140307Z", "20261122T240307Z", "2026112T140307ZZ", "-0261122T140307Z"}) {
    EXPECT_ERROR(invalid, from_compact(text));
  }
}

TEST(HumanDuration, has_two_units_at_most) {
  EXPECT_EQ(human_duration(0us), "0 ms");
  EXPECT_EQ(human_duration(820ms), "820 ms");
  EXPECT_EQ(human_duration(1500ms), "1.5 s");
  EXPECT_EQ(human_duration(41s), "41 s");
  EXPECT_EQ(human_duration(119s), "119 s");
  EXPECT_EQ(human_duration(2min), "2 min 0 s");
  EXPECT_EQ(human_duration(3h + 12min + 59s), "3 h 12 min");
  EXPECT_EQ(human_duration(48h), "2 d 0 h");
  EXPECT_EQ(human_duration(-41s), "-41 s");
}

}  // namespace
}  // namespace base
