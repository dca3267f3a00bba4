#include "app/snapshot_run.h"

#include <algorithm>
#include <set>

#include "repository/index_cache.h"

namespace app {

using repository::Repository;
using repository::SnapshotRoot;

namespace {

// From when on stored objects stay locked for as long as a snapshot of these tiers, taken now, must
// be kept. One by hand is kept as long as the longest tier's.
base::Instant share_from(const policy::Policy& policy, const Slot& slot, base::Instant now) {
  if (!policy.repository.lock) return {};
  base::Duration keep{};
  for (const policy::Tier& tier : policy.layers.snapshots) {
    const bool serves = !slot.due || std::ranges::find(slot.tiers, tier.name) != slot.tiers.end();
    if (serves) keep = std::max(keep, tier.retain);
  }
  return now + keep - policy.repository.lock->duration;
}

}  // namespace

std::optional<SnapshotRoot> run_snapshot(Context& context, const Slot& slot,
                                         layers::SnapshotProgress& progress, std::stop_token stop) {
  context.caps().step_back();
  const Repository repository = context.repository(stop);
  provider::NativeCluster cluster = context.cluster();
  const repository::Epoch epoch = repository.epoch_for(cluster.identity(), stop);
  if (slot.due) {
    const auto key = repository::snapshot_key(epoch.number, base::to_compact(*slot.due));
    if (repository.store().stat(key, stop)) return std::nullopt;
  }

  std::optional<std::string> base_snapshot;
  const std::vector<std::string> ids = repository::snapshot_ids(repository, epoch.number, stop);
  if (!ids.empty()) base_snapshot = ids.back();
  std::optional<SnapshotRoot> root;
  const auto work = [&](const repository::Claim& claim) {
    const layers::SnapshotRequest request{
        .id = base::to_compact(claim.slot),
        .run = claim.run,
        .slot = slot.due,
        .tiers = slot.tiers,
        .share_from = share_from(context.policy(), slot, base::system_clock().now()),
        .threads = context.threads(),
        .compress_level = context.policy().repository.compress_level,
        .reading = context.caps().reading.get()};
    root = layers::take_snapshot(cluster, repository, epoch, request, progress, stop);
    return base::Json{{"snapshot", root->id},
                      {"bytes", root->totals.bytes},
                      {"stored_bytes", root->totals.stored_bytes},
                      {"files", root->totals.files},
                      {"packs", root->packs.size()},
                      {"server", cluster.connection().major()}};
  };
  const auto so_far = [&] {
    return base::Json{{"phases", progress.phase.to_json()},
                      {"bytes_read", progress.bytes_read.load()},
                      {"bytes_new", progress.bytes_new.load()}};
  };
  run_slot(repository, slot, base_snapshot, work, so_far, stop);
  if (root && repository.seals_only()) {
    std::set<std::string> shards;
    for (const repository::ShardRef& shard : root->shards) shards.insert({shard.key, shard.prefix});
    repository.index_cache()->keep_only("shards/", shards);
    repository.index_cache()->keep_only("snapshots/",
                                        {repository::snapshot_key(epoch.number, root->id).text()});
  }
  return root;
}

}  // namespace app
