#include "monitor/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace monitor {
namespace {

using base::Instant;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Instant now = base::from_rfc3339("2026-11-22T12:00:00Z");

policy::Policy archiving() {
  policy::Policy policy;
  policy.layers.pitr = policy::Pitr{.retain = hours(24 * 7), .receive = {}};
  policy.objectives.rpo = minutes(1);
  return policy;
}

ServerFacts good() {
  ServerFacts facts;
  facts.archives = true;
  facts.last_archived = now - seconds(30);
  facts.ready_files = 0;
  facts.disk_bytes = 100ULL << 30;
  facts.disk_free_bytes = 50ULL << 30;
  return facts;
}

std::vector<Finding> judge(const policy::Policy& policy, const ServerFacts& facts,
                           Instant last_transaction = now - seconds(30)) {
  return judge_server(policy, facts, last_transaction, now);
}

Finding only(const policy::Policy& policy, const ServerFacts& facts,
             Instant last_transaction = now - seconds(30)) {
  const std::vector<Finding> findings = judge(policy, facts, last_transaction);
  EXPECT_THAT(findings, SizeIs(1));
  return findings.empty() ? Finding{} : findings[0];
}

TEST(JudgeServer, finds_nothing_where_all_is_well) {
  EXPECT_THAT(judge(archiving(), good()), IsEmpty());
}

TEST(JudgeServer, that_it_cannot_be_asked_wakes_nobody) {
  ServerFacts facts;
  facts.unreachable = "no route to host";
  EXPECT_EQ(only(archiving(), facts).severity, Severity::notice);
}

TEST(JudgeServer, names_an_archiver_that_fails_and_says_since_when) {
  ServerFacts facts = good();
  facts.last_archived = now - hours(2);
  facts.last_failed = now - seconds(5);
  facts.failed_count = 120;
  facts.last_failed_wal = "000000010000000000000007";
  facts.ready_files = 9;
  const Finding finding = only(archiving(), facts);
  EXPECT_EQ(finding.key, "archiver:failing");
  EXPECT_EQ(finding.severity, Severity::critical);
  EXPECT_EQ(finding.since, now - hours(2));
  EXPECT_THAT(finding.what, HasSubstr("9 segments wait"));
  facts.last_archived = now;  // it has succeeded since
  EXPECT_THAT(judge(archiving(), facts), IsEmpty());
}

TEST(JudgeServer, names_an_archiver_that_is_off_but_not_a_standbys) {
  ServerFacts facts = good();
  facts.archives = false;
  EXPECT_EQ(only(archiving(), facts).key, "archiver:off");
  facts.standby = true;
  EXPECT_THAT(judge(archiving(), facts), IsEmpty());
}

TEST(JudgeServer, names_a_receiver_that_is_gone_stopped_or_has_lost_its_wal) {
  policy::Policy policy = archiving();
  policy.layers.pitr->receive = policy::Receive{.slot = "seawall", .flush = seconds(1)};
  ServerFacts facts = good();
  facts.archives = false;  // it need not
  facts.slot = SlotFacts{};
  EXPECT_EQ(only(policy, facts).key, "receiver:none");
  facts.slot =
      SlotFacts{.there = true, .active = false, .wal_status = "reserved", .retained_bytes = 5};
  EXPECT_EQ(only(policy, facts).key, "receiver:stopped");
  facts.slot->wal_status = "lost";
  EXPECT_EQ(only(policy, facts).key, "receiver:lost");
  facts.slot->wal_status = "reserved";
  facts.slot->active = true;
  EXPECT_THAT(judge(policy, facts), IsEmpty());
}

TEST(JudgeServer, warns_before_pg_wal_is_full) {
  ServerFacts facts = good();
  facts.disk_free_bytes = 15ULL << 30;
  EXPECT_THAT(judge(archiving(), facts), IsEmpty()) << "nothing piles up";
  facts.ready_files = 20;
  EXPECT_EQ(only(archiving(), facts).severity, Severity::warning);
  facts.ready_files = 0;
  facts.disk_free_bytes = 5ULL << 30;
  EXPECT_EQ(only(archiving(), facts).severity, Severity::critical);
}

TEST(JudgeServer, names_a_wedged_daemon_by_its_heartbeat) {
  policy::Policy policy = archiving();
  policy.run.heartbeat = true;
  ServerFacts facts = good();
  facts.heartbeat_table = true;
  EXPECT_EQ(only(policy, facts).key, "heartbeat:none");
  facts.heartbeat = now - minutes(2);
  EXPECT_THAT(judge(policy, facts), IsEmpty());
  facts.heartbeat = now - minutes(5);
  EXPECT_EQ(only(policy, facts).severity, Severity::warning);
  facts.heartbeat = now - minutes(11);
  EXPECT_EQ(only(policy, facts).severity, Severity::critical);
  EXPECT_THAT(only(policy, facts).what, HasSubstr("wedged"));
}

TEST(JudgeServer, an_idle_database_is_no_breach_of_the_objective) {
  ServerFacts facts = good();
  facts.all_archived = true;
  EXPECT_THAT(judge(archiving(), facts, now - hours(9)), IsEmpty());
  facts.all_archived = false;
  const Finding finding = only(archiving(), facts, now - hours(9));
  EXPECT_EQ(finding.key, "rpo:exceeded");
  EXPECT_EQ(finding.severity, Severity::critical);
  EXPECT_EQ(only(archiving(), facts, now - minutes(4)).severity, Severity::warning);
}

TEST(JudgeServer, with_a_heartbeat_row_the_archive_alone_tells_that_the_objective_is_missed) {
  policy::Policy policy = archiving();
  policy.run.heartbeat = true;
  ServerFacts facts;
  facts.unreachable = "it is elsewhere";
  EXPECT_THAT(judge(policy, facts), SizeIs(1));
  EXPECT_THAT(judge(policy, facts, now - hours(1)), SizeIs(2));
}

TEST(JudgeServer, names_a_wrong_clock) {
  ServerFacts facts = good();
  facts.clock_ahead = -minutes(7);
  const Finding finding = only(archiving(), facts);
  EXPECT_EQ(finding.key, "clock:server");
  EXPECT_THAT(finding.what, HasSubstr("behind"));
}

}  // namespace
}  // namespace monitor
