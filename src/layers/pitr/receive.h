// `seawall wal receive`: streams the log from a replication slot, for an RPO of seconds.
// Source of the protocol: PostgreSQL documentation, "Streaming Replication Protocol".
#pragma once

#include <atomic>

#include "provider/native_cluster.h"
#include "repository/wal_archive.h"

namespace layers {

struct ReceiveRequest {
  std::string slot;
  base::Duration flush_within =
      std::chrono::seconds(1);  // the longest that received WAL waits before it is durable
  bool until_idle = false;  // end once all that the server had written at the start is durable (for
                            // tests and handovers)
};

struct ReceiveProgress {
  std::atomic<uint64_t> received_lsn{0};
  std::atomic<uint64_t> durable_lsn{0};
};

// Runs until it is stopped: creates the slot, with WAL reserved, where it is not there; stores what
// comes as chunks, and each segment whole when it is complete; tells the server what is durable,
// and no more; follows the server to a new timeline; goes on after a lost connection from what is
// durable. Throws what does not mend itself by trying again.
void receive_wal(const provider::NativeCluster& cluster, const repository::Repository& repository,
                 const repository::Epoch& epoch, const ReceiveRequest& request,
                 ReceiveProgress& progress, std::stop_token stop);

}  // namespace layers
