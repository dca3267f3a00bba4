// Whether restores are rehearsed as the policy says: what is due, what was missed, what failed. All
// but reading is pure.
#pragma once

#include "monitor/finding.h"
#include "policy/policy.h"
#include "policy/quarter.h"
#include "repository/drill_record.h"

namespace monitor {

struct DrillHistory {
  std::vector<repository::DrillRecord> records;  // oldest first; the newest of each kind
  std::vector<repository::SignOff> sign_offs;
  // Since when the policies that were kept have each; nothing: only the present one may.
  std::optional<base::Instant> weekly_since;
  std::optional<base::Instant> quarterly_since;
};

// Reads `newest_max` records of each kind: two are enough to judge by.
DrillHistory read_drill_history(const repository::Repository& repository, size_t newest_max,
                                std::stop_token stop);

// The kinds that there is something to rehearse of, in the rotation's order. A host may have no
// server for `major`.
std::vector<repository::DrillKind> drill_kinds(const policy::Policy& policy);

// The one of `kinds` whose last drill is the longest ago. `kinds` is not empty.
repository::DrillKind next_kind(const std::vector<repository::DrillKind>& kinds,
                                const std::vector<repository::DrillRecord>& records);

enum class DrillState { waiting, due, missed };

struct DrillsDue {
  // The weekly drill: the newest slot, unless one was held since; then the next.
  std::optional<base::Instant> slot;
  DrillState state = DrillState::waiting;
  std::optional<base::Instant> deadline;  // of the slot
  // Quarters that nobody has signed off: the one before, if it was promised then, and this one.
  std::vector<policy::Quarter> unsigned_quarters;
  policy::Quarter quarter;  // that is now
};

// For the daemon, `drill --if-due`, and `drill due`.
DrillsDue drills_due(const policy::Policy& policy, const DrillHistory& history, base::Instant now);

// Findings: the weekly drill missed, the last drill of a kind failed, a restore slower or older
// than the objectives, a quarter that was not signed off, or will soon be too late to be.
std::vector<Finding> judge_drills(const policy::Policy& policy, const DrillHistory& history,
                                  base::Instant now);

}  // namespace monitor
