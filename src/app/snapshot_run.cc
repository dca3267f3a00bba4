#include "app/snapshot_run.h"

#include <set>

#include "repository/index_cache.h"

namespace app {

using repository::Repository;
using repository::SnapshotRoot;

std::optional<SnapshotRoot> run_snapshot(Context& context, const Slot& slot,
                                         layers::SnapshotProgress& progress, std::stop_token stop) {
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
        .threads = context.threads(),
        .compress_level = context.policy().repository.compress_level};
    root = layers::take_snapshot(cluster, repository, epoch, request, progress, stop);
    return base::Json{{"snapshot", root->id},
                      {"bytes", root->totals.bytes},
                      {"stored_bytes", root->totals.stored_bytes}};
  };
  run_slot(repository, slot, base_snapshot, work, stop);
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
