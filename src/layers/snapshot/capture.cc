#include "layers/snapshot/capture.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "layers/snapshot/cluster_copy.h"
#include "layers/snapshot/needed_wal.h"
#include "postgres/backup_label.h"
#include "repository/sweep.h"

namespace layers {

using base::Error;
using base::ErrorKind;
using repository::SnapshotRoot;

namespace {

repository::RecoverySettings recovery_settings(const postgres::ControlFile& control) {
  return {control.max_connections, control.max_worker_processes, control.max_wal_senders,
          control.max_prepared_transactions, control.max_locks_per_transaction};
}

base::Bytes without_trailing_zeros(base::Bytes bytes) {
  while (!bytes.empty() && bytes.back() == std::byte{0}) bytes.pop_back();
  return bytes;
}

void require_full_page_writes(provider::NativeCluster& cluster, bool standby) {
  if (cluster.connection().setting("full_page_writes") == "on") return;
  if (standby) {
    throw Error(ErrorKind::invalid,
                "full_page_writes is off, so a backup of this standby could not be made consistent",
                "set full_page_writes = on on the primary");
  }
  base::warn("full_page_writes is off: the server turns it on while the backup runs");
}

// The pack table of the root: every pack that a shard names.
std::vector<repository::PackRef> pack_table(const repository::Repository& repository,
                                            repository::EpochNumber epoch,
                                            const ShardCommitter::Result& stored,
                                            const SnapshotRoot* base, std::stop_token stop) {
  std::map<repository::PackId, repository::PackRef> of_base;
  if (base != nullptr) {
    for (const repository::PackRef& pack : base->packs) of_base.emplace(pack.id, pack);
  }
  std::vector<repository::PackRef> table;
  for (const auto& [id, live] : stored.live_bytes) {
    repository::PackRef pack{.id = id, .size = 0, .raw_bytes = 0, .live_bytes = live};
    if (const auto added = stored.new_packs.find(id); added != stored.new_packs.end()) {
      pack.size = added->second.bytes;
      pack.raw_bytes = added->second.raw_bytes;
    } else if (const auto known = of_base.find(id); known != of_base.end()) {
      pack.size = known->second.size;
      pack.raw_bytes = known->second.raw_bytes;
    } else {  // of a run that was cut short: its own index tells
      for (const repository::PackIndex::Frame& frame :
           repository::read_pack_index(repository, epoch, id, stop).frames) {
        pack.raw_bytes += frame.address.raw_bytes;
      }
      pack.size = repository.store().stat(repository::pack_key(epoch, id), stop).value().size;
    }
    table.push_back(pack);
  }
  return table;
}

// Puts into the root what the copy found.
void describe(SnapshotRoot& root, ClusterCopy copy, const postgres::BackupLabel& label,
              const repository::Repository& repository, std::stop_token stop) {
  const postgres::ControlFile& control = copy.control.facts;
  root.checksums = control.checksums;
  root.catalog_version = control.catalog_version;
  root.tablespaces = std::move(copy.tablespaces);
  if (copy.base) root.base = copy.base->id;
  root.timeline = copy.timeline;
  root.start_lsn = label.start;
  root.checkpoint_lsn = label.checkpoint;
  root.stop_lsn = root.from == "standby"
                      ? std::max(copy.finished.stop, control.minimum_recovery_end)
                      : copy.finished.stop;
  root.backup_label = std::move(copy.finished.backup_label);
  root.tablespace_map = std::move(copy.finished.tablespace_map);
  root.settings = recovery_settings(control);
  root.control_file = without_trailing_zeros(std::move(copy.control.bytes));
  root.external = std::move(copy.external);
  root.packs = pack_table(repository, root.epoch, copy.captured.stored,
                          copy.base ? &*copy.base : nullptr, stop);
  root.shards = std::move(copy.captured.stored.shards);
  root.totals = copy.captured.stored.totals;
  root.damaged = std::move(copy.captured.damaged);
  root.suspects = std::move(copy.captured.suspects);
}

}  // namespace

SnapshotRoot take_snapshot(provider::NativeCluster& cluster,
                           const repository::Repository& repository, const repository::Epoch& epoch,
                           const SnapshotRequest& request, SnapshotProgress& progress,
                           std::stop_token stop) {
  if (repository.store().stat(repository::snapshot_key(epoch.number, request.id), stop)) {
    throw base::error(ErrorKind::conflict, "snapshot {} is there already", request.id);
  }
  const repository::WalArchive archive(repository, epoch);
  const bool standby = cluster.in_recovery();
  require_full_page_writes(cluster, standby);

  SnapshotRoot root{.id = request.id, .run = request.run};
  root.slot = request.slot;
  root.tiers = request.tiers;
  root.epoch = epoch.number;
  root.system_identifier = epoch.system_identifier;
  root.major = cluster.connection().major();
  root.segment_bytes = epoch.segment_bytes;
  root.from = standby ? "standby" : "primary";
  root.access = cluster.access() == policy::Access::files ? "files" : "replication";
  root.started = base::system_clock().now();
  root.bootstrap_role = cluster.bootstrap_role();

  progress.phase = "checkpoint";
  const CopyJob job{.cluster = cluster,
                    .repository = repository,
                    .epoch = epoch,
                    .request = request,
                    .started = root.started,
                    .progress = progress};
  ClusterCopy copy = cluster.access() == policy::Access::files ? copy_by_files(job, stop)
                                                               : copy_by_replication(job, stop);
  const postgres::BackupLabel label = postgres::parse_backup_label(copy.finished.backup_label);
  if (label.start_timeline != copy.timeline || copy.ended_on != copy.timeline ||
      copy.control.facts.timeline != copy.timeline || cluster.in_recovery() != standby ||
      label.from_standby != standby) {
    throw Error(ErrorKind::unavailable, "the server changed its timeline while the backup ran",
                "run it again");
  }
  describe(root, std::move(copy), label, repository, stop);

  progress.phase = "waiting for WAL";
  require_wal(cluster, archive, root, request.wal_wait, stop);

  progress.phase = "committing";
  repository::require_not_condemned(repository, root, stop);
  root.stopped = base::system_clock().now();
  const repository::ObjectKey key = repository::snapshot_key(epoch.number, root.id);
  if (repository.put_json(key, "snapshot", to_json(root), stop) ==
      storage::PutOutcome::already_there) {
    throw base::error(ErrorKind::conflict, "snapshot {} was committed by another run just now",
                      root.id);
  }
  progress.phase = "done";
  return root;
}

}  // namespace layers
