// Takes a snapshot of a cluster, by its files or by replication. docs/formats/snapshot.md; how it
// goes: docs/architecture.md.
#pragma once

#include <atomic>

#include "base/phase_clock.h"
#include "base/rate_limit.h"
#include "provider/native_cluster.h"
#include "repository/wal_archive.h"

namespace layers {

struct SnapshotRequest {
  std::string id;   // the root's name: the slot, or the second of a request by hand
  std::string run;  // the run's id, which its shards are filed under
  std::optional<base::Instant> slot;
  std::vector<std::string> tiers;
  // What was stored before is stored again, as its lock may end while this snapshot must be kept.
  base::Instant share_from{};
  unsigned threads = 2;
  int compress_level = 2;
  base::RateLimit* reading = nullptr;  // of the cluster's files; null: no limit. Borrowed
  base::Duration wal_wait =
      std::chrono::minutes(5);  // how long the WAL of the backup may take to be archived
};

// Told as it goes; read by another thread.
struct SnapshotProgress {
  base::PhaseClock phase{"starting"};
  std::atomic<uint64_t> bytes_total{0};  // a guess, from the databases' sizes
  std::atomic<uint64_t> bytes_read{0};
  std::atomic<uint64_t> bytes_new{0};
};

// Blocks until the snapshot is committed; its root. Throws conflict when the id is taken,
// unavailable when the WAL it needs does not come; whatever is thrown, nothing that looks like a
// snapshot is left, and the next run reuses what was stored.
repository::SnapshotRoot take_snapshot(provider::NativeCluster& cluster,
                                       const repository::Repository& repository,
                                       const repository::Epoch& epoch,
                                       const SnapshotRequest& request, SnapshotProgress& progress,
                                       std::stop_token stop);

}  // namespace layers
