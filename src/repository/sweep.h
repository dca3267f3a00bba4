// Deleting what nothing needs any more, in two phases. docs/formats/repository.md, "Deleting".
#pragma once

#include <functional>
#include <set>

#include "repository/snapshot_root.h"

namespace repository {

// An object that may go, or why it stays.
struct SweepItem {
  std::string key;
  uint64_t size = 0;
  std::string reason;
};

struct SweepPlan {
  std::vector<SweepItem> keep;     // snapshots and WAL, with the reason
  std::vector<SweepItem> condemn;  // to be condemned now
  std::vector<SweepItem> remove;   // condemned long enough ago, and still needed by nothing
  std::vector<SweepItem> waiting;  // condemned, not long enough ago
};

struct SweepRules {
  // Whether a snapshot is kept, and why; asked for every committed snapshot.
  std::function<bool(const SnapshotRoot&, std::string& reason)> keep_snapshot;
  // The same for bytes [begin, end) of a timeline's log.
  std::function<bool(const Epoch&, postgres::Timeline, postgres::Lsn begin, postgres::Lsn end,
                     std::string& reason)>
      keep_wal;
  base::Duration wait{};    // between condemning and deleting: longer than the longest run
  base::Duration locked{};  // so long nobody may delete an object, counted from when it was stored
};

// Throws invalid when `now` is more than a minute off the store's clock: nothing is deleted then.
void require_agreeing_clocks(storage::ObjectStore& store, base::Instant now, std::stop_token stop);

// Looks at all of the repository; changes nothing.
SweepPlan plan_sweep(const Repository& repository, const SweepRules& rules, base::Instant now,
                     std::stop_token stop);

// Writes the condemned list for plan.condemn, then deletes plan.remove: roots first, so that a
// crash leaves garbage and no snapshot with holes. Safe to be killed anywhere, and beside runs and
// restores. Throws invalid when our clock is more than a minute off the store's.
void sweep(const Repository& repository, const SweepPlan& plan, const SweepRules& rules,
           base::Instant now, std::stop_token stop);

// Keys that a prune may delete at any moment now: not to be built upon.
std::set<std::string> condemned_keys(const Repository& repository, std::stop_token stop);

// Throws unavailable when a key that `root` needs is condemned: called by a run before it commits.
void require_not_condemned(const Repository& repository, const SnapshotRoot& root,
                           std::stop_token stop);

}  // namespace repository
