#include "policy/zone.h"

#include "policy/testing.h"

namespace policy {
namespace {

LocalTime wall(int year, unsigned month, unsigned on, int hour, int minute) {
  return LocalTime{
             LocalDay{std::chrono::year_month_day{std::chrono::year{year},
                                                  std::chrono::month{month}, std::chrono::day{on}}}
                 .time_since_epoch()} +
         std::chrono::hours{hour} + std::chrono::minutes{minute};
}

TEST(Zone, reads_a_clock_on_the_wall) {
  const WallReading reading = Zone::named("Asia/Singapore").read(wall(2026, 11, 22, 14, 3));
  EXPECT_EQ(reading.kind, WallReading::Kind::once);
  EXPECT_EQ(reading.earlier, utc("2026-11-22T06:03:00Z"));
  EXPECT_EQ(reading.first_valid, reading.later);
}

TEST(Zone, knows_a_reading_that_never_was) {
  const WallReading reading = Zone::named("America/New_York").read(wall(2026, 3, 8, 2, 30));
  EXPECT_EQ(reading.kind, WallReading::Kind::gap);
  EXPECT_EQ(reading.first_valid, utc("2026-03-08T07:00:00Z"));
  EXPECT_EQ(reading.earlier, utc("2026-03-08T06:30:00Z"));
  EXPECT_EQ(reading.later, utc("2026-03-08T07:30:00Z"));
}

TEST(Zone, knows_a_reading_that_was_twice) {
  const WallReading reading = Zone::named("Australia/Lord_Howe").read(wall(2026, 4, 5, 1, 45));
  EXPECT_EQ(reading.kind, WallReading::Kind::fold);
  EXPECT_EQ(reading.earlier, utc("2026-04-04T14:45:00Z"));
  EXPECT_EQ(reading.later, utc("2026-04-04T15:15:00Z"));
  EXPECT_EQ(reading.first_valid, reading.earlier);
}

TEST(Zone, still_follows_daylight_saving_ten_years_ahead) {
  EXPECT_EQ(Zone::named("Europe/London").offset_at(utc("2036-07-01T00:00:00Z")),
            std::chrono::hours{1});
  EXPECT_EQ(Zone::named("Europe/London").offset_at(utc("2036-12-01T00:00:00Z")),
            std::chrono::hours{0});
}

TEST(Zone, dates_a_moment_by_its_own_calendar) {
  EXPECT_EQ(local_date(utc("2026-11-21T19:30:00Z"), Zone::named("Asia/Singapore")), "2026-11-22");
  EXPECT_EQ(local_date(utc("2026-11-21T19:30:00Z"), Zone::named("America/New_York")), "2026-11-21");
  EXPECT_EQ(local_date(utc("1969-12-31T23:59:59Z"), Zone()), "1969-12-31");
}

TEST(Zone, suggests_the_nearest_name) {
  const auto hint = [](const char* name) {
    return error_of([&] { (void)Zone::named(name); }).hint();
  };
  EXPECT_EQ(hint("Asia/Singapor"), "did you mean 'Asia/Singapore'?");
  EXPECT_EQ(hint("asia/singapore"), "did you mean 'Asia/Singapore'?");
  EXPECT_EQ(hint("New_York"), "did you mean 'America/New_York'?");
  EXPECT_EQ(hint("Europe/Londn"), "did you mean 'Europe/London'?");
  EXPECT_NE(hint("Middle/Earth").find("IANA"), std::string::npos);
}

TEST(Zone, refuses_abbreviations_and_paths) {
  for (const char* name :
       {"", "EST", "SGT", "CET", "EST5EDT", "GMT+8", "../etc/passwd", "/etc/passwd", "posixrules",
        "localtime", "posix/Asia/Singapore", "right/UTC", "Factory", "+08:00"}) {
    EXPECT_EQ(error_of([&] { (void)Zone::named(name); }).kind(), base::ErrorKind::invalid) << name;
    EXPECT_FALSE(Zone::find(name).has_value()) << name;
  }
  EXPECT_EQ(Zone::named("UTC"), Zone());
}

}  // namespace
}  // namespace policy
