// What is due, late and missed: one pure function of (policy, what the catalog holds, now). It
// starts nothing; the scheduler, `status` and `watch` act on it.
//
// A slot, once reached, is in one of four states:
//
//            start_within          finish_within (or the next slot, if that is sooner)
//   slot ---------+---------------------+---------------> time
//        due      | due, and late       | missed       no accepted result
//        running (as long as a claim is live)          somebody is at it
//        done                                          an accepted result, whenever it came
//
// Which result belongs to which slot. A result is accepted for the slot it was taken for. If the
// cadence has no such slot (any more), because `at` or the zone was edited, it counts for the slot
// of the same day on the policy's calendar; of an `every` cadence, for the slot whose interval it
// falls into. So editing `at` does not run today's again. Nor does it drop today's: if the new time
// of today is past when the edit takes effect, the slot is counted from the edit on. Claims belong
// to slots in the same way.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/policy.h"

namespace policy {

// An object that is valid and was committed for a slot of a tier.
struct AcceptedResult {
  base::Instant slot;
  base::Instant finished;
};

struct Claim {
  base::Instant slot;
  int attempt = 1;
  base::Instant claimed;
  bool failed = false;  // its run ended without a result
};

// What is known of one tier.
struct TierHistory {
  base::Instant adopted;        // since when a policy has had this tier: no slot before is expected
  base::Instant cadence_since;  // since when its cadence and zone are what they are; `adopted`, if
                                // never edited
  std::vector<AcceptedResult> results;
  std::vector<Claim> claims;
};

enum class SlotState { due, running, done, missed };
std::string_view name(SlotState state);

struct SlotStatus {
  base::Instant slot;
  base::Instant deadline;  // from here on it is missed
  SlotState state = SlotState::due;
  bool late = false;  // due, and not claimed by `start_within`
  // The attempt that may be claimed now. A missed slot has one too if its claims came to nothing:
  // late is better than never, until the next slot. One that nobody claimed in time stays missed.
  std::optional<int> attempt;
};

struct TierStatus {
  std::optional<AcceptedResult> last_success;  // by slot
  std::optional<SlotStatus> last_slot;         // the newest slot that was expected by now
  std::vector<base::Instant> missed;  // in order; those whose retention would not have ended yet
  base::Instant next_slot;            // the first after now that has no result yet
  int64_t kept = 0;                   // slots with a result, of those whose retention has not ended
  int64_t expected = 0;               // what `kept` should be: those, and the missed ones
};

TierStatus judge_tier(const Tier& tier, const Zone& zone, const TierHistory& history,
                      base::Instant now);

enum class TieredLayer { snapshots, dumps };
std::string_view name(TieredLayer layer);

struct TierKey {
  TieredLayer layer = TieredLayer::snapshots;
  std::string tier;
  auto operator<=>(const TierKey&) const = default;
};

struct TierReport {
  TierKey key;
  TierStatus status;
};

// Every tier of the policy, in its order. A tier without a history counts as adopted now.
std::vector<TierReport> judge_policy(const Policy& policy,
                                     const std::map<TierKey, TierHistory>& histories,
                                     base::Instant now);

// A run that may be started now. Tiers of snapshots that share a slot share the run: each is
// claimed, one is taken.
struct DueRun {
  struct Ticket {
    std::string tier;
    int attempt;
  };
  TieredLayer layer = TieredLayer::snapshots;
  base::Instant slot;
  std::vector<Ticket> tickets;
};

// In the order of their slots.
std::vector<DueRun> runs_due(const std::vector<TierReport>& reports);

}  // namespace policy
