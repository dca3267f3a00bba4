#include "layers/snapshot/snapshot_base.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/task_group.h"

namespace layers {

using base::ErrorKind;
using repository::Shard;
using repository::ShardRef;
using repository::SnapshotRoot;

namespace {

bool cannot_be_compared_with(const repository::Repository& repository, const base::Error& failure) {
  return failure.kind() == ErrorKind::corrupt || failure.kind() == ErrorKind::absent ||
         (failure.kind() == ErrorKind::denied && repository.seals_only());
}

}  // namespace

std::optional<SnapshotRoot> choose_base(const repository::Repository& repository,
                                        repository::EpochNumber epoch,
                                        const postgres::TimelineHistory& history,
                                        std::stop_token stop) {
  std::vector<std::string> ids = repository::snapshot_ids(repository, epoch, stop);
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    try {
      SnapshotRoot root = repository::read_snapshot(repository, epoch, *id, stop);
      if (history.contains(root.timeline, root.stop_lsn)) return root;
    } catch (const base::Error& failure) {
      if (!cannot_be_compared_with(repository, failure)) throw;
      base::warn("snapshot {} cannot be built upon: {}", *id, failure.message());
    }
  }
  return std::nullopt;
}

std::set<repository::PackId> packs_to_leave(const SnapshotRoot* base,
                                            const std::set<std::string>& excluded,
                                            base::Instant now) {
  constexpr auto old = std::chrono::days(90);
  constexpr uint64_t sparse_share = 4;   // less than a quarter in use
  constexpr uint64_t budget_share = 20;  // a twentieth of the database is stored again at once
  std::set<repository::PackId> leave;
  for (const std::string& key : excluded) {
    if (key.starts_with("packs/"))
      leave.insert(repository::parse_pack_id(key.substr(key.size() - 36, 32)));
  }
  if (base == nullptr) return leave;
  uint64_t budget = base->totals.bytes / budget_share;
  std::vector<const repository::PackRef*> packs;
  for (const repository::PackRef& pack : base->packs) {
    const bool sparse = pack.live_bytes < pack.raw_bytes / sparse_share;
    if (sparse || now - pack.id.made() > old) packs.push_back(&pack);
  }
  std::ranges::sort(packs, {}, [](const repository::PackRef* pack) { return pack->live_bytes; });
  for (const repository::PackRef* pack : packs) {
    if (pack->live_bytes > budget) break;
    budget -= pack->live_bytes;
    leave.insert(pack->id);
  }
  return leave;
}

std::set<std::string> shards_made_before(const SnapshotRoot& base, base::Instant then) {
  const std::string prefix = repository::shard_prefix(base.epoch);
  const std::string run = base::to_compact(then);  // runs are named by the second they began in
  std::set<std::string> keys;
  for (const ShardRef& shard : base.shards) {
    for (const std::string& key : {shard.key, shard.prefix}) {
      if (key.starts_with(prefix) && key.compare(prefix.size(), run.size(), run) < 0)
        keys.insert(key);
    }
  }
  return keys;
}

KnownShards::KnownShards(const repository::Repository& repository, repository::EpochNumber epoch,
                         const SnapshotRoot* base, std::stop_token stop)
    : repository_(repository), epoch_(epoch), stop_(std::move(stop)) {
  if (base != nullptr) {
    base_shards_ = base->shards;
    for (size_t i = 1; i < base_shards_.size(); ++i) boundaries_.push_back(base_shards_[i].first);
  }
  find_leftover(base);
}

// The newest run that stored shards after the base was made, and no root.
void KnownShards::find_leftover(const SnapshotRoot* base) {
  if (repository_.seals_only()) return;  // the packs of that run cannot be looked into
  const std::string prefix = repository::shard_prefix(epoch_);
  for (const storage::ObjectInfo& info : storage::list_all(repository_.store(), prefix, stop_)) {
    const std::string& key = info.key.text();
    const std::string run = key.substr(prefix.size(), key.find('/', prefix.size()) - prefix.size());
    if (base != nullptr && run <= base->run) continue;
    if (run != leftover_run_) leftover_keys_.clear();
    leftover_run_ = run;
    leftover_keys_.push_back(key);
  }
}

std::optional<Shard> KnownShards::load(const std::string& key) {
  try {
    return base::while_doing(key, [&] {
      return Shard::parse(repository::read_shard(repository_, repository::ObjectKey(key), stop_));
    });
  } catch (const base::Error& failure) {
    // What cannot be read cannot be compared with: its files are stored whole.
    if (!cannot_be_compared_with(repository_, failure)) throw;
    base::warn("an index shard cannot be compared with: {}", failure.message());
    return std::nullopt;
  }
}

std::vector<Shard> KnownShards::between(const std::string& first, const std::string& end) {
  std::vector<Shard> shards;
  for (; leftover_at_ < leftover_keys_.size(); ++leftover_at_) {
    std::optional<Shard> shard = load(leftover_keys_[leftover_at_]);
    if (!shard || shard->file_count() == 0) continue;
    if (!end.empty() && shard->name(shard->file(0)) >= end) break;
    const bool goes_on = !end.empty() && shard->name(shard->file(shard->file_count() - 1)) >= end;
    if (shard->name(shard->file(shard->file_count() - 1)) >= first)
      shards.push_back(std::move(*shard));
    if (goes_on) break;  // the next stretch wants it too
  }
  for (size_t i = 0; i < base_shards_.size(); ++i) {
    const bool begins_in_time = end.empty() || base_shards_[i].first < end;
    const bool ends_in_time = i + 1 == base_shards_.size() || base_shards_[i + 1].first > first;
    if (!begins_in_time || !ends_in_time) continue;
    if (std::optional<Shard> shard = load(base_shards_[i].key)) shards.push_back(std::move(*shard));
  }
  return shards;
}

void KnownShards::each(const std::function<void(const Shard&, bool leftover)>& visit) {
  for (const std::string& key : leftover_keys_) {
    base::throw_if_stopped(stop_);
    if (const std::optional<Shard> shard = load(key)) visit(*shard, true);
  }
  for (const ShardRef& ref : base_shards_) {
    base::throw_if_stopped(stop_);
    if (const std::optional<Shard> shard = load(ref.key)) visit(*shard, false);
  }
}

}  // namespace layers
