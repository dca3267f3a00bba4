#include "repository/dump_store.h"

#include <algorithm>

#include "base/error.h"
#include "base/task_group.h"
#include "crypto/digest.h"

namespace repository {

using base::ErrorKind;
using storage::ObjectKey;
using storage::ObjectStore;

namespace {

constexpr uint64_t piece_bytes = 4 * base::MiB;

std::vector<StoredDump> dumps_of(ObjectStore& store, const std::string& database,
                                 std::stop_token stop) {
  std::vector<StoredDump> dumps = list_dumps(store, stop);
  std::erase_if(dumps, [&](const StoredDump& dump) { return dump.name.database != database; });
  return dumps;
}

std::string sha256_of(ObjectStore& store, const StoredDump& dump, VerifyProgress& progress,
                      std::stop_token stop) {
  crypto::Sha256 sha256;
  base::Bytes piece;
  for (uint64_t at = 0; at < dump.size; at += piece.size()) {
    base::throw_if_stopped(stop);
    piece.resize(std::min(piece_bytes, dump.size - at));
    store.read(dump.name.archive_key(), at, piece, stop);
    sha256.update(piece);
    progress.bytes_done += piece.size();
  }
  return sha256.finish_hex();
}

void require_as_recorded(ObjectStore& store, const StoredDump& dump, const DumpRecord& record,
                         VerifyProgress& progress, std::stop_token stop) {
  if (dump.size != record.size) {
    throw base::error(ErrorKind::corrupt, "it has {} bytes where its record says {}", dump.size,
                      record.size);
  }
  if (sha256_of(store, dump, progress, stop) != record.sha256)
    throw base::error(ErrorKind::corrupt, "its SHA-256 is not the one that was recorded");
}

}  // namespace

VerifyReport verify_dumps(ObjectStore& store, const std::string& database, VerifyProgress& progress,
                          std::stop_token stop) {
  const std::vector<StoredDump> dumps = dumps_of(store, database, stop);
  for (const StoredDump& dump : dumps)
    if (dump.finished) progress.bytes_total += dump.size;
  VerifyReport report;
  std::optional<base::Error> denied;
  size_t granted = 0;
  for (const StoredDump& dump : dumps) {
    if (!dump.finished) continue;
    ObjectKey key = dump.name.record_key();
    try {
      const DumpRecord record = read_record(store, dump.name, stop);
      key = dump.name.archive_key();
      require_as_recorded(store, dump, record, progress, stop);
      ++granted;
    } catch (const base::Error& failure) {
      if (failure.kind() == ErrorKind::cancelled || failure.kind() == ErrorKind::unavailable) throw;
      if (failure.kind() == ErrorKind::denied && !denied) denied = failure;
      report.damage.push_back({key.text(), failure.message(), {}});
    }
    report.objects += 2;
    report.bytes += dump.size;
  }
  // Where not one opens, it is us who may not read them, and nobody knows how they are.
  if (denied && granted == 0)
    base::while_doing("reading the dumps", [&] { throw base::Error(*denied); });
  return report;
}

DumpSweepPlan plan_dump_sweep(ObjectStore& store, const std::string& database, const KeepDump& keep,
                              base::Duration unfinished_after, base::Instant now,
                              std::stop_token stop) {
  DumpSweepPlan plan;
  for (const StoredDump& dump : dumps_of(store, database, stop)) {
    SweepItem item{dump.name.archive_key().text(), dump.size, {}};
    bool stays = false;
    if (dump.finished) {
      stays = keep(dump.name, item.reason);
    } else {
      stays = now - dump.modified < unfinished_after;
      item.reason = stays ? "it has no record yet: its run may be under way"
                          : "a run left it without a record, so it never was a dump";
    }
    (stays ? plan.keep : plan.remove).push_back(std::move(item));
  }
  return plan;
}

void sweep_dumps(ObjectStore& store, const DumpSweepPlan& plan, base::Instant now,
                 std::stop_token stop) {
  require_agreeing_clocks(store, now, stop);
  for (const SweepItem& item : plan.remove) {
    const std::optional<DumpName> name = parse_dump_name(item.key);
    CHECK(name.has_value());
    base::while_doing("removing " + item.key, [&] {
      store.remove(name->record_key(), stop);
      store.remove(name->archive_key(), stop);
    });
  }
}

}  // namespace repository
