#include "layers/snapshot/cluster_copy.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "layers/snapshot/file_capture.h"
#include "layers/snapshot/stream_capture.h"
#include "postgres/replication.h"
#include "repository/sweep.h"
#include "repository/verification.h"
#include "repository/wal_archive.h"

namespace layers {

using base::Error;
using base::ErrorKind;
using base::Path;
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

std::string label_of(const CopyJob& job) { return fmt::format("seawall {}", job.request.id); }

// Whether there is a list of condemned objects, or a verification newer than the base: a host that
// only seals cannot read what they name, and builds upon none of it.
bool others_judged(const repository::Repository& repository, const SnapshotRoot& base,
                   std::stop_token stop) {
  storage::ObjectStore& store = repository.store();
  if (!storage::list_all(store, "condemned/", stop).empty()) return true;
  for (const storage::ObjectInfo& info : storage::list_all(store, "verifications/", stop)) {
    if (info.modified > base.started) return true;
  }
  return false;
}

std::optional<SnapshotRoot> base_for(const CopyJob& job, postgres::Timeline timeline,
                                     std::stop_token stop) {
  // A host that only seals cannot read which timelines led here: it knows its own.
  const repository::WalArchive archive(job.repository, job.epoch);
  const postgres::TimelineHistory history = job.repository.seals_only()
                                                ? postgres::TimelineHistory(timeline)
                                                : archive.history(timeline, stop);
  std::optional<SnapshotRoot> base = choose_base(job.repository, job.epoch.number, history, stop);
  if (base && job.repository.seals_only() && others_judged(job.repository, *base, stop)) {
    base::warn(
        "what a prune or a verify found since snapshot {} cannot be read by this host: "
        "everything is stored again",
        base->id);
    return std::nullopt;
  }
  return base;
}

// But for `start`, and what the control file says.
CaptureFacts facts_for(const CopyJob& job, const std::optional<SnapshotRoot>& base,
                       std::stop_token stop) {
  std::set<std::string> not_to_build_upon;
  if (!job.repository.seals_only()) {
    not_to_build_upon = repository::condemned_keys(job.repository, stop);
    if (const auto verified = repository::newest_verification(job.repository, stop))
      not_to_build_upon.merge(verified->damaged_keys());
  }
  const SnapshotRoot* known = base ? &*base : nullptr;
  if (known != nullptr) not_to_build_upon.merge(shards_made_before(*known, job.request.share_from));
  return {.epoch = job.epoch.number,
          .start = {},
          .checksums = false,
          .blocks_per_file = 0,
          .base = known,
          .packs_to_leave = {.ids = packs_to_leave(known, not_to_build_upon, job.started),
                             .made_before = job.request.share_from},
          .shards_to_leave = not_to_build_upon,
          .run = job.request.run,
          .pack_bytes = pack_bytes_for(job.progress.bytes_total),
          .threads = job.request.threads,
          .compress_level = job.request.compress_level,
          .reading = job.request.reading};
}

}  // namespace

ClusterCopy copy_by_files(const CopyJob& job, std::stop_token stop) {
  provider::NativeCluster& cluster = job.cluster;
  provider::RunningBackup backup = cluster.begin_backup(label_of(job));
  const postgres::ControlFile before = postgres::read_control_file(cluster.data_directory()).facts;
  ClusterCopy copy{.timeline = before.timeline};
  copy.tablespaces = cluster.tablespaces();
  copy.base = base_for(job, before.timeline, stop);

  job.progress.phase = "reading";
  job.progress.bytes_total = databases_bytes(cluster);
  const DataFiles files(cluster.data_directory(), cluster.external_files(),
                        fmt::format("PG_{}_{}", before.major(), before.catalog_version));
  CaptureFacts facts = facts_for(job, copy.base, stop);
  facts.start = backup.start();
  facts.checksums = before.checksums;
  facts.blocks_per_file = before.blocks_per_file;
  copy.captured = capture_files(files, job.repository, facts, job.progress, stop);
  copy.external = files.external_files();

  job.progress.phase = "ending";
  copy.control = postgres::read_control_file(cluster.data_directory());  // last of all files
  copy.ended_on = copy.control.facts.timeline;
  copy.finished = backup.finish();
  return copy;
}

namespace {

// The session that will stream, if it is one of the repository's cluster: a URL may lead to several
// servers.
postgres::Connection replication_session(const CopyJob& job, postgres::Timeline& timeline) {
  postgres::Connection session = job.cluster.connect({{"replication", "true"}});
  const postgres::SystemIdentity server = postgres::identify_system(session);
  if (server.system_identifier != job.epoch.system_identifier) {
    throw Error(ErrorKind::conflict,
                fmt::format("the server that streams has system identifier {}, the repository "
                            "keeps {}",
                            server.system_identifier, job.epoch.system_identifier),
                "point database.url at one server; after pg_upgrade: 'seawall wal new-epoch'");
  }
  timeline = server.timeline;
  return session;
}

// Configuration outside the data directory is not in the stream: asked for by SQL where the role
// may.
std::vector<ExtraFile> read_external_files(provider::NativeCluster& cluster,
                                           std::vector<repository::ExternalFile>& listed) {
  std::vector<ExtraFile> files;
  for (const Path& original : cluster.external_files()) {
    std::optional<base::Bytes> content = cluster.server_file(original);
    if (!content) {
      base::warn(
          "{} is outside the data directory, and the role may not read it: the snapshot "
          "goes without it ('seawall check' has the statement)",
          original.string());
      continue;
    }
    const std::string path =
        fmt::format("external/{:03}/{}", files.size(), original.filename().string());
    listed.push_back({path, original.string()});
    files.push_back({path, *std::move(content)});
  }
  return files;
}

postgres::ControlFileCopy control_from(base::Bytes bytes) {
  try {
    const postgres::ControlFile facts = postgres::parse_control_file(bytes);
    return {std::move(bytes), facts};
  } catch (const Error& failure) {
    if (failure.kind() != ErrorKind::corrupt) throw;
    throw Error(
        ErrorKind::unavailable,
        fmt::format("the server sent pg_control as it was being written: {}", failure.message()),
        "run it again");
  }
}

}  // namespace

ClusterCopy copy_by_replication(const CopyJob& job, std::stop_token stop) {
  provider::NativeCluster& cluster = job.cluster;
  ClusterCopy copy;
  postgres::Connection session = replication_session(job, copy.timeline);
  const provider::PageFacts pages = cluster.page_facts();
  copy.base = base_for(job, copy.timeline, stop);
  job.progress.bytes_total = databases_bytes(cluster);
  CaptureFacts facts = facts_for(job, copy.base, stop);
  facts.checksums = pages.checksums;
  facts.blocks_per_file = pages.blocks_per_file;
  StreamCapture capture(job.repository, facts, stop);

  postgres::BaseBackup backup(std::move(session), label_of(job), stop);
  facts.start = backup.start();
  for (const postgres::BackupArchive& space : backup.tablespaces())
    copy.tablespaces.push_back({space.tablespace, space.location});
  std::ranges::sort(copy.tablespaces, {}, &repository::TablespaceRef::oid);
  job.progress.phase = "reading";
  if (backup.bytes_expected() > 0) job.progress.bytes_total = backup.bytes_expected();
  const std::vector<ExtraFile> extra = read_external_files(cluster, copy.external);
  // The server sends no faster than it is read.
  const auto next = [&] {
    postgres::BaseBackup::Event event = backup.next();
    const auto* data = std::get_if<postgres::ArchiveBytes>(&event);
    if (facts.reading != nullptr && data != nullptr) facts.reading->take(data->bytes.size(), stop);
    return event;
  };
  StreamCapture::Result result =
      capture.run(next, extra, facts.blocks_per_file, job.progress, stop);

  copy.captured = std::move(result.captured);
  copy.control = control_from(std::move(result.received.control_file));
  copy.finished = {result.received.end.stop, std::move(result.received.backup_label),
                   std::move(result.received.tablespace_map)};
  copy.ended_on = result.received.end.timeline;
  if (!result.received.end.damage.empty() && copy.captured.damaged.empty())
    base::warn("the server says: {}", result.received.end.damage);
  return copy;
}

}  // namespace layers
