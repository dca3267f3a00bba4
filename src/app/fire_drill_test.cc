#include "app/fire_drill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/sample_repository.h"

namespace app {
namespace {

using base::from_rfc3339;

policy::Zone zone() { return policy::Zone::named("Asia/Singapore"); }
policy::Cadence monday() { return policy::parse_at("Mon 10:00"); }

bool due(const char* now, std::vector<const char*> drills = {}) {
  std::vector<FireDrill> made;
  for (const char* const at : drills) {
    made.push_back(
        {.at = from_rfc3339(at), .ended = from_rfc3339(at), .answered_by = {}, .trouble = {}});
  }
  return fire_drill_due(monday(), zone(), made, from_rfc3339(now));
}

TEST(FireDrill, is_due_on_the_first_such_day_of_each_month) {
  EXPECT_FALSE(due("2027-02-01T09:59:59+08:00"));
  EXPECT_TRUE(due("2027-02-01T10:00:00+08:00"));
  EXPECT_TRUE(due("2027-02-02T09:00:00+08:00")) << "whoever was down makes up for it";
  EXPECT_FALSE(due("2027-02-02T10:00:00+08:00")) << "and not days later";
  EXPECT_FALSE(due("2027-02-08T10:00:00+08:00"));
  EXPECT_TRUE(due("2027-03-01T10:00:00+08:00"));
}

TEST(FireDrill, is_made_once) {
  EXPECT_FALSE(due("2027-02-01T10:30:00+08:00", {"2027-02-01T10:00:05+08:00"}));
  EXPECT_TRUE(due("2027-02-01T10:30:00+08:00", {"2027-01-04T10:00:05+08:00"}));
}

TEST(FireDrill, comes_twelve_times_a_year) {
  int count = 0;
  std::vector<FireDrill> made;
  for (base::Instant now = from_rfc3339("2028-01-01T00:00:00Z");
       now < from_rfc3339("2029-01-01T00:00:00Z"); now += std::chrono::minutes(30)) {
    if (!fire_drill_due(monday(), zone(), made, now)) continue;
    ++count;
    made.push_back({.at = now, .ended = now, .answered_by = {}, .trouble = {}});
  }
  EXPECT_EQ(count, 12);
}

TEST(FireDrill, its_record_reads_as_it_was) {
  const testing::SampleRepository sample;
  FireDrill drill{.at = from_rfc3339("2027-02-01T02:00:05Z"),
                  .ended = from_rfc3339("2027-02-01T02:04:00Z"),
                  .can_tell = true,
                  .answered_by = "the person on call",
                  .answered_after = std::chrono::seconds(130),
                  .trouble = {}};
  put_fire_drill(sample.repository, drill, {});
  const std::vector<FireDrill> read = read_fire_drills(sample.repository, {});
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].at, drill.at);
  EXPECT_EQ(read[0].answered_by, drill.answered_by);
  EXPECT_EQ(read[0].answered_after, drill.answered_after);
  EXPECT_ERROR(conflict, put_fire_drill(sample.repository, drill, {}));
}

}  // namespace
}  // namespace app
