#include "policy/calendar.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "policy/duration.h"
#include "policy/testing.h"

namespace policy {
namespace {

using base::Duration;
using base::Instant;

const Zone new_york = Zone::named("America/New_York");
const Zone lord_howe = Zone::named("Australia/Lord_Howe");
const Zone singapore = Zone::named("Asia/Singapore");

std::vector<Instant> slots(const char* cadence, const Zone& zone, const char* from,
                           const char* to) {
  return slots_between(parse_cadence(cadence), zone, utc(from), utc(to));
}

rc::Gen<Zone> any_zone() {
  return rc::gen::map(
      rc::gen::element<std::string>("America/New_York", "Europe/London", "Australia/Lord_Howe",
                                    "Asia/Singapore", "America/Nuuk", "UTC"),
      [](const std::string& name) { return Zone::named(name); });
}

rc::Gen<Cadence> any_cadence() {
  return rc::gen::map(
      rc::gen::tuple(rc::gen::inRange(0, 3), rc::gen::inRange(0, 1440), rc::gen::inRange(0u, 7u)),
      [](const std::tuple<int, int, unsigned>& parts) {
        const auto& [kind, minute, weekday] = parts;
        if (kind == 0) return Cadence{.time_of_day = std::chrono::minutes{minute}};
        if (kind == 1) {
          return Cadence{.kind = Cadence::Kind::weekly,
                         .time_of_day = std::chrono::minutes{minute},
                         .weekday = std::chrono::weekday{weekday}};
        }
        return Cadence{.kind = Cadence::Kind::every, .interval = std::chrono::minutes{minute + 1}};
      });
}

// From 2020 to 2034.
rc::Gen<Instant> any_instant() {
  return rc::gen::map(rc::gen::inRange<int64_t>(1'577'836'800, 2'035'000'000),
                      [](int64_t second) { return Instant{std::chrono::seconds{second}}; });
}

TEST(Calendar, reads_and_writes_each_cadence) {
  for (const char* text : {"03:00", "00:00", "23:59", "Sun 03:00", "Sat 23:59", "every 15m",
                           "every 1d", "every 90s"}) {
    EXPECT_EQ(print_cadence(parse_cadence(text)), text);
  }
  EXPECT_EQ(parse_cadence("Sun 03:00").weekday, std::chrono::Sunday);
}

TEST(Calendar, refuses_times_that_do_not_exist) {
  for (const char* text :
       {"",          "24:00",        "03:60",      "3am",       "3:00",     "03:00:00",
        "0300",      "03.00",        " 03:00",     "03:00 ",    "Sun",      "Sun  03:00",
        "sun 03:00", "Sunday 03:00", "Fun 03:00",  "Sun 25:00", "every",    "every 30s",
        "every 25h", "every 2w",     "every  15m", "-1:00",     "03:00 Sun"}) {
    EXPECT_EQ(error_of([&] { (void)parse_cadence(text); }).kind(), base::ErrorKind::invalid)
        << text;
  }
}

TEST(Calendar, suggests_what_was_meant) {
  const auto hint = [](const char* text) { return error_of([&] { (void)parse_at(text); }).hint(); };
  EXPECT_EQ(hint("3:00"), "did you mean '03:00'?");
  EXPECT_EQ(hint("03:00:00"), "did you mean '03:00'? Seconds are not given");
  EXPECT_EQ(hint("Sunday 03:00"), "did you mean 'Sun'?");
  EXPECT_EQ(hint("Tu 03:00"), "did you mean 'Tue'?");
}

TEST(Calendar, has_a_daily_slot_at_the_same_local_time) {
  EXPECT_EQ(slots("03:00", singapore, "2026-11-21T19:00:00Z", "2026-11-23T19:00:00Z"),
            (std::vector{utc("2026-11-21T19:00:00Z"), utc("2026-11-22T19:00:00Z")}));
  EXPECT_EQ(slots("Sun 03:00", singapore, "2026-11-20T00:00:00Z", "2026-11-29T00:00:00Z"),
            (std::vector{utc("2026-11-21T19:00:00Z"), utc("2026-11-28T19:00:00Z")}));
}

TEST(Calendar, moves_a_slot_out_of_a_gap_to_its_end) {
  EXPECT_EQ(slots("02:30", new_york, "2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z"),
            (std::vector{utc("2026-03-08T07:00:00Z"), utc("2026-03-09T06:30:00Z")}));
  EXPECT_EQ(slots("02:15", lord_howe, "2026-10-03T15:00:00Z", "2026-10-03T16:00:00Z"),
            (std::vector{utc("2026-10-03T15:30:00Z")}));
}

TEST(Calendar, takes_the_first_of_two_in_a_fold) {
  EXPECT_EQ(slots("01:30", new_york, "2026-11-01T04:00:00Z", "2026-11-02T06:00:00Z"),
            (std::vector{utc("2026-11-01T05:30:00Z")}));
  EXPECT_EQ(slots("01:45", lord_howe, "2026-04-04T14:00:00Z", "2026-04-04T16:00:00Z"),
            (std::vector{utc("2026-04-04T14:45:00Z")}));
}

TEST(Calendar, has_one_slot_where_a_zone_skipped_a_whole_day) {
  // Samoa had no 2011-12-30: its midnight and that of the 31st are one moment.
  EXPECT_EQ(
      slots("00:00", Zone::named("Pacific/Apia"), "2011-12-29T11:00:00Z", "2011-12-31T11:00:00Z"),
      (std::vector{utc("2011-12-30T10:00:00Z"), utc("2011-12-31T10:00:00Z")}));
}

TEST(Calendar, counts_intervals_from_the_epoch_whatever_the_zone) {
  EXPECT_EQ(slots("every 6h", new_york, "2026-03-08T01:00:00Z", "2026-03-08T18:00:00Z"),
            (std::vector{utc("2026-03-08T06:00:00Z"), utc("2026-03-08T12:00:00Z")}));
  EXPECT_EQ(slots("every 7m", singapore, "1969-12-31T23:50:00Z", "1970-01-01T00:08:00Z"),
            (std::vector{utc("1969-12-31T23:53:00Z"), utc("1970-01-01T00:00:00Z"),
                         utc("1970-01-01T00:07:00Z")}));
}

TEST(Calendar, has_366_daily_slots_in_a_leap_year_in_every_zone) {
  for (const char* name : {"America/New_York", "Europe/London", "Australia/Lord_Howe",
                           "Asia/Singapore", "America/Nuuk"}) {
    const Zone zone = Zone::named(name);
    for (const char* at : {"00:00", "01:30", "02:15", "02:30", "03:00", "23:30"}) {
      const Instant from = parse_moment(fmt::format("2028-01-01 00:00 {}", name));
      const Instant to = parse_moment(fmt::format("2029-01-01 00:00 {}", name));
      EXPECT_EQ(slots_between(parse_at(at), zone, from, to).size(), 366u) << name << " " << at;
    }
  }
}

RC_GTEST_PROP(Calendar, reads_back_what_it_wrote, ()) {
  const Cadence cadence = *any_cadence();
  RC_ASSERT(parse_cadence(print_cadence(cadence)) == cadence);
}

RC_GTEST_PROP(Calendar, slots_around_an_instant_agree_with_the_list, ()) {
  const Cadence cadence = *any_cadence();
  const Zone zone = *any_zone();
  const Instant now = *any_instant();
  const Instant last = last_slot_at_or_before(cadence, zone, now);
  const Instant next = next_slot_after(cadence, zone, now);
  RC_ASSERT(last <= now);
  RC_ASSERT(now < next);
  RC_ASSERT(slots_between(cadence, zone, last, next) == std::vector{last});
  RC_ASSERT(next_slot_after(cadence, zone, last) == next);
}

RC_GTEST_PROP(Calendar, lists_of_neighbouring_stretches_join, ()) {
  const Cadence cadence = *any_cadence();
  const Zone zone = *any_zone();
  const Instant from = *any_instant();
  const Instant middle = from + std::chrono::minutes{*rc::gen::inRange(0, 20'000)};
  const Instant to = middle + std::chrono::minutes{*rc::gen::inRange(0, 20'000)};
  std::vector<Instant> joined = slots_between(cadence, zone, from, middle);
  for (const Instant slot : slots_between(cadence, zone, middle, to)) joined.push_back(slot);
  RC_ASSERT(joined == slots_between(cadence, zone, from, to));
  RC_ASSERT(std::ranges::is_sorted(joined));
  RC_ASSERT((std::set(joined.begin(), joined.end()).size() == joined.size()));
}

RC_GTEST_PROP(Calendar, daily_slots_are_a_day_apart_but_for_daylight_saving, ()) {
  const Cadence cadence{.time_of_day = std::chrono::minutes{*rc::gen::inRange(0, 1440)}};
  const Zone zone = *any_zone();
  const Instant slot = last_slot_at_or_before(cadence, zone, *any_instant());
  const Duration apart = next_slot_after(cadence, zone, slot) - slot;
  RC_ASSERT(apart >= one_day - std::chrono::hours{1});
  RC_ASSERT(apart <= one_day + std::chrono::hours{1});
}

}  // namespace
}  // namespace policy
