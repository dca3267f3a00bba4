// A drill as the policy wants it: what is rehearsed chosen, stores and keys opened, the record
// written whatever came of it. What the command line, cron and the daemon share.
#pragma once

#include "app/context.h"
#include "drill/rehearsal.h"
#include "monitor/drills.h"

namespace app {

struct DrillRequest {
  std::optional<repository::DrillKind> kind;  // nothing: the next in rotation
  std::optional<base::Instant> at;            // of a moment; nothing: by the seed
  std::optional<uint64_t> seed;               // nothing: by chance
  std::optional<int> major;                   // to restore a dump into; nothing: the newest other
  std::string tier;                           // of dumps; empty: the first that has one
  std::optional<base::Path> scratch;          // nothing: drill.scratch
  std::optional<base::Path> programs;         // of PostgreSQL
};

// Cleans up after the dead, holds the drill, keeps its record. A drill that fails is no exception:
// its record says why. Throws what kept it from being one: no repository, nothing of that kind in
// the policy, a moment of the caller's that cannot be reached (invalid); and cancelled, of which
// nothing is kept.
repository::DrillRecord run_drill(Context& context, const DrillRequest& request,
                                  drill::Progress& progress, std::stop_token stop);

// The weekly drill, if it is due or was missed and nobody has claimed it. Nothing when not. Throws
// denied, and keeps no record, where this host may not restore: another may.
std::optional<repository::DrillRecord> run_due_drill(Context& context, const DrillRequest& request,
                                                     drill::Progress& progress,
                                                     std::stop_token stop);

// The kinds that this host can rehearse.
std::vector<repository::DrillKind> kinds_here(const policy::Policy& policy,
                                              const std::optional<base::Path>& programs);

// The policy's drills, or their defaults where it has none.
policy::Drill drill_terms(const policy::Policy& policy);

struct SignOffRequest {
  std::string by;
  std::string note;
  std::optional<policy::Quarter> quarter;  // nothing: the present one
};
// Keeps it. Throws invalid when no drill passed in that quarter, or it has not begun.
repository::SignOff sign_off(Context& context, const SignOffRequest& request, base::Instant now,
                             std::stop_token stop);

}  // namespace app
