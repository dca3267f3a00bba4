#include "policy/retention.h"

#include "policy/duration.h"
#include "policy/testing.h"

namespace policy {
namespace {

using base::Instant;
using std::chrono::hours;

const Instant now = utc("2026-11-22T04:00:00Z");

Tier tier(const char* name, const char* at, base::Duration retain) {
  return {.name = name,
          .cadence = parse_at(at),
          .retain = retain,
          .start_within = hours{1},
          .finish_within = hours{2}};
}

Policy strategy() {
  Policy policy{.name = "app", .timezone = Zone::named("Asia/Singapore")};
  policy.layers.pitr = Pitr{.retain = 7 * one_day};
  policy.layers.snapshots = {tier("nightly", "03:00", 30 * one_day),
                             tier("weekly", "Sun 03:00", 12 * one_week)};
  policy.layers.dumps = {DumpTier{.tier = tier("nightly", "03:30", 90 * one_day)}};
  return policy;
}

// Taken for a slot so many days ago; its LSNs count days, so that later is higher.
CatalogSnapshot snapshot(int days_ago, std::vector<std::string> tiers = {"nightly"}) {
  const Instant slot = now - days_ago * one_day;
  const uint64_t lsn = static_cast<uint64_t>(10'000 - days_ago * 100);
  return {.id = fmt::format("{}-days-ago", days_ago),
          .tiers = std::move(tiers),
          .slot = slot,
          .started = slot,
          .ended = slot + hours{1},
          .start_lsn = lsn,
          .stop_lsn = lsn + 10};
}

RetentionInput catalog(std::vector<CatalogSnapshot> snapshots) {
  return {.snapshots = std::move(snapshots),
          .timelines = {{.epoch = 1, .timeline = 1, .newest = now}}};
}

const Verdict& verdict(const Retention& retention, std::string_view id) {
  for (const auto* all : {&retention.snapshots, &retention.dumps}) {
    for (const Verdict& one : *all) {
      if (one.id == id) return one;
    }
  }
  ADD_FAILURE() << "no verdict for " << id;
  return retention.snapshots.front();
}

bool needs(const Retention& retention, uint64_t lsn, uint32_t timeline = 1, uint64_t epoch = 1) {
  return needed(retention, {.epoch = epoch, .timeline = timeline, .begin = lsn, .end = lsn + 1});
}

using Reasons = std::vector<std::string>;

TEST(Retention, keeps_by_age_and_says_until_when) {
  const Retention retention = decide_retention(
      strategy(), catalog({snapshot(31), snapshot(29), snapshot(8), snapshot(1)}), now);
  EXPECT_EQ(verdict(retention, "29-days-ago").reasons,
            Reasons{"nightly keeps 30 days: until 2026-11-23"});
  EXPECT_FALSE(verdict(retention, "31-days-ago").keep);
  EXPECT_EQ(verdict(retention, "31-days-ago").reasons,
            Reasons{"nightly keeps 30 days: ended 2026-11-21"});
}

TEST(Retention, counts_from_the_slot_not_from_when_it_was_done) {
  CatalogSnapshot late = snapshot(30);
  late.started = *late.slot + hours{20};
  late.ended = *late.slot + hours{21};
  EXPECT_FALSE(
      verdict(decide_retention(strategy(), catalog({late, snapshot(8), snapshot(1)}), now), late.id)
          .keep);
}

TEST(Retention, keeps_what_serves_two_tiers_by_the_longer) {
  const Retention retention = decide_retention(
      strategy(), catalog({snapshot(40, {"nightly", "weekly"}), snapshot(8), snapshot(1)}), now);
  EXPECT_TRUE(verdict(retention, "40-days-ago").keep);
  EXPECT_EQ(verdict(retention, "40-days-ago").reasons,
            (Reasons{"weekly keeps 12 weeks: until 2027-01-05", "the last good one of weekly"}));
}

TEST(Retention, keeps_what_no_tier_claims_as_long_as_the_longest) {
  CatalogSnapshot by_hand = snapshot(40, {});
  by_hand.slot.reset();
  const Retention retention = decide_retention(
      strategy(),
      catalog({by_hand, snapshot(83, {"monthly"}), snapshot(85, {}), snapshot(8), snapshot(1)}),
      now);
  EXPECT_TRUE(verdict(retention, "40-days-ago").keep);
  EXPECT_TRUE(verdict(retention, "83-days-ago").keep);
  EXPECT_FALSE(verdict(retention, "85-days-ago").keep);
  EXPECT_EQ(
      verdict(retention, "40-days-ago").reasons,
      Reasons{"without a tier it is kept as long as the longest, 12 weeks: until 2027-01-05"});
}

TEST(Retention, never_lets_the_last_good_one_of_a_tier_go) {
  CatalogSnapshot damaged = snapshot(100, {"weekly"});
  damaged.damaged = true;
  const Retention retention =
      decide_retention(strategy(),
                       catalog({snapshot(300, {"weekly"}), snapshot(200, {"weekly"}), damaged,
                                snapshot(8), snapshot(1)}),
                       now);
  EXPECT_FALSE(verdict(retention, "300-days-ago").keep);
  EXPECT_FALSE(verdict(retention, "100-days-ago").keep);
  EXPECT_EQ(verdict(retention, "200-days-ago").reasons, Reasons{"the last good one of weekly"});
}

TEST(Retention, never_lets_the_newest_good_one_of_all_go) {
  Policy policy = strategy();
  policy.layers.pitr.reset();
  const Retention retention =
      decide_retention(policy, catalog({snapshot(300, {}), snapshot(200, {})}), now);
  EXPECT_FALSE(verdict(retention, "300-days-ago").keep);
  EXPECT_EQ(verdict(retention, "200-days-ago").reasons, Reasons{"the newest good one there is"});
}

TEST(Retention, keeps_one_snapshot_older_than_the_window) {
  Policy policy = strategy();
  policy.layers.snapshots = {tier("nightly", "03:00", 3 * one_day)};
  const Retention retention = decide_retention(
      policy, catalog({snapshot(9), snapshot(8), snapshot(7), snapshot(5), snapshot(1)}), now);
  // The one of 7 days ago ended an hour inside the window: the seconds before that need the one of
  // 8 days ago.
  EXPECT_EQ(verdict(retention, "8-days-ago").reasons,
            Reasons{"oldest base for the recovery window of 7 days"});
  for (const char* id : {"9-days-ago", "7-days-ago", "5-days-ago"})
    EXPECT_FALSE(verdict(retention, id).keep) << id;
  EXPECT_TRUE(needs(retention, snapshot(8).start_lsn));
  EXPECT_TRUE(needs(retention, 1'000'000));
  EXPECT_FALSE(needs(retention, snapshot(8).start_lsn - 1));
}

TEST(Retention, does_not_start_the_window_from_a_damaged_snapshot) {
  CatalogSnapshot damaged = snapshot(8);
  damaged.damaged = true;
  const Retention retention =
      decide_retention(strategy(), catalog({snapshot(20), damaged, snapshot(1)}), now);
  EXPECT_TRUE(needs(retention, snapshot(20).start_lsn + 50));
}

TEST(Retention, begins_the_window_with_the_oldest_snapshot_while_it_is_young) {
  const Retention retention =
      decide_retention(strategy(), catalog({snapshot(2), snapshot(1)}), now);
  EXPECT_TRUE(needs(retention, snapshot(2).start_lsn));
  EXPECT_FALSE(needs(retention, snapshot(2).start_lsn - 1));
}

TEST(Retention, keeps_all_wal_while_a_first_snapshot_may_be_running) {
  EXPECT_TRUE(needs(decide_retention(strategy(), catalog({}), now), 1));
}

TEST(Retention, keeps_the_wal_that_makes_each_kept_snapshot_whole) {
  const Retention retention = decide_retention(
      strategy(), catalog({snapshot(40, {"weekly"}), snapshot(8), snapshot(1)}), now);
  const CatalogSnapshot old = snapshot(40);
  EXPECT_TRUE(needs(retention, old.start_lsn));
  EXPECT_TRUE(needs(retention, old.stop_lsn - 1));
  EXPECT_FALSE(needs(retention, old.stop_lsn));
  EXPECT_FALSE(needs(retention, old.start_lsn - 1));
  // A segment that only touches the range is needed as a whole.
  EXPECT_TRUE(needed(retention, {.begin = old.start_lsn - 100, .end = old.start_lsn + 1}));
  EXPECT_FALSE(needed(retention, {.begin = old.start_lsn - 100, .end = old.start_lsn}));
}

TEST(Retention, without_pitr_keeps_only_the_wal_of_snapshots) {
  Policy policy = strategy();
  policy.layers.pitr.reset();
  const Retention retention = decide_retention(policy, catalog({snapshot(8), snapshot(1)}), now);
  EXPECT_TRUE(needs(retention, snapshot(8).start_lsn));
  EXPECT_FALSE(needs(retention, snapshot(8).stop_lsn + 1));
}

TEST(Retention, keeps_what_a_restore_holds_and_its_wal) {
  CatalogSnapshot held = snapshot(50);
  held.held = true;
  const Retention retention =
      decide_retention(strategy(), catalog({held, snapshot(8), snapshot(1)}), now);
  EXPECT_EQ(verdict(retention, held.id).reasons, Reasons{"held by a restore"});
  EXPECT_TRUE(needs(retention, held.stop_lsn + 1000));
}

TEST(Retention, keeps_an_abandoned_branch_as_long_as_the_window_reaches_it) {
  // Two days ago the cluster was restored to a moment of four days ago: timeline 2 leaves 1 before
  // the snapshot of day 3.
  const uint64_t fork = snapshot(4).stop_lsn + 20;
  CatalogSnapshot on_child = snapshot(1);
  on_child.timeline = 2;
  on_child.start_lsn = fork + 500;
  on_child.stop_lsn = fork + 510;
  RetentionInput input{
      .snapshots = {snapshot(20), snapshot(8), snapshot(4), snapshot(3), on_child},
      .timelines = {{.timeline = 1, .newest = now - 2 * one_day},
                    {.timeline = 2, .parent = 1, .fork_lsn = fork, .newest = now}}};
  const Retention both = decide_retention(strategy(), input, now);
  EXPECT_TRUE(needs(both, snapshot(3).stop_lsn + 30, 1));
  EXPECT_TRUE(needs(both, fork + 1, 2));
  EXPECT_FALSE(needs(both, fork - 1, 2));

  // Ten days later only the child is left, and the snapshot after the fork is no base of it: day 4
  // is, not day 3.
  const Instant later = now + 10 * one_day;
  input.snapshots.pop_back();
  input.timelines[1].newest = later;
  const Retention child = decide_retention(strategy(), input, later);
  EXPECT_TRUE(needs(child, snapshot(4).start_lsn, 1));
  EXPECT_TRUE(needs(child, fork - 1, 1));
  EXPECT_FALSE(needs(child, fork, 1));
  EXPECT_TRUE(needs(child, fork + 1, 2));
}

TEST(Retention, does_not_leave_an_idle_cluster_without_its_window) {
  RetentionInput idle = catalog({snapshot(20), snapshot(8)});
  idle.timelines[0].newest = now - 8 * one_day;
  EXPECT_TRUE(needs(decide_retention(strategy(), idle, now), snapshot(8).stop_lsn + 1));
}

TEST(Retention, ages_older_epochs_out_like_anything_else) {
  CatalogSnapshot second = snapshot(3);
  second.epoch = 2;
  RetentionInput input{.snapshots = {snapshot(31), snapshot(8), snapshot(5), second},
                       .timelines = {{.epoch = 1, .timeline = 1, .newest = now - 4 * one_day},
                                     {.epoch = 2, .timeline = 1, .newest = now}}};
  const Retention young = decide_retention(strategy(), input, now);
  EXPECT_FALSE(verdict(young, "31-days-ago").keep);
  EXPECT_TRUE(needs(young, snapshot(8).stop_lsn + 1, 1, 1));
  EXPECT_TRUE(needs(young, second.start_lsn, 1, 2));
  EXPECT_FALSE(needs(young, snapshot(8).start_lsn, 1, 2));
  const Retention old = decide_retention(strategy(), input, now + 4 * one_day);
  EXPECT_FALSE(needs(old, snapshot(8).stop_lsn + 1, 1, 1));
  EXPECT_TRUE(verdict(old, "8-days-ago").keep);
  EXPECT_TRUE(needs(old, snapshot(8).start_lsn, 1, 1));
}

TEST(Retention, keeps_dumps_by_their_tier) {
  const auto dump = [](const char* id, int days_ago, const char* of) {
    return CatalogDump{.id = id,
                       .tier = of,
                       .slot = now - days_ago * one_day,
                       .started = now - days_ago * one_day};
  };
  RetentionInput input;
  input.dumps = {dump("a", 91, "nightly"), dump("b", 89, "nightly"), dump("c", 89, ""),
                 dump("d", 100, "nightly"), dump("e", 1, "nightly")};
  input.dumps[3].held = true;
  const Retention retention = decide_retention(strategy(), input, now);
  EXPECT_FALSE(verdict(retention, "a").keep);
  EXPECT_EQ(verdict(retention, "b").reasons, Reasons{"nightly keeps 90 days: until 2026-11-23"});
  EXPECT_TRUE(verdict(retention, "c").keep);
  EXPECT_EQ(verdict(retention, "d").reasons, Reasons{"held by a restore"});
  EXPECT_EQ(verdict(retention, "e").reasons,
            (Reasons{"nightly keeps 90 days: until 2027-02-19", "the last good one of nightly"}));
}

TEST(Retention, lets_nothing_go_that_the_policy_says_nothing_of) {
  Policy policy = strategy();
  policy.layers.snapshots.clear();
  policy.layers.pitr.reset();
  const Retention retention = decide_retention(policy, catalog({snapshot(3000), snapshot(1)}), now);
  EXPECT_EQ(verdict(retention, "3000-days-ago").reasons,
            Reasons{"no tier of the policy says how long it is kept"});
}

}  // namespace
}  // namespace policy
