#include "monitor/replica.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace monitor {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const base::Instant now = base::from_rfc3339("2026-11-22T12:00:00Z");

DumpCopy copy_of(const std::string& date, base::Duration age) {
  return {.name = {"shop", date, 1},
          .stored = now - age,
          .size = 100,
          .copy_size = 100,
          .copied = now - age + minutes(5),
          .same = true,
          .unproven = {},
          .replication = {}};
}

ReplicaState good() {
  ReplicaState replica{.tier = "nightly", .url = "s3://far", .within = hours(1)};
  replica.copies = {copy_of("2026-11-21", hours(26)), copy_of("2026-11-22", hours(2))};
  return replica;
}

Finding only(const ReplicaState& replica) {
  const std::vector<Finding> findings = judge_replica(replica, now);
  EXPECT_THAT(findings, SizeIs(1));
  return findings.empty() ? Finding{} : findings[0];
}

TEST(JudgeReplica, finds_nothing_where_all_is_there_and_the_same) {
  EXPECT_THAT(judge_replica(good(), now), IsEmpty());
}

TEST(JudgeReplica, knows_nothing_good_of_one_that_cannot_be_looked_at) {
  ReplicaState replica = good();
  replica.unreachable = "connection refused";
  const Finding finding = only(replica);
  EXPECT_EQ(finding.severity, Severity::critical);
  EXPECT_THAT(finding.what, HasSubstr("connection refused"));
}

TEST(JudgeReplica, waits_for_a_copy_as_long_as_the_policy_says) {
  ReplicaState replica = good();
  replica.copies[1].copy_size.reset();
  replica.copies[1].stored = now - minutes(59);
  EXPECT_THAT(judge_replica(replica, now), IsEmpty());
  replica.copies[1].stored = now - minutes(61);
  const Finding finding = only(replica);
  EXPECT_EQ(finding.severity, Severity::critical);
  EXPECT_THAT(finding.what, HasSubstr("shop_2026-11-22.dump"));
}

TEST(JudgeReplica, names_the_last_of_many_that_are_missing) {
  ReplicaState replica = good();
  replica.copies.clear();
  for (int day = 1; day <= 8; ++day) {
    DumpCopy copy = copy_of(fmt::format("2026-11-{:02}", day), hours(24 * (30 - day)));
    copy.copy_size.reset();
    replica.copies.push_back(copy);
  }
  const Finding finding = only(replica);
  EXPECT_THAT(finding.what, HasSubstr("3 more and shop_2026-11-04.dump"));
}

TEST(JudgeReplica, finds_other_bytes_and_other_sizes) {
  ReplicaState replica = good();
  replica.copies[1].same = false;
  EXPECT_EQ(only(replica).severity, Severity::critical);
  replica = good();
  replica.copies[0].copy_size = 99;
  EXPECT_EQ(only(replica).severity, Severity::critical);
}

TEST(JudgeReplica, says_what_it_could_not_prove) {
  ReplicaState replica = good();
  replica.copies[1].same.reset();
  replica.copies[1].unproven = "denied";
  EXPECT_EQ(only(replica).severity, Severity::notice);
}

TEST(JudgeReplica, tells_of_a_copy_that_came_late) {
  ReplicaState replica = good();
  replica.copies[1].copied = now - minutes(59);
  EXPECT_EQ(only(replica).severity, Severity::warning);
}

TEST(JudgeReplica, believes_the_service_that_it_gave_up) {
  ReplicaState replica = good();
  replica.by = policy::Copier::store;
  replica.copies[1].copy_size.reset();
  replica.copies[1].stored = now - minutes(5);
  replica.copies[1].replication = "FAILED";
  EXPECT_EQ(only(replica).severity, Severity::critical);
  replica.copies[1].replication = "PENDING";
  EXPECT_THAT(judge_replica(replica, now), IsEmpty());
  replica.copies[1].stored = now - hours(2);
  EXPECT_THAT(only(replica).what, HasSubstr("PENDING"));
}

TEST(JudgeReplica, repeats_what_the_last_run_could_not_copy) {
  ReplicaState replica = good();
  replica.failed = "denied";
  EXPECT_EQ(only(replica).severity, Severity::warning);
}

}  // namespace
}  // namespace monitor
