// Random histories of a cluster, with restores that fork timelines and with new epochs, against an
// independent notion of "restorable": this test knows at which LSN of which branch the cluster was
// at each moment.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>

#include "policy/duration.h"
#include "policy/retention.h"
#include "policy/testing.h"

namespace policy {
namespace {

using base::Duration;
using base::Instant;
using std::chrono::hours;
using std::chrono::minutes;

constexpr uint64_t piece_bytes = 10;  // of WAL
constexpr Duration step = hours{6};

using BranchId = std::pair<uint64_t, uint32_t>;

struct Moment {
  Instant at;
  BranchId branch;
  uint64_t lsn;
};

// The branches that lead to a branch, oldest first, each with the LSN where the next one leaves it.
using Way = std::vector<std::pair<uint32_t, uint64_t>>;

struct History {
  std::vector<Moment> moments;
  std::vector<CatalogSnapshot> snapshots;
  std::map<BranchId, CatalogTimeline> timelines;
  std::map<BranchId, Way> ways;  // without the branch itself
  Instant begin;
  Instant end;
};

// Restores go only to moments inside the recovery window: beyond it nothing is promised.
History any_history(Duration window) {
  History history;
  history.begin = utc("2026-01-01T00:00:00Z");
  Instant at = history.begin;
  BranchId branch{1, 1};
  uint32_t timelines = 1;
  uint64_t lsn = 1000;
  history.ways[branch] = {};
  const int steps = *rc::gen::inRange(1, 240);
  for (int i = 0; i < steps; ++i, at += step) {
    const int what = *rc::gen::inRange(0, 40);
    if (what == 0 && !history.moments.empty()) {  // restored to an earlier moment of this epoch
      const Moment target = *rc::gen::elementOf(history.moments);
      if (target.branch.first == branch.first && target.at >= at - window) {
        Way way = history.ways[target.branch];
        way.emplace_back(target.branch.second, target.lsn);
        branch.second = ++timelines;
        lsn = target.lsn;
        history.ways[branch] = std::move(way);
        history.timelines[branch] = {.epoch = branch.first,
                                     .timeline = branch.second,
                                     .parent = target.branch.second,
                                     .fork_lsn = target.lsn};
      }
    } else if (what == 1) {  // a new epoch
      branch = {branch.first + 1, timelines = 1};
      lsn = 1000;
      history.ways[branch] = {};
    } else if (what < 14) {
      CatalogSnapshot snapshot{.id = fmt::format("s{}", history.snapshots.size()),
                               .started = at,
                               .ended = at + minutes{*rc::gen::inRange(1, 300)},
                               .epoch = branch.first,
                               .timeline = branch.second,
                               .start_lsn = lsn};
      lsn += 5;
      snapshot.stop_lsn = lsn;
      if (what % 3 != 0) snapshot.slot = at;
      if (what % 3 == 1) snapshot.tiers = {"nightly"};
      if (what % 3 == 2) snapshot.tiers = {"nightly", "weekly"};
      snapshot.damaged = *rc::gen::inRange(0, 10) == 0;
      history.snapshots.push_back(std::move(snapshot));
    }
    lsn += *rc::gen::inRange<uint64_t>(0, 40);
    history.moments.push_back({at + step - minutes{1}, branch, lsn});
    CatalogTimeline& line = history.timelines[branch];
    line.epoch = branch.first;
    line.timeline = branch.second;
    line.newest = history.moments.back().at;
  }
  history.end = at;
  return history;
}

Policy any_policy() {
  Policy policy{.name = "app"};
  policy.layers.pitr = Pitr{.retain = *rc::gen::inRange(1, 20) * one_day};
  policy.layers.snapshots = {
      {.name = "nightly", .retain = *rc::gen::inRange(1, 30) * one_day},
      {.name = "weekly", .retain = *rc::gen::inRange(7, 60) * one_day},
  };
  return policy;
}

// What the catalog holds at a moment of the history.
RetentionInput catalog_at(const History& history, Instant now) {
  RetentionInput input;
  for (const CatalogSnapshot& snapshot : history.snapshots) {
    if (snapshot.ended <= now) input.snapshots.push_back(snapshot);
  }
  std::map<BranchId, Instant> newest;
  for (const Moment& moment : history.moments) {
    if (moment.at <= now) newest[moment.branch] = moment.at;
  }
  for (const auto& [branch, at] : newest) {
    CatalogTimeline line = history.timelines.at(branch);
    line.newest = at;
    input.timelines.push_back(line);
  }
  return input;
}

RetentionInput without(const RetentionInput& input, const Retention& decision) {
  RetentionInput rest = input;
  rest.snapshots.clear();
  for (size_t i = 0; i < input.snapshots.size(); ++i) {
    if (decision.snapshots[i].keep) rest.snapshots.push_back(input.snapshots[i]);
  }
  return rest;
}

using WalIsThere = std::function<bool(BranchId, uint64_t from, uint64_t to)>;

// One prune: what it decided, and how far the WAL of each branch went then. It cannot remove what
// came later.
struct Prune {
  Retention decision;
  std::map<BranchId, uint64_t> wal_end;
};

Prune prune(const Policy& policy, const History& history, const RetentionInput& catalog,
            Instant now) {
  Prune done{.decision = decide_retention(policy, catalog, now), .wal_end = {}};
  for (const Moment& moment : history.moments) {
    if (moment.at <= now) done.wal_end[moment.branch] = moment.lsn;
  }
  return done;
}

// Whether it left the bytes [from, to) of a branch, which are archived piece by piece.
bool left_by(const Prune& prune, BranchId branch, uint64_t from, uint64_t to) {
  const auto end = prune.wal_end.find(branch);
  if (end == prune.wal_end.end()) return true;
  for (uint64_t at = from / piece_bytes * piece_bytes; at < std::min(to, end->second);
       at += piece_bytes) {
    if (!needed(prune.decision, {branch.first, branch.second, at, at + piece_bytes})) return false;
  }
  return true;
}

bool restorable(const History& history, const Moment& moment,
                const std::vector<CatalogSnapshot>& snapshots, const WalIsThere& wal) {
  Way way = history.ways.at(moment.branch);
  way.emplace_back(moment.branch.second, moment.lsn);
  for (const CatalogSnapshot& base : snapshots) {
    if (base.damaged || base.epoch != moment.branch.first || base.ended > moment.at) continue;
    bool whole = true;
    bool on_way = false;
    uint64_t from = base.start_lsn;
    for (const auto& [timeline, end] : way) {
      if (!on_way && timeline == base.timeline) on_way = base.stop_lsn <= end;
      if (!on_way) continue;
      whole = whole && wal({base.epoch, timeline}, from, end);
      from = end;
    }
    if (on_way && whole) return true;
  }
  return false;
}

RC_GTEST_PROP(Retention, pruned_again_and_again_restores_every_moment_of_the_window, ()) {
  const Policy policy = any_policy();
  const History history = any_history(policy.layers.pitr->retain);
  const WalIsThere everything = [](BranchId, uint64_t, uint64_t) { return true; };
  std::vector<Prune> prunes;
  std::set<std::string> gone;
  for (Instant now = history.begin + one_day; now <= history.end;
       now += *rc::gen::inRange(1, 9) * one_day) {
    RetentionInput catalog = catalog_at(history, now);
    const std::vector<CatalogSnapshot> ever = catalog.snapshots;
    std::erase_if(catalog.snapshots, [&](const CatalogSnapshot& s) { return gone.contains(s.id); });
    prunes.push_back(prune(policy, history, catalog, now));
    const Retention& decision = prunes.back().decision;
    for (const Verdict& verdict : decision.snapshots) {
      if (!verdict.keep) gone.insert(verdict.id);
    }
    const WalIsThere left = [&](BranchId branch, uint64_t from, uint64_t to) {
      return std::ranges::all_of(prunes,
                                 [&](const Prune& p) { return left_by(p, branch, from, to); });
    };
    const std::vector<CatalogSnapshot> kept = without(catalog, decision).snapshots;
    for (const Moment& moment : history.moments) {
      if (moment.at > now || moment.at < now - policy.layers.pitr->retain) continue;
      if (restorable(history, moment, ever, everything))
        RC_ASSERT(restorable(history, moment, kept, left));
    }
    // And every kept snapshot that is good can be restored to its own end.
    for (const CatalogSnapshot& snapshot : kept) {
      RC_ASSERT(left({snapshot.epoch, snapshot.timeline}, snapshot.start_lsn, snapshot.stop_lsn));
    }
  }
}

// It is not true that what may go never comes back: with tiers shorter than the window, a snapshot
// inside the window may go and yet become the best base for it once it is older. What is true:
// older than the window, it never comes back.
RC_GTEST_PROP(Retention, once_older_than_the_window_what_may_go_never_comes_back, ()) {
  const Policy policy = any_policy();
  const History history = any_history(policy.layers.pitr->retain);
  const RetentionInput catalog = catalog_at(history, history.end);
  const Instant now = history.end + *rc::gen::inRange(0, 40) * one_day;
  const Instant later = now + *rc::gen::inRange(0, 40) * one_day;
  const Retention first = decide_retention(policy, catalog, now);
  const Retention second = decide_retention(policy, catalog, later);
  for (size_t i = 0; i < catalog.snapshots.size(); ++i) {
    const bool old = catalog.snapshots[i].ended <= now - policy.layers.pitr->retain;
    if (old && !first.snapshots[i].keep) RC_ASSERT(!second.snapshots[i].keep);
  }
}

RC_GTEST_PROP(Retention, with_tiers_longer_than_the_window_what_may_go_never_comes_back, ()) {
  Policy policy = any_policy();
  const History history = any_history(policy.layers.pitr->retain);
  for (Tier& tier : policy.layers.snapshots)
    tier.retain += policy.layers.pitr->retain;  // and no snapshot takes a day
  const RetentionInput catalog = catalog_at(history, history.end);
  const Instant now = history.end + *rc::gen::inRange(0, 40) * one_day;
  const Instant later = now + *rc::gen::inRange(0, 40) * one_day;
  const Retention first = decide_retention(policy, catalog, now);
  const Retention second = decide_retention(policy, catalog, later);
  for (size_t i = 0; i < catalog.snapshots.size(); ++i) {
    if (!first.snapshots[i].keep) RC_ASSERT(!second.snapshots[i].keep);
  }
}

RC_GTEST_PROP(Retention, never_lets_all_go_and_always_says_why, ()) {
  const Policy policy = any_policy();
  const History history = any_history(policy.layers.pitr->retain);
  const RetentionInput catalog = catalog_at(history, history.end);
  const Retention retention =
      decide_retention(policy, catalog, history.end + *rc::gen::inRange(0, 4000) * one_day);
  const bool any_good =
      std::ranges::any_of(catalog.snapshots, [](const CatalogSnapshot& s) { return !s.damaged; });
  bool good_kept = false;
  for (size_t i = 0; i < catalog.snapshots.size(); ++i) {
    RC_ASSERT(!retention.snapshots[i].reasons.empty());
    good_kept = good_kept || (retention.snapshots[i].keep && !catalog.snapshots[i].damaged);
  }
  RC_ASSERT(good_kept == any_good);
}

RC_GTEST_PROP(Retention, keeps_no_less_when_a_tier_keeps_longer, ()) {
  Policy policy = any_policy();
  const History history = any_history(policy.layers.pitr->retain);
  const RetentionInput catalog = catalog_at(history, history.end);
  const Retention before = decide_retention(policy, catalog, history.end);
  policy.layers.snapshots[*rc::gen::inRange<size_t>(0, 2)].retain +=
      *rc::gen::inRange(1, 30) * one_day;
  const Retention after = decide_retention(policy, catalog, history.end);
  for (size_t i = 0; i < catalog.snapshots.size(); ++i) {
    if (before.snapshots[i].keep) RC_ASSERT(after.snapshots[i].keep);
  }
}

RC_GTEST_PROP(Retention, keeps_no_less_wal_when_the_window_is_longer, ()) {
  Policy policy = any_policy();
  const History history = any_history(policy.layers.pitr->retain);
  const RetentionInput catalog = catalog_at(history, history.end);
  const Retention before = decide_retention(policy, catalog, history.end);
  policy.layers.pitr->retain += *rc::gen::inRange(1, 30) * one_day;
  const Retention after = decide_retention(policy, catalog, history.end);
  for (const Moment& moment : history.moments) {
    const WalPiece piece{moment.branch.first, moment.branch.second, moment.lsn, moment.lsn + 1};
    if (needed(before, piece)) RC_ASSERT(needed(after, piece));
  }
}

}  // namespace
}  // namespace policy
