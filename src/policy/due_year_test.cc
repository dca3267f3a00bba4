// Simulated years: daemons that come and go, runs that take long, fail or die, and a clock that
// only moves forward. Whatever happens, each slot ends as done or as missed, once; and nothing is
// run twice.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>

#include "policy/due.h"
#include "policy/duration.h"
#include "policy/testing.h"

namespace policy {
namespace {

using base::Duration;
using base::Instant;
using std::chrono::hours;
using std::chrono::minutes;

// Small and seeded: a year needs thousands of draws, more than a property should shrink.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed * 2 + 1) {}
  bool one_in(uint64_t sides) { return roll(sides) == 0; }
  uint64_t roll(uint64_t sides) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % sides;
  }

 private:
  uint64_t state_;
};

struct Run {
  Instant slot;
  Instant ends;
  int attempt;
  bool succeeds;
};

// One tier, carried out by daemons that claim what runs_due() offers them.
class Simulation {
 public:
  Simulation(Tier tier, Zone zone, Instant begin, uint64_t seed)
      : tier_(std::move(tier)), zone_(zone), now_(begin), dice_(seed) {
    history_.adopted = history_.cadence_since = begin;
  }

  void advance_to(Instant end, Duration tick) {
    for (; now_ < end; now_ += tick) {
      if (up_ ? dice_.one_in(200) : dice_.one_in(20)) up_ = !up_;
      finish_runs();
      const TierStatus status = judge_tier(tier_, zone_, history_, now_);
      check_counts(status);
      for (const Instant slot : status.missed) reported_missed_.insert(slot);
      if (status.last_slot) watch(*status.last_slot);
      if (up_) start(status);
    }
  }

  Instant now() const { return now_; }
  const Tier& tier() const { return tier_; }
  const std::set<Instant>& reported_missed() const { return reported_missed_; }
  const std::map<Instant, int>& accepted() const { return accepted_; }

 private:
  void start(const TierStatus& status) {
    for (const DueRun& due : runs_due({{{TieredLayer::snapshots, tier_.name}, status}})) {
      const int attempt = due.tickets.front().attempt;
      ASSERT_TRUE(claimed_.insert({due.slot, attempt}).second) << "claimed twice";
      history_.claims.push_back({.slot = due.slot, .attempt = attempt, .claimed = now_});
      // A run takes up to five hours, may fail, or may die without a word.
      runs_.push_back({due.slot, now_ + minutes{dice_.roll(300)}, attempt, !dice_.one_in(4)});
      if (dice_.one_in(8)) runs_.pop_back();
    }
  }

  void finish_runs() {
    std::erase_if(runs_, [&](const Run& run) {
      if (run.ends > now_) return false;
      const bool first = !accepted_.contains(run.slot);  // the commit object is keyed by the slot
      if (run.succeeds && first) {
        ++accepted_[run.slot];
        history_.results.push_back({run.slot, run.ends});
      }
      for (Claim& claim : history_.claims) {
        if (claim.slot == run.slot && claim.attempt == run.attempt) claim.failed = !run.succeeds;
      }
      return true;
    });
  }

  // The states of one slot only go one way: from due and running to missed, and from anywhere to
  // done.
  void watch(const SlotStatus& status) {
    const auto [seen, first] = states_.emplace(status.slot, status.state);
    if (!first && seen->second == SlotState::done) {
      ASSERT_EQ(status.state, SlotState::done);
    }
    if (!first && seen->second == SlotState::missed) {
      ASSERT_TRUE(status.state == SlotState::missed || status.state == SlotState::done);
    }
    seen->second = status.state;
    ASSERT_EQ(status.state == SlotState::missed,
              now_ >= status.deadline && !accepted_.contains(status.slot));
  }

  void check_counts(const TierStatus& status) {
    ASSERT_EQ(status.expected, status.kept + static_cast<int64_t>(status.missed.size()));
    ASSERT_GT(status.next_slot, now_);
  }

  Tier tier_;
  Zone zone_;
  Instant now_;
  Dice dice_;
  TierHistory history_;
  bool up_ = true;
  std::vector<Run> runs_;
  std::set<std::pair<Instant, int>> claimed_;
  std::set<Instant> reported_missed_;
  std::map<Instant, int> accepted_;
  std::map<Instant, SlotState> states_;
};

Tier tier(const std::string& cadence) {
  Tier made{.name = "nightly",
            .cadence = parse_cadence(cadence),
            .retain = 8 * one_day,
            .start_within = minutes{15},
            .finish_within = hours{2}};
  made.finish_within = std::min(made.finish_within, period(made.cadence));
  return made;
}

// How many slots were done.
size_t expect_each_slot_once(const Simulation& simulation, const Zone& zone, Instant begin) {
  // The last day is left out: its slots may still be open.
  size_t done = 0;
  for (const Instant slot :
       slots_between(simulation.tier().cadence, zone, begin, simulation.now() - one_day)) {
    const bool accepted = simulation.accepted().contains(slot);
    EXPECT_TRUE(accepted || simulation.reported_missed().contains(slot)) << base::to_rfc3339(slot);
    done += accepted ? 1 : 0;
  }
  for (const auto& [slot, times] : simulation.accepted())
    EXPECT_EQ(times, 1) << base::to_rfc3339(slot);
  return done;
}

TEST(DueYear, ends_with_each_slot_done_or_missed_once_in_every_zone) {
  uint64_t seed = 1;
  for (const char* name :
       {"America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Singapore"}) {
    const Zone zone = Zone::named(name);
    for (const char* cadence : {"02:15", "Sun 02:30", "every 6h"}) {
      SCOPED_TRACE(fmt::format("{} {} seed {}", name, cadence, ++seed));
      const Instant begin = utc("2027-12-31T12:00:00Z");  // and so through a leap day
      Simulation simulation(tier(cadence), zone, begin, seed);
      simulation.advance_to(begin + 370 * one_day, hours{1});
      EXPECT_GT(expect_each_slot_once(simulation, zone, begin), 20u);
    }
  }
}

RC_GTEST_PROP(DueYear, ends_with_each_slot_done_or_missed_once_whatever_happens, ()) {
  const auto zone = Zone::named(*rc::gen::element<std::string>("America/New_York", "Europe/London",
                                                               "Australia/Lord_Howe",
                                                               "Asia/Singapore", "America/Nuuk"));
  const int minute = *rc::gen::inRange(0, 1440);
  const std::string clock = fmt::format("{:02}:{:02}", minute / 60, minute % 60);
  const std::string cadence =
      *rc::gen::elementOf(std::vector<std::string>{clock, "Sun " + clock, "every 4h"});
  const Instant begin = utc("2026-01-01T00:00:00Z") + hours{*rc::gen::inRange(0, 365 * 24)};
  Simulation simulation(tier(cadence), zone, begin, *rc::gen::arbitrary<uint64_t>());
  simulation.advance_to(begin + 30 * one_day, hours{1});
  (void)expect_each_slot_once(simulation, zone, begin);
}

RC_GTEST_PROP(DueYear, runs_each_day_once_however_often_the_time_is_edited, ()) {
  const auto zone = Zone::named(
      *rc::gen::element<std::string>("America/New_York", "Australia/Lord_Howe", "Asia/Singapore"));
  const auto any_time = rc::gen::map(rc::gen::inRange(0, 22 * 60), [](int minute) {
    return Cadence{.time_of_day = minutes{minute}};
  });
  Tier edited{.name = "nightly",
              .cadence = *any_time,
              .retain = 8 * one_day,
              .start_within = minutes{30},
              .finish_within = hours{1}};
  const Instant begin = utc("2026-03-01T12:00:00Z") + hours{*rc::gen::inRange(0, 300 * 24)};
  Instant now = begin;
  TierHistory history{.adopted = begin, .cadence_since = begin, .results = {}, .claims = {}};
  // A daemon that is always up and takes no time, while somebody edits the policy about every third
  // day, at any hour.
  std::map<std::string, int> runs_of_day;
  const Instant end = begin + 20 * one_day;
  Instant next_edit = begin + hours{*rc::gen::inRange(1, 72)};
  for (; now < end; now += minutes{30}) {
    if (now >= next_edit) {
      edited.cadence = *any_time;
      history.cadence_since = now;
      next_edit = now + hours{*rc::gen::inRange(1, 72)};
    }
    const TierStatus status = judge_tier(edited, zone, history, now);
    RC_ASSERT(status.missed.empty());
    if (!status.last_slot || !status.last_slot->attempt) continue;
    history.results.push_back({status.last_slot->slot, now});
    ++runs_of_day[local_date(status.last_slot->slot, zone)];
  }
  for (LocalDay today = local_day(begin, zone) + std::chrono::days{1};
       today < local_day(end, zone) - std::chrono::days{1}; today += std::chrono::days{1}) {
    const Instant noon = zone.read(LocalTime{today.time_since_epoch()} + hours{12}).first_valid;
    RC_ASSERT(runs_of_day[local_date(noon, zone)] == 1);
  }
}

}  // namespace
}  // namespace policy
