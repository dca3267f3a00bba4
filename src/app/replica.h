// A tier's replica: the same dumps in another region, copied there by seawall or by the service,
// and looked at in both cases. docs/guide/dumps.md.
#pragma once

#include "app/context.h"
#include "monitor/replica.h"
#include "repository/dump_copy.h"

namespace app {

// Opened with the replica's own key and nothing of the first region: its store, its key service and
// the repository may be gone.
struct ReplicaPlace {
  std::unique_ptr<storage::ObjectStore> stored;
  std::unique_ptr<storage::ObjectStore> opened;  // null where nothing is sealed on this host
  repository::Keys key;                          // the same
  storage::ObjectStore& in_clear() const { return opened ? *opened : *stored; }
};

// `patience` is how long a server that does not answer is asked again; nothing: as for backups.
// Throws invalid when the tier has no replica, and what opening stores and keys throws.
ReplicaPlace open_replica(const Context& context, const policy::DumpTier& tier,
                          std::optional<base::Duration> patience = {});

struct ReplicaReport {
  std::string url;
  policy::Copier by = policy::Copier::seawall;
  std::vector<std::string> copied;      // now
  std::vector<std::string> failed;      // why, in sentences: of each dump, or of all
  std::optional<base::ErrorKind> kind;  // of the first failure
};
base::Json to_json(const ReplicaReport& report);

struct ReplicaProgress {
  std::atomic<uint64_t> bytes_total{0};
  std::atomic<uint64_t> bytes{0};
};

// Copies what the tier's replica lacks, where seawall is who copies. Throws cancelled; what else
// goes wrong is in the report. Nothing where the tier has no replica.
std::optional<ReplicaReport> replicate(Context& context, const policy::DumpTier& tier,
                                       ReplicaProgress& progress, std::stop_token stop);

// What is known of the tier's replica, for `status`. Reads only. Throws cancelled.
monitor::ReplicaState read_replica(Context& context, const policy::DumpTier& tier,
                                   std::stop_token stop);

// Everything that `status` says of places beside the catalog: replicas, buckets' own rules.
void read_places(Context& context, monitor::Catalog& catalog, std::stop_token stop);

}  // namespace app
