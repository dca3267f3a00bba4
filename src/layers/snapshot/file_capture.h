// The readers of a snapshot: several threads that read, compare, and store what changed.
#pragma once

#include "layers/snapshot/cluster_copy.h"
#include "layers/snapshot/snapshot_base.h"

namespace layers {

struct CaptureFacts {
  repository::EpochNumber epoch;
  postgres::Lsn start;  // pages changed after it are repaired by WAL
  bool checksums;
  uint32_t blocks_per_file;
  const repository::SnapshotRoot* base;  // may be null
  PacksToLeave packs_to_leave;
  std::set<std::string>
      shards_to_leave;  // keys: a prune may delete them, they are damaged, or not locked for long
  std::string run;
  uint64_t pack_bytes;
  unsigned threads;
  int compress_level;
  base::RateLimit* reading = nullptr;  // as the request has it
};

// The base's shards that the snapshot may name again.
std::vector<repository::ShardRef> shareable_shards(const CaptureFacts& facts);

CaptureResult capture_files(const DataFiles& files, const repository::Repository& repository,
                            const CaptureFacts& facts, SnapshotProgress& progress,
                            std::stop_token stop);

}  // namespace layers
