// Simulated years of several daemons that share nothing but what they put: claims, records,
// results. They crash, are stopped, fail, take too long, look at the store and act on what they saw
// a while later. Whatever happens, each slot has exactly one result or is reported missed at its
// deadline.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "policy/duration.h"
#include "policy/testing.h"
#include "schedule/run_queue.h"
#include "testing/dice.h"

namespace schedule {
namespace {

using base::Duration;
using base::Instant;
using policy::DueRun;
using policy::Tier;
using policy::TieredLayer;
using policy::TierHistory;
using policy::TierKey;
using policy::utc;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration retry_after = minutes(5);

Tier tier(const char* name, const char* cadence) {
  return {.name = name,
          .cadence = policy::parse_cadence(cadence),
          .retain = policy::period(policy::parse_cadence(cadence)) + policy::one_day,
          .start_within = minutes(15),
          .finish_within = hours(2)};
}

policy::Policy policy_in(const char* zone) {
  policy::Policy policy;
  policy.timezone = policy::Zone::named(zone);
  policy.layers.snapshots = {tier("nightly", "02:00"), tier("weekly", "Sun 02:00"),
                             tier("often", "every 6h")};
  policy::DumpTier dumps;
  dumps.tier = tier("nightly", "02:30");
  policy.layers.dumps = {dumps};
  return policy;
}

// What can go wrong, as one in so many; 0: never.
struct Troubles {
  uint64_t fails = 0;
  uint64_t dies_silently = 0;  // a run, with its daemon living on: a hung thread
  uint64_t crash_each_hours = 0;
  uint64_t stop_each_hours = 0;
  uint64_t takes_minutes_max = 10;
};

// What is in the store.
struct World {
  const policy::Policy& policy;
  std::map<TierKey, TierHistory> histories;
  std::map<TierKey, FailedAttempt> failed;                       // the last record, where it failed
  std::map<std::pair<TierKey, Instant>, std::set<int>> claimed;  // attempts
  std::map<std::pair<TieredLayer, Instant>, int> committed;      // how often, which must be once
  std::map<std::pair<TierKey, Instant>, Instant> done;
  uint64_t lost_races = 0;
  uint64_t attempts = 0;

  const Tier& tier_of(const TierKey& key) const {
    if (key.layer == TieredLayer::dumps) return policy.layers.dumps[0].tier;
    return *std::ranges::find(policy.layers.snapshots, key.tier, &Tier::name);
  }

  // The tiers that a run of this slot serves: app::slot_of().
  std::vector<TierKey> rows_of(const DueRun& run) const {
    if (run.layer == TieredLayer::dumps) return {{run.layer, "nightly"}};
    std::vector<TierKey> rows;
    for (const Tier& one : policy.layers.snapshots) {
      if (policy::last_slot_at_or_before(one.cadence, policy.timezone, run.slot) == run.slot)
        rows.push_back({run.layer, one.name});
    }
    return rows;
  }

  // app::run_slot(): the attempt of this row that may be claimed now, or 0.
  int next_attempt(const TierKey& row, Instant slot, Instant now) const {
    int attempt = 1;
    for (const policy::Claim& claim : histories.at(row).claims) {
      if (claim.slot != slot) continue;
      if (!claim.failed && now < claim.claimed + tier_of(row).finish_within) return 0;
      attempt = std::max(attempt, claim.attempt + 1);
    }
    return attempt;
  }

  bool put_claim(const TierKey& row, Instant slot, int attempt, Instant now) {
    if (!claimed[{row, slot}].insert(attempt).second) return false;
    histories[row].claims.push_back({.slot = slot, .attempt = attempt, .claimed = now});
    return true;
  }

  void put_failure(const TierKey& row, Instant slot, int attempt, bool cancelled, Instant now) {
    for (policy::Claim& claim : histories[row].claims) {
      if (claim.slot == slot && claim.attempt == attempt) claim.failed = true;
    }
    failed.erase(row);
    if (!cancelled) failed[row] = {.slot = slot, .attempt = attempt, .ended = now};
  }

  // Put if absent: false for the second.
  bool commit(const DueRun& run, const std::vector<TierKey>& rows, Instant now) {
    const bool first = !committed.contains({run.layer, run.slot});
    if (!first) return false;
    ++committed[{run.layer, run.slot}];
    for (const TierKey& row : rows) {
      histories[row].results.push_back({run.slot, now});
      done[{row, run.slot}] = now;
    }
    return true;
  }

  // What is older than any retention, as an old repository would be slow to judge.
  void forget(Instant now) {
    for (auto& [key, history] : histories) {
      const auto is_old = [&](const auto& one) { return one.slot < now - 12 * policy::one_day; };
      std::erase_if(history.claims, is_old);
      std::erase_if(history.results, is_old);
    }
  }
};

class Daemon {
 public:
  Daemon(World& world, const Troubles& troubles, testing::Dice& dice, Instant now)
      : world_(world), troubles_(troubles), dice_(dice) {
    start(now);
  }

  // When something happens next.
  Instant next() const {
    if (!process_) return up_again_;
    Instant next = std::min(process_->look_ends.value_or(process_->next_look), process_->ends_at);
    for (const Run& run : process_->runs) next = std::min(next, run.ends);
    return std::max(next, now_ + seconds(1));
  }

  void turn(Instant now) {
    now_ = now;
    if (!process_) {
      if (now >= up_again_) start(now);
      return;
    }
    if (now >= process_->ends_at) return end();
    for (size_t i = 0; i < process_->runs.size();) {
      if (process_->runs[i].ends > now) {
        ++i;
      } else {
        end_run(process_->runs[i], false);
        process_->runs.erase(process_->runs.begin() + static_cast<ptrdiff_t>(i));
      }
    }
    turn_look();
    if (process_->look_ends || process_->next_look <= now) return;
    for (const DueRun& run : process_->queue.choose(now)) begin_run(run);
  }

 private:
  struct Run {
    DueRun due;
    Instant ends;
    std::vector<std::pair<TierKey, int>> held;  // attempts
    bool lost = false;
  };
  struct Process {
    Gate gate{2};
    RunQueue queue{gate, retry_after};
    RunQueue::Look look = 0;
    std::optional<Instant> look_ends;
    Instant looked;
    Offer seen;
    Instant next_look;
    Instant ends_at;
    bool crashes = false;
    std::vector<Run> runs;
  };

  void start(Instant now) {
    now_ = now;
    process_ = std::make_unique<Process>();
    process_->next_look = now;
    const Instant crash = after(troubles_.crash_each_hours);
    const Instant stop = after(troubles_.stop_each_hours);
    process_->crashes = crash < stop;
    process_->ends_at = std::min(crash, stop);
  }

  Instant after(uint64_t each_hours) {
    if (each_hours == 0) return Instant::max();
    return now_ + minutes(dice_.between(1, uint64_t{120} * each_hours));
  }

  // A crash leaves its claims; whoever is told to stop gives them back.
  void end() {
    if (!process_->crashes) {
      for (Run& run : process_->runs) end_run(run, true);
    }
    process_.reset();
    up_again_ = now_ + minutes(dice_.between(0, 300));
  }

  void turn_look() {
    Process& process = *process_;
    if (process.look_ends && now_ >= *process.look_ends) {
      process.look_ends.reset();
      process.queue.offer(process.look, process.seen);
      process.next_look = process.queue.next_look(now_);
    } else if (!process.look_ends && now_ >= process.next_look) {
      process.look = process.queue.begin_look();
      process.looked = now_;
      process.seen =
          offer_of(policy::judge_policy(world_.policy, world_.histories, now_), world_.failed);
      process.look_ends = now_ + seconds(dice_.between(1, 40));
    }
  }

  void begin_run(const DueRun& due) {
    ++world_.attempts;
    Run run{.due = due, .ends = now_ + seconds(2), .held = {}};
    if (!world_.committed.contains({due.layer, due.slot})) claim(run);
    process_->runs.push_back(std::move(run));
  }

  void claim(Run& run) {
    const std::vector<TierKey> rows = world_.rows_of(run.due);
    std::vector<int> attempts;
    for (const TierKey& row : rows) {
      attempts.push_back(world_.next_attempt(row, run.due.slot, now_));
      if (attempts.back() == 0) {
        run.lost = true;
        ++world_.lost_races;
        return;
      }
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      ASSERT_TRUE(world_.put_claim(rows[i], run.due.slot, attempts[i], now_)) << "claimed twice";
      expect_patience(rows[i], run.due.slot, attempts[i]);
      run.held.emplace_back(rows[i], attempts[i]);
    }
    run.ends = now_ + minutes(dice_.between(1, troubles_.takes_minutes_max));
    if (troubles_.dies_silently > 0 && dice_.one_in(troubles_.dies_silently))
      run.ends = now_ + hours(dice_.between(3, 12));
  }

  // Whoever failed before, and whichever daemon it was: the pause is kept, if it could be known.
  void expect_patience(const TierKey& row, Instant slot, int attempt) const {
    const auto last = world_.failed.find(row);
    if (last == world_.failed.end() || last->second.slot != slot ||
        last->second.ended > process_->looked)
      return;
    EXPECT_GE(now_ - last->second.ended, pause_after(last->second.attempt, retry_after))
        << base::to_rfc3339(slot) << " attempt " << attempt;
  }

  void end_run(Run& run, bool cancelled) {
    const bool holds = !run.held.empty();
    const bool fails = holds && troubles_.fails > 0 && dice_.one_in(troubles_.fails);
    std::vector<TierKey> rows;
    for (const auto& [row, attempt] : run.held) rows.push_back(row);
    const bool well = holds && !cancelled && !fails && world_.commit(run.due, rows, now_);
    if (!well) {
      for (const auto& [row, attempt] : run.held)
        world_.put_failure(row, run.due.slot, attempt, cancelled, now_);
    }
    process_->queue.ended(run.due, cancelled ? RunEnd::cancelled : RunEnd::over, now_);
    process_->next_look = now_;
  }

  World& world_;
  const Troubles& troubles_;
  testing::Dice& dice_;
  Instant now_;
  std::unique_ptr<Process> process_;  // null: down
  Instant up_again_;
};

class Year {
 public:
  Year(const char* zone, const Troubles& troubles, int daemons, uint64_t seed)
      : policy_(policy_in(zone)), dice_(seed), world_{.policy = policy_} {
    const auto adopt = [&](TieredLayer layer, const Tier& one) {
      world_.histories[{layer, one.name}] = {
          .adopted = begin_, .cadence_since = begin_, .results = {}, .claims = {}};
    };
    for (const Tier& one : policy_.layers.snapshots) adopt(TieredLayer::snapshots, one);
    adopt(TieredLayer::dumps, policy_.layers.dumps[0].tier);
    for (const auto& [key, history] : world_.histories)
      watched_[key] = watched_from(key, begin_ - Duration{1});
    troubles_ = troubles;
    for (int i = 0; i < daemons; ++i)
      daemons_.push_back(std::make_unique<Daemon>(world_, troubles_, dice_, begin_));
  }

  // 2028 has a leap day, and the clocks of most zones change twice.
  void run() {
    Instant now = begin_;
    Instant next_forget = begin_;
    while (now < end_) {
      Instant next = end_;
      for (const auto& daemon : daemons_) next = std::min(next, daemon->next());
      watch(next);
      now = next;
      for (const auto& daemon : daemons_) daemon->turn(now);
      if (now >= next_forget) {
        world_.forget(now);
        next_forget = now + policy::one_day;
      }
    }
  }

  // Each slot has one result, or was reported at its deadline; how many of all were missed.
  size_t expect_each_slot_once_or_reported() {
    for (const auto& [slot, times] : world_.committed) EXPECT_EQ(times, 1);
    size_t missed = 0;
    for (const auto& [key, history] : world_.histories) {
      for (const Instant slot : slots_of(key)) {
        ++slots_;
        const auto done = world_.done.find({key, slot});
        const bool reported = reported_.contains({key, slot});
        const bool in_time = done != world_.done.end() && done->second < deadline_of(key, slot);
        EXPECT_NE(in_time, reported) << key.tier << " " << base::to_rfc3339(slot);
        missed += reported ? 1 : 0;
      }
    }
    return missed;
  }

  std::vector<Instant> slots_of(const TierKey& key) const {
    return policy::slots_between(world_.tier_of(key).cadence, policy_.timezone, begin_,
                                 end_ - policy::one_day);
  }

  const World& world() const { return world_; }
  size_t slots() const { return slots_; }
  // From its slot to its result, the longest.
  Duration slowest(const TierKey& key) const {
    Duration most{};
    for (const auto& [slot, at] : world_.done) {
      if (slot.first == key) most = std::max(most, at - slot.second);
    }
    return most;
  }

 private:
  Instant deadline_of(const TierKey& key, Instant slot) const {
    const Tier& one = world_.tier_of(key);
    return std::min(slot + one.finish_within,
                    policy::next_slot_after(one.cadence, policy_.timezone, slot));
  }

  // What a watcher reports that looks at each deadline before `until`, and at no other time.
  void watch(Instant until) {
    for (auto& [key, next] : watched_) {
      while (next.deadline <= until) {
        const policy::TierStatus status = policy::judge_tier(world_.tier_of(key), policy_.timezone,
                                                             world_.histories[key], next.deadline);
        if (std::ranges::find(status.missed, next.slot) != status.missed.end())
          reported_.insert({key, next.slot});
        next = watched_from(key, next.slot);
      }
    }
  }

  struct Watched {
    Instant slot;
    Instant deadline;
  };
  Watched watched_from(const TierKey& key, Instant behind) const {
    const Instant slot =
        policy::next_slot_after(world_.tier_of(key).cadence, policy_.timezone, behind);
    return {slot, deadline_of(key, slot)};
  }

  const Instant begin_ = utc("2027-12-31T20:00:00Z");
  const Instant end_ = utc("2029-01-02T00:00:00Z");
  policy::Policy policy_;
  testing::Dice dice_;
  World world_;
  Troubles troubles_;
  std::vector<std::unique_ptr<Daemon>> daemons_;
  std::map<TierKey, Watched> watched_;
  std::set<std::pair<TierKey, Instant>> reported_;
  size_t slots_ = 0;
};

const char* const zones[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                             "Asia/Singapore"};
const TierKey nightly{TieredLayer::snapshots, "nightly"};
const TierKey dumps{TieredLayer::dumps, "nightly"};

TEST(Year, without_trouble_every_slot_is_run_once_and_soon) {
  testing::Dice seeds;
  for (const char* zone : zones) {
    const uint64_t seed = seeds.below(1'000'000);
    SCOPED_TRACE(fmt::format("{}, seed {} of {}", zone, seed, seeds.told()));
    Year year(zone, {}, 2, seed);
    year.run();
    EXPECT_EQ(year.expect_each_slot_once_or_reported(), 0u);
    EXPECT_GT(year.slots(), 366u * 4);
    for (const auto& [slot, attempts] : year.world().claimed) EXPECT_EQ(attempts.size(), 1u);
    EXPECT_LT(year.slowest(nightly), minutes(12));
    EXPECT_LT(year.slowest(dumps), minutes(12));
    EXPECT_GT(year.world().lost_races, 0u);  // they do meet
  }
}

TEST(Year, a_dump_never_waits_for_a_snapshot) {
  testing::Dice seeds;
  const uint64_t seed = seeds.below(1'000'000);
  SCOPED_TRACE(fmt::format("seed {} of {}", seed, seeds.told()));
  Year year("Europe/Berlin", {.dies_silently = 3, .takes_minutes_max = 2}, 1, seed);
  year.run();
  EXPECT_GT(year.expect_each_slot_once_or_reported(), 0u);
  // A daemon whose snapshots hang for hours begins each dump on time; what is late hung itself.
  size_t late = 0;
  for (const Instant slot : year.slots_of(dumps)) {
    const auto& claims = year.world().claimed;
    late += claims.contains({dumps, slot}) ? 0 : 1;
  }
  EXPECT_EQ(late, 0u);
}

TEST(Year, each_slot_has_one_result_or_is_reported_whatever_happens) {
  testing::Dice seeds;
  const Troubles troubles{.fails = 4,
                          .dies_silently = 30,
                          .crash_each_hours = 30,
                          .stop_each_hours = 40,
                          .takes_minutes_max = 150};
  for (uint64_t round = 0; round < testing::rounds(1); ++round) {
    for (const char* zone : zones) {
      const uint64_t seed = seeds.below(1'000'000);
      SCOPED_TRACE(fmt::format("{}, seed {} of {}", zone, seed, seeds.told()));
      Year year(zone, troubles, static_cast<int>(seeds.between(1, 3)), seed);
      year.run();
      const size_t missed = year.expect_each_slot_once_or_reported();
      EXPECT_GT(missed, 0u);                // it was a bad year
      EXPECT_LT(missed, year.slots() / 2);  // and most of it was saved
    }
  }
}

TEST(Year, with_failures_alone_nearly_every_slot_is_saved_by_another_attempt) {
  testing::Dice seeds;
  for (const char* zone : {"Europe/Berlin", "Australia/Lord_Howe"}) {
    const uint64_t seed = seeds.below(1'000'000);
    SCOPED_TRACE(fmt::format("{}, seed {} of {}", zone, seed, seeds.told()));
    Year year(zone, {.fails = 3, .takes_minutes_max = 5}, 2, seed);
    year.run();
    const size_t missed = year.expect_each_slot_once_or_reported();
    EXPECT_LT(missed, year.slots() / 50);
  }
}

}  // namespace
}  // namespace schedule
