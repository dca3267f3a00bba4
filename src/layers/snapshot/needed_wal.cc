#include "layers/snapshot/needed_wal.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/log.h"
#include "base/task_group.h"
#include "postgres/wal_reader.h"

namespace layers {

using base::Error;
using base::ErrorKind;
using postgres::Lsn;
using postgres::WalSegment;
using repository::SnapshotRoot;
using repository::WalArchive;

namespace {

// Stores the segment from pg_wal when the server has finished it; false when it has not, or it is
// gone.
bool store_from_here(provider::NativeCluster& cluster, const WalArchive& archive,
                     const postgres::WalFileName& name, Lsn segment_end, std::stop_token stop) {
  if (cluster.access() != policy::Access::files || cluster.in_recovery()) return false;
  const Lsn written = postgres::parse_lsn(
      cluster.connection().query("select pg_current_wal_flush_lsn()").text(0, 0));
  if (written < segment_end) return false;
  const std::optional<base::File> file =
      base::File::open_if_there(cluster.data_directory() / "pg_wal" / name.text, O_RDONLY);
  if (!file) return false;
  archive.put(name, *file, stop);
  return true;
}

std::string hint_for(const provider::NativeCluster& cluster, const SnapshotRoot& root) {
  if (root.from == "standby")
    return "run 'select pg_switch_wal()' on the primary, and look at its archiver in its log";
  if (cluster.access() == policy::Access::replication)
    return "is 'seawall wal receive' running? It must, while snapshots are taken by replication";
  return "look at archive_command and at the archiver's messages in the server's log";
}

void await_segments(provider::NativeCluster& cluster, const WalArchive& archive,
                    const SnapshotRoot& root, base::Duration wait, std::stop_token stop) {
  const uint64_t size = root.segment_bytes;
  const uint64_t last = postgres::segment_before(root.timeline, root.stop_lsn, size).number;
  const base::Stopwatch watch;
  for (WalSegment segment = postgres::segment_at(root.timeline, root.start_lsn, size);
       segment.number <= last;) {
    const postgres::WalFileName name = *postgres::parse_wal_file_name(segment.name(size));
    if (archive.has(name, stop) ||
        store_from_here(cluster, archive, name, segment.end(size), stop)) {
      ++segment.number;
      continue;
    }
    if (watch.elapsed() > wait) {
      throw Error(ErrorKind::unavailable,
                  fmt::format("WAL segment {}, which the backup needs, was not archived within {}",
                              name.text, base::human_duration(wait)),
                  hint_for(cluster, root));
    }
    if (!base::sleep_for(std::chrono::milliseconds(50), stop)) base::throw_if_stopped(stop);
  }
}

postgres::WalReader::Source stored_segments(const WalArchive& archive, const SnapshotRoot& root,
                                            std::stop_token stop) {
  return [&archive, timeline = root.timeline, stop](uint64_t number) {
    return archive.fetch_segment({timeline, number}, WalArchive::Partial::refuse, stop);
  };
}

void read_back(const WalArchive& archive, const SnapshotRoot& root, std::stop_token stop) {
  const auto fail = [](const std::string& why) {
    return Error(ErrorKind::corrupt, "the stored WAL does not belong to this backup: " + why,
                 "two servers may archive under one name: 'seawall wal audit' tells, 'seawall wal "
                 "new-epoch' is the way on");
  };
  postgres::WalReader from_checkpoint(stored_segments(archive, root, stop), root.segment_bytes,
                                      root.checkpoint_lsn);
  const std::optional<postgres::WalRecord> checkpoint = from_checkpoint.next();
  if (!checkpoint || !checkpoint->is_checkpoint() || checkpoint->redo() != root.start_lsn) {
    throw fail(fmt::format("there is no checkpoint record at {} that starts at {}",
                           to_string(root.checkpoint_lsn), to_string(root.start_lsn)));
  }
  if (root.from == "standby") return;  // a standby writes no end-of-backup record
  const auto is_found_by = [&](postgres::WalReader& to_stop) {
    while (const std::optional<postgres::WalRecord> record = to_stop.next()) {
      if (record->end < root.stop_lsn) continue;
      return record->end == root.stop_lsn && record->backup_end_of() == root.start_lsn;
    }
    return false;
  };
  const auto is_found_from = [&](Lsn from) {
    postgres::WalReader reader = postgres::WalReader::first_record_after(
        stored_segments(archive, root, stop), root.segment_bytes, from);
    return is_found_by(reader);
  };
  // A short backup begins and ends in one segment: it is fetched once.
  const bool one_segment = root.checkpoint_lsn.value / root.segment_bytes ==
                           (root.stop_lsn.value - 1) / root.segment_bytes;
  if (one_segment && is_found_by(from_checkpoint)) return;
  const Lsn shortly_before{
      std::max(root.start_lsn.value,
               root.stop_lsn.value - std::min(root.stop_lsn.value, uint64_t{16 * base::KiB}))};
  if (is_found_from(shortly_before)) return;
  // Behind a switch (another backup's end, archive_timeout) the end of the segment before is empty,
  // and nothing is read across it.
  const Lsn segment_start{(root.stop_lsn.value - 1) / root.segment_bytes * root.segment_bytes};
  if (shortly_before < segment_start && is_found_from(segment_start)) return;
  throw fail(fmt::format("there is no end-of-backup record at {}", to_string(root.stop_lsn)));
}

}  // namespace

void require_wal(provider::NativeCluster& cluster, const WalArchive& archive,
                 const SnapshotRoot& root, base::Duration wait, std::stop_token stop) {
  await_segments(cluster, archive, root, wait, stop);
  if (archive.seals_only()) {
    base::warn(
        "this host may not decrypt, so the WAL of the backup is not read back: let 'seawall "
        "verify' do it, where that is allowed");
    return;
  }
  base::while_doing("reading back the WAL of the backup", [&] { read_back(archive, root, stop); });
}

}  // namespace layers
