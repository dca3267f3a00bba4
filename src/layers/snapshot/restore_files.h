// Puts the files of a snapshot back. docs/formats/snapshot.md.
#pragma once

#include <atomic>
#include <map>

#include "base/file.h"
#include "repository/shard.h"
#include "repository/snapshot_root.h"

namespace layers {

struct RestoreRequest {
  base::Path target;                           // the data directory to be
  std::map<uint32_t, base::Path> tablespaces;  // by oid; the others go where they were
  std::optional<base::Path>
      configuration;   // where files from outside the data directory go; else they stay out
  bool delta = false;  // onto what is there: only blocks that differ are fetched
  unsigned threads = 2;
};

struct RestoreProgress {
  std::atomic<const char*> phase{"starting"};
  std::atomic<uint64_t> bytes_total{0};
  std::atomic<uint64_t> bytes_done{0};
  std::atomic<uint64_t> bytes_fetched{0};
};

// Throws conflict unless the target and the tablespaces' places are absent or empty (with delta:
// unless the target is a data directory of this cluster with no server running on it).
void require_restorable(const repository::SnapshotRoot& root, const RestoreRequest& request);

// Blocks until every file is in place, checked and durable, with backup_label and, last of all,
// pg_control. Until then no server starts there. Throws corrupt, naming the object, when a block is
// not what it was.
void restore_files(const repository::Repository& repository, const repository::SnapshotRoot& root,
                   const RestoreRequest& request, RestoreProgress& progress, std::stop_token stop);

}  // namespace layers
