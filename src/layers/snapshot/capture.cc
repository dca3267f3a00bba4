#include "layers/snapshot/capture.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/task_group.h"
#include "layers/snapshot/file_capture.h"
#include "layers/snapshot/needed_wal.h"
#include "postgres/backup_label.h"
#include "repository/sweep.h"
#include "repository/verification.h"

namespace layers {

using base::Error;
using base::ErrorKind;
using repository::SnapshotRoot;

namespace {

uint64_t databases_bytes(provider::NativeCluster& cluster) {
  return static_cast<uint64_t>(
      cluster.connection()
          .query("select coalesce(sum(pg_database_size(oid)), 0) from pg_database")
          .number(0, 0));
}

// 64 MiB, larger where that would make more than some two thousand packs.
uint64_t pack_bytes_for(uint64_t database_bytes) {
  return std::clamp(database_bytes / 2048, 64 * base::MiB, base::GiB);
}

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
  root.started = base::system_clock().now();

  progress.phase = "checkpoint";
  provider::RunningBackup backup = cluster.begin_backup(fmt::format("seawall {}", root.id));
  const postgres::ControlFile before = postgres::read_control_file(cluster.data_directory()).facts;
  root.checksums = before.checksums;
  root.catalog_version = before.catalog_version;
  root.tablespaces = cluster.tablespaces();
  root.bootstrap_role = cluster.bootstrap_role();
  const postgres::Timeline timeline = before.timeline;
  const std::optional<SnapshotRoot> base =
      choose_base(repository, epoch.number, archive.history(timeline, stop), stop);
  if (base) root.base = base->id;

  std::set<std::string> not_to_build_upon = repository::condemned_keys(repository, stop);
  if (const auto verified = repository::newest_verification(repository, stop))
    not_to_build_upon.merge(verified->damaged_keys());

  progress.phase = "reading";
  progress.bytes_total = databases_bytes(cluster);
  const DataFiles files(cluster.data_directory(), cluster.external_files(),
                        fmt::format("PG_{}_{}", root.major, root.catalog_version));
  const CaptureFacts facts{
      .epoch = epoch.number,
      .start = backup.start(),
      .checksums = before.checksums,
      .blocks_per_file = before.blocks_per_file,
      .base = base ? &*base : nullptr,
      .packs_to_leave = packs_to_leave(base ? &*base : nullptr, not_to_build_upon, root.started),
      .shards_to_leave = not_to_build_upon,
      .run = root.run,
      .pack_bytes = pack_bytes_for(progress.bytes_total),
      .threads = request.threads,
      .compress_level = request.compress_level};
  CaptureResult captured = capture_files(files, repository, facts, progress, stop);

  progress.phase = "ending";
  postgres::ControlFileCopy control =
      postgres::read_control_file(cluster.data_directory());  // last of all files
  const provider::FinishedBackup finished = backup.finish();
  const postgres::BackupLabel label = postgres::parse_backup_label(finished.backup_label);
  if (label.start_timeline != timeline || control.facts.timeline != timeline ||
      cluster.in_recovery() != standby) {
    throw Error(ErrorKind::unavailable, "the server changed its timeline while the backup ran",
                "run it again");
  }
  root.timeline = timeline;
  root.start_lsn = label.start;
  root.checkpoint_lsn = label.checkpoint;
  root.stop_lsn =
      standby ? std::max(finished.stop, control.facts.minimum_recovery_end) : finished.stop;
  root.backup_label = finished.backup_label;
  root.tablespace_map = finished.tablespace_map;
  root.control_file = without_trailing_zeros(std::move(control.bytes));
  root.settings = recovery_settings(control.facts);
  root.external = files.external_files();
  root.shards = std::move(captured.stored.shards);
  root.totals = captured.stored.totals;
  root.packs = pack_table(repository, epoch.number, captured.stored, base ? &*base : nullptr, stop);
  root.damaged = std::move(captured.damaged);
  root.suspects = std::move(captured.suspects);

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
