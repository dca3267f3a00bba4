#include "app/sample_objects.h"

#include "base/error.h"

namespace app {

using base::ErrorKind;
using monitor::Finding;
using repository::Repository;
using repository::SnapshotRoot;

namespace {

constexpr size_t packs_at_a_look = 4;
constexpr size_t told_max = 20;  // of what is lost: one is enough to look further

size_t anything_below(size_t end) {
  uint64_t dice = 0;
  base::fill_random(std::as_writable_bytes(std::span(&dice, 1)));
  return dice % end;
}

Finding lost(std::string_view what, std::string key, const std::string& object,
             const std::string& how) {
  return {.severity = monitor::Severity::critical,
          .what = fmt::format("{}: the object {} {}", what, object, how),
          .remedy =
              "'seawall verify' says what else is gone; take a new one now, then find out "
              "who deleted it",
          .key = std::move(key),
          .section = "damage",
          .since = {}};
}

// Nothing when it is as it should be, or cannot be told.
std::optional<std::string> trouble_with(storage::ObjectStore& store, const storage::ObjectKey& key,
                                        uint64_t size, const std::stop_token& stop) {
  try {
    const std::optional<storage::ObjectInfo> info = store.stat(key, stop);
    if (!info) return "is not there any more";
    if (info->size != size)
      return fmt::format("has {} bytes, where {} were stored", info->size, size);
  } catch (const base::Error& failure) {
    if (failure.kind() == ErrorKind::corrupt) return "is damaged: " + failure.message();
    if (failure.kind() != ErrorKind::denied) throw;
  }
  return std::nullopt;
}

void look_at_some(const Repository& repository, const SnapshotRoot& root,
                  std::vector<Finding>& findings, const std::stop_token& stop) {
  for (size_t i = 0; i < std::min(packs_at_a_look, root.packs.size()); ++i) {
    const repository::PackRef& pack = root.packs[anything_below(root.packs.size())];
    const storage::ObjectKey key = repository::pack_key(root.epoch, pack.id);
    if (const auto trouble = trouble_with(repository.store(), key, pack.size, stop))
      findings.push_back(lost("snapshot " + root.id, "lost:snapshots", key.text(), *trouble));
  }
}

void look_at_all(const Repository& repository, const SnapshotRoot& root,
                 std::vector<Finding>& findings, const std::stop_token& stop) {
  std::map<std::string, uint64_t> sizes;
  const auto visit = [&](const storage::ObjectInfo& info) {
    sizes[info.key.text()] = info.size;
    return true;
  };
  repository.store().list(repository::pack_prefix(root.epoch), visit, stop);
  for (const repository::PackRef& pack : root.packs) {
    if (findings.size() >= told_max) break;
    const std::string key = repository::pack_key(root.epoch, pack.id).text();
    const auto there = sizes.find(key);
    if (there == sizes.end()) {
      findings.push_back(
          lost("snapshot " + root.id, "lost:snapshots", key, "is not there any more"));
    } else if (there->second != pack.size) {
      findings.push_back(
          lost("snapshot " + root.id, "lost:snapshots", key,
               fmt::format("has {} bytes, where {} were stored", there->second, pack.size)));
    }
  }
}

}  // namespace

std::vector<Finding> sample_objects(Context& context, const Repository& repository,
                                    const monitor::Catalog& catalog, Sample sample,
                                    std::stop_token stop) {
  std::vector<Finding> findings;
  if (!catalog.snapshots.empty() && !catalog.snapshots.back().packs.empty()) {
    const auto look = sample == Sample::all ? look_at_all : look_at_some;
    look(repository, catalog.snapshots.back(), findings, stop);
  }
  const monitor::CatalogedDump* newest = nullptr;
  for (const monitor::CatalogedDump& dump : catalog.dumps) {
    const bool known = dump.record && !dump.closed;
    if (known && (newest == nullptr || newest->record->started < dump.record->started))
      newest = &dump;
  }
  if (newest != nullptr) {
    const storage::ObjectKey key = newest->stored.name.archive_key();
    if (const auto trouble =
            trouble_with(context.dump_store(newest->tier), key, newest->record->size, stop))
      findings.push_back(lost("the newest dump", "lost:dumps", key.text(), *trouble));
  }
  return findings;
}

}  // namespace app
