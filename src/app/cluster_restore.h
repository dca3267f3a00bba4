// One physical restore from plan to a cluster that may be opened: files, replay, scrub. For all who
// restore a cluster, into whatever folder.
#pragma once

#include "app/context.h"
#include "layers/pitr/recover.h"
#include "layers/pitr/saved_wal.h"
#include "layers/snapshot/restore_files.h"

namespace app {

struct ClusterRestore {
  layers::RestoreRequest files;
  std::optional<base::Path> programs;  // of the server
  bool scrub = true;                   // as the policy says
};

struct ClusterRestoreProgress {
  layers::RestoreProgress files;
  layers::RecoverProgress recovery;
  std::string text() const;  // "restore: 1.2 GB of 3.0 GB, 41 %"
};

struct RestoredCluster {
  layers::Recovered recovered;
  base::Duration files_time{};
  base::Duration total_time{};
};

// Throws unless there is a server for it and the places are free: conflict, invalid.
void require_possible(const layers::RestorePlan& plan, const ClusterRestore& request);

// Blocks until the cluster is restored and closed. Throws what restore_files() and recover() throw;
// one without room hints at going on with --delta.
RestoredCluster restore_cluster(const Context& context, const repository::Repository& repository,
                                const layers::RestorePlan& plan, const ClusterRestore& request,
                                ClusterRestoreProgress& progress, std::stop_token stop);

}  // namespace app
