// Which of the runs that are due may be started now, for one policy: what is under way here already
// is not started again, what failed waits, and no more than the gate lets in. Knows no clock and
// no threads; belongs to one thread.
//
//   begin_look()  ── somebody reads the store ──> offer_of() ──> offer()
//   choose()      ── started; under way until ──> ended()
//   next_look()   ── when to read again
//
// What ended after the look began that an offer comes from is not chosen from it: the offer may not
// know of that end yet.
//
// A run that is still due when it has ended is tried again `retry_after` later, and each further
// pause is twice as long, up to pause_max. Where the store tells that an attempt failed, whoever
// ran it, the pause counts from there, so a restarted daemon and a second one keep to it too.
#pragma once

#include <map>
#include <vector>

#include "policy/due.h"
#include "schedule/gate.h"

namespace schedule {

inline constexpr base::Duration pause_max = std::chrono::hours(1);

// The pause behind failure number `failures`.
base::Duration pause_after(int failures, base::Duration retry_after);

// How an attempt of a tier ended, as its record says.
struct FailedAttempt {
  base::Instant slot;
  int attempt = 1;
  base::Instant ended;
};

// What a look at the store found.
struct Offer {
  std::vector<policy::DueRun> due;
  std::vector<std::pair<policy::TieredLayer, base::Instant>> running;  // slots that somebody has
  std::map<policy::TierKey, FailedAttempt> failed;  // the last record of a tier, where it failed
  base::Instant next_slot = base::Instant::max();   // the first of any tier
};
Offer offer_of(const std::vector<policy::TierReport>& reports,
               std::map<policy::TierKey, FailedAttempt> failed);

enum class RunEnd {
  over,       // well or not: if it is due again, something is wrong, and it waits
  cancelled,  // we were asked to stop
};

class RunQueue {
 public:
  RunQueue(Gate& gate, base::Duration retry_after) : gate_(gate), retry_after_(retry_after) {}

  void set_retry_after(base::Duration retry_after) { retry_after_ = retry_after; }

  using Look = uint64_t;
  Look begin_look() { return ++looks_; }
  // What that look found; false, and dropped, when a newer look's is here already.
  bool offer(Look look, Offer offer);

  // Those that may start now; each counts as under way until it is told to have ended.
  std::vector<policy::DueRun> choose(base::Instant now);
  void ended(const policy::DueRun& run, RunEnd end, base::Instant now);

  // When to look again, after one that ended now: at the next slot; when a pause is over, to choose
  // from what is true then; while somebody else has a slot, or the gate is full, in a minute; now
  // and then anyway. While a look is due or under way, nothing is to be chosen.
  base::Instant next_look(base::Instant now) const;
  // Whether something could start now but for the gate.
  bool waits_for_room(base::Instant now) const;
  size_t under_way() const { return under_way_.size(); }

 private:
  using Key = std::pair<policy::TieredLayer, base::Instant>;  // one run of a policy
  struct Turns {
    int count = 0;
    base::Instant last;
  };

  static Key key_of(const policy::DueRun& run) { return {run.layer, run.slot}; }
  bool is_open(const policy::DueRun& run) const;
  base::Instant not_before(const policy::DueRun& run, base::Instant now) const;

  Gate& gate_;
  base::Duration retry_after_;
  Look looks_ = 0;
  Look offered_at_ = 0;
  Offer offered_;
  std::map<Key, policy::DueRun> under_way_;
  std::map<Key, Look> ended_at_;  // looks that began no later know nothing of its end
  std::map<Key, Turns> turns_;    // that ended here, of what is still due for all we know
};

}  // namespace schedule
