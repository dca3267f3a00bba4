// One pass over a cluster's files, by whichever way its policy names: they are read here, or the
// server sends them. Both give the same.
#pragma once

#include "layers/snapshot/capture.h"
#include "layers/snapshot/shard_committer.h"

namespace layers {

struct CaptureResult {
  ShardCommitter::Result stored;
  std::vector<repository::PageRef> damaged;
  std::vector<repository::PageRef> suspects;
};

// What a snapshot's root is made of, but for names and the wait for WAL.
struct ClusterCopy {
  std::optional<repository::SnapshotRoot> base;  // what it was compared with
  postgres::Timeline timeline;                   // when it began
  postgres::Timeline ended_on;                   // and when it ended
  postgres::ControlFileCopy control;             // read last of all files
  provider::FinishedBackup finished;
  std::vector<repository::TablespaceRef> tablespaces;
  std::vector<repository::ExternalFile> external;
  CaptureResult captured;
};

struct CopyJob {
  provider::NativeCluster& cluster;
  const repository::Repository& repository;
  const repository::Epoch& epoch;
  const SnapshotRequest& request;
  base::Instant started;
  SnapshotProgress& progress;
};

// Begins a backup on the server, copies, and ends it. Whatever is thrown, the server has forgotten
// the backup.
ClusterCopy copy_by_files(const CopyJob& job, std::stop_token stop);
// Throws also conflict when the server that streams is not the repository's cluster, and
// unavailable when its pg_control came torn.
ClusterCopy copy_by_replication(const CopyJob& job, std::stop_token stop);

}  // namespace layers
