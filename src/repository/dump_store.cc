#include "repository/dump_store.h"

#include <algorithm>

#include "base/error.h"
#include "base/task_group.h"
#include "repository/dump_check.h"

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

void require_as_recorded(ObjectStore& store, const StoredDump& dump, const DumpRecord& record,
                         VerifyProgress& progress, std::stop_token stop) {
  if (dump.size != record.size) {
    throw base::error(ErrorKind::corrupt, "it has {} bytes where its record says {}", dump.size,
                      record.size);
  }
  DumpCheck check(record);
  base::Bytes piece;
  for (uint64_t at = 0; at < dump.size; at += piece.size()) {
    base::throw_if_stopped(stop);
    piece.resize(std::min(piece_bytes, dump.size - at));
    store.read(dump.name.archive_key(), at, piece, stop);
    check.update(piece);
    progress.bytes_done += piece.size();
  }
  check.finish();
}

std::optional<std::string> lock_of(const DumpSweepRules& rules, const StoredDump& dump) {
  if (!rules.lock_of) return std::nullopt;
  std::optional<std::string> lock = rules.lock_of(dump.name.archive_key());
  if (!lock && dump.finished) lock = rules.lock_of(dump.name.record_key());
  return lock;
}

// Age deletes archive and record whenever it gets to them, also while we look.
bool is_listed(ObjectStore& store, const DumpName& name, std::stop_token stop) {
  const std::vector<StoredDump> dumps = dumps_of(store, name.database, stop);
  return std::ranges::any_of(
      dumps, [&](const StoredDump& dump) { return dump.name == name && dump.finished; });
}

}  // namespace

VerifyReport verify_dumps(ObjectStore& store, const std::string& database, VerifyProgress& progress,
                          std::stop_token stop) {
  const std::vector<StoredDump> dumps = dumps_of(store, database, stop);
  for (const StoredDump& dump : dumps)
    if (dump.finished) progress.bytes_total += dump.size;
  VerifyReport report;
  for (const StoredDump& dump : dumps) {
    if (!dump.finished) continue;
    ObjectKey key = dump.name.record_key();
    try {
      const DumpRecord record = read_record(store, dump.name, stop);
      key = dump.name.archive_key();
      require_as_recorded(store, dump, record, progress, stop);
    } catch (const base::Error& failure) {
      if (failure.kind() == ErrorKind::cancelled || failure.kind() == ErrorKind::unavailable) throw;
      if (failure.kind() == ErrorKind::absent && !is_listed(store, dump.name, stop)) continue;
      report.damage.push_back({key.text(), failure.message(), {}});
    }
    report.objects += 2;
    report.bytes += dump.size;
  }
  return report;
}

DumpSweepPlan plan_dump_sweep(ObjectStore& store, const std::string& database,
                              const DumpSweepRules& rules, base::Instant now,
                              std::stop_token stop) {
  DumpSweepPlan plan;
  for (const StoredDump& dump : dumps_of(store, database, stop)) {
    SweepItem item{dump.name.archive_key().text(), dump.size, {}};
    bool stays = false;
    if (dump.finished) {
      stays = rules.keep(dump.name, item.reason);
    } else {
      stays = now - dump.modified < rules.unfinished_after;
      item.reason = stays ? "it has no record yet: its run may be under way"
                          : "a run left it without a record, so it never was a dump";
    }
    if (!stays) {
      const std::optional<std::string> lock = lock_of(rules, dump);
      stays = lock.has_value();
      if (lock) item.reason = *lock;
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
