#include "monitor/drills.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace monitor {
namespace {

using base::Instant;
using repository::DrillKind;
using repository::DrillRecord;
using std::chrono::hours;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Instant at(const char* text) { return base::from_rfc3339(text); }

policy::Policy some_policy(const std::string& drill = "weekly: \"Sun 06:00\", quarterly: true") {
  return policy::parse(fmt::format(R"(
version: 1
name: shop
timezone: Asia/Singapore
database: {{ url: "postgresql:///shop" }}
repository: {{ store: "file:///backup/repository" }}
layers:
  pitr: {{ retain: 7d }}
  snapshots: {{ weekly: {{ at: "Sun 03:00", retain: 12w }} }}
  dumps: {{ nightly: {{ at: "03:30", retain: 90d, store: "file:///backup/dumps" }} }}
drill: {{ {} }}
)",
                                   drill),
                       "test");
}

DrillRecord drill(DrillKind kind, const char* started, bool passed = true) {
  DrillRecord record;
  record.id = started;
  record.kind = kind;
  record.started = record.ended = at(started);
  record.passed = passed;
  record.known_bad = {{"rows deleted", "tables", true}};
  if (!passed) record.checks = {{"rto", repository::DrillVerdict::failed, "20 min, and more"}};
  return record;
}

// Promised for a year; the slots are Saturdays 22:00 UTC. 2026-11-21 was a Saturday.
DrillHistory history(std::vector<DrillRecord> records) {
  DrillHistory all;
  all.records = std::move(records);
  all.weekly_since = all.quarterly_since = at("2025-11-01T00:00:00Z");
  all.sign_offs = {{.quarter = "2026Q3", .by = "Jane", .at = at("2026-09-01T00:00:00Z")}};
  return all;
}

TEST(Drills, are_due_from_their_slot_until_one_was_held) {
  const policy::Policy policy = some_policy();
  const DrillHistory last_week = history({drill(DrillKind::dump, "2026-11-14T22:10:00Z")});
  const DrillsDue waiting = drills_due(policy, last_week, at("2026-11-21T21:59:59Z"));
  EXPECT_EQ(waiting.state, DrillState::waiting);
  EXPECT_EQ(waiting.slot, at("2026-11-21T22:00:00Z"));
  const DrillsDue due = drills_due(policy, last_week, at("2026-11-21T22:00:00Z"));
  EXPECT_EQ(due.state, DrillState::due);
  EXPECT_EQ(due.slot, at("2026-11-21T22:00:00Z"));
  EXPECT_EQ(due.deadline, at("2026-11-22T02:00:00Z"));
  EXPECT_EQ(drills_due(policy, last_week, at("2026-11-22T02:00:00Z")).state, DrillState::missed);
  // One that failed was held, too.
  const DrillHistory held = history({drill(DrillKind::dump, "2026-11-21T22:00:01Z", false)});
  EXPECT_EQ(drills_due(policy, held, at("2026-11-22T02:00:00Z")).state, DrillState::waiting);
}

TEST(Drills, are_not_expected_before_they_were_promised) {
  DrillHistory young = history({});
  young.weekly_since = at("2026-11-21T22:00:01Z");
  EXPECT_EQ(drills_due(some_policy(), young, at("2026-11-25T00:00:00Z")).state,
            DrillState::waiting);
  young.weekly_since.reset();
  EXPECT_EQ(drills_due(some_policy(), young, at("2026-11-25T00:00:00Z")).state,
            DrillState::waiting);
}

TEST(Drills, rotate_through_what_the_policy_has) {
  const std::vector<DrillKind> kinds = drill_kinds(some_policy());
  EXPECT_THAT(kinds, ElementsAre(DrillKind::latest, DrillKind::moment, DrillKind::weekly,
                                 DrillKind::dump, DrillKind::major));
  std::vector<DrillRecord> records;
  std::vector<DrillKind> held;
  for (int day = 10; day < 17; ++day) {
    held.push_back(next_kind(kinds, records));
    records.push_back(drill(held.back(), fmt::format("2026-11-{}T00:00:00Z", day).c_str(), false));
  }
  EXPECT_THAT(held,
              ElementsAre(DrillKind::latest, DrillKind::moment, DrillKind::weekly, DrillKind::dump,
                          DrillKind::major, DrillKind::latest, DrillKind::moment));
}

TEST(JudgeDrills, finds_nothing_where_all_were_held_and_passed) {
  const DrillHistory good = history({drill(DrillKind::latest, "2026-11-14T22:10:00Z", false),
                                     drill(DrillKind::latest, "2026-11-21T22:10:00Z")});
  EXPECT_THAT(judge_drills(some_policy(), good, at("2026-11-25T00:00:00Z")), IsEmpty());
}

TEST(JudgeDrills, finds_one_that_was_missed) {
  const std::vector<Finding> findings =
      judge_drills(some_policy(), history({drill(DrillKind::latest, "2026-11-14T22:10:00Z")}),
                   at("2026-11-25T00:00:00Z"));
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].severity, Severity::critical);
  EXPECT_THAT(findings[0].what, HasSubstr("2026-11-21T22:00:00Z was not held"));
}

TEST(JudgeDrills, finds_the_last_of_a_kind_that_failed_and_why) {
  const std::vector<Finding> findings =
      judge_drills(some_policy(),
                   history({drill(DrillKind::latest, "2026-11-20T00:00:00Z", false),
                            drill(DrillKind::dump, "2026-11-21T22:10:00Z")}),
                   at("2026-11-25T00:00:00Z"));
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_THAT(findings[0].what, HasSubstr("'latest'"));
  EXPECT_THAT(findings[0].what, HasSubstr("rto: 20 min"));
  // What the policy no longer has is not asked for.
  const DrillHistory gone = history({drill(DrillKind::replica, "2026-11-21T22:10:00Z", false)});
  EXPECT_THAT(judge_drills(some_policy(), gone, at("2026-11-25T00:00:00Z")), IsEmpty());
}

TEST(JudgeDrills, wants_each_quarter_signed_off_by_its_last_day) {
  const policy::Policy policy = some_policy("quarterly: true");
  EXPECT_THAT(judge_drills(policy, history({}), at("2026-12-17T15:59:59Z")), IsEmpty());
  // The quarter ends at 16:00 UTC of the 31st.
  std::vector<Finding> findings = judge_drills(policy, history({}), at("2026-12-17T16:00:00Z"));
  for (const Finding& finding : findings) EXPECT_FALSE(finding.key.empty()) << finding.what;
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].severity, Severity::warning);
  EXPECT_THAT(findings[0].what, HasSubstr("by 2026-12-31"));
  findings = judge_drills(policy, history({}), at("2026-12-31T16:00:00Z"));
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].severity, Severity::critical);
  EXPECT_THAT(findings[0].what, HasSubstr("2026Q4 was not signed off"));
  // Late is better than never.
  DrillHistory signed_off = history({});
  signed_off.sign_offs.push_back({.quarter = "2026Q4", .by = "Jane", .at = {}});
  EXPECT_THAT(judge_drills(policy, signed_off, at("2026-12-31T16:00:00Z")), IsEmpty());
  // Nor was it promised before.
  DrillHistory young = history({});
  young.quarterly_since = at("2026-12-31T16:00:00Z");
  EXPECT_THAT(judge_drills(policy, young, at("2026-12-31T16:00:01Z")), IsEmpty());
}

}  // namespace
}  // namespace monitor
