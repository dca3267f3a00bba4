// What the repository holds, as the policy's pure functions want to be told it. Read from the
// objects alone.
#pragma once

#include <map>

#include "policy/due.h"
#include "policy/retention.h"
#include "repository/snapshot_root.h"
#include "repository/wal_archive.h"

namespace monitor {

struct Catalog {
  std::vector<repository::Epoch> epochs;
  std::vector<repository::SnapshotRoot> snapshots;  // of all epochs, oldest first
  policy::RetentionInput retention;
  std::map<policy::TierKey, policy::TierHistory> histories;
  std::map<uint32_t, std::map<uint32_t, std::map<uint64_t, repository::SegmentHolding>>>
      wal;  // by epoch, timeline, segment
};

Catalog read_catalog(const policy::Policy& policy, const repository::Repository& repository,
                     base::Instant now, std::stop_token stop);

// The lane of a tier, as claims and runs are filed.
std::string lane(policy::TieredLayer layer, const std::string& tier);

// Segments missing between a snapshot's start and the newest segment held on its timeline.
struct Hole {
  uint32_t epoch = 0;
  postgres::Timeline timeline;
  uint64_t first = 0;  // segment numbers
  uint64_t last = 0;
};
std::vector<Hole> find_holes(const Catalog& catalog);

}  // namespace monitor
