// What a snapshot compares with: the newest good snapshot on its own timeline, and what a run that
// was cut short left.
#pragma once

#include <optional>
#include <set>

#include "postgres/timeline_history.h"
#include "repository/shard.h"
#include "repository/snapshot_root.h"

namespace layers {

// The newest snapshot that this cluster, now on the timeline that `history` ends with, may build
// upon: one of its own past, not of a branch it left (DESIGN: a snapshot after a fork is never a
// base for its child).
std::optional<repository::SnapshotRoot> choose_base(const repository::Repository& repository,
                                                    repository::EpochNumber epoch,
                                                    const postgres::TimelineHistory& history,
                                                    std::stop_token stop);

// Packs not to be referred to by a new snapshot.
struct PacksToLeave {
  std::set<repository::PackId> ids;
  base::Instant made_before{};  // and all older ones

  bool contains(const repository::PackId& pack) const {
    return pack.made() < made_before || ids.contains(pack);
  }
  bool empty() const { return ids.empty() && made_before == base::Instant{}; }
};

// Those among `excluded` keys (condemned by a prune,
// found damaged by a verify), and those so sparsely used that keeping them costs more than storing
// their blocks again; of the sparse and the old no more than a share of the database at once.
std::set<repository::PackId> packs_to_leave(const repository::SnapshotRoot* base,
                                            const std::set<std::string>& excluded,
                                            base::Instant now);

// Keys of the base's index shards, and of what they are differences from, that were stored by runs
// that began before then.
std::set<std::string> shards_made_before(const repository::SnapshotRoot& base, base::Instant then);

// Gives the shards to compare with, for stretches of paths asked for in ascending order. Holds no
// more than it must.
class KnownShards {
 public:
  KnownShards(const repository::Repository& repository, repository::EpochNumber epoch,
              const repository::SnapshotRoot* base, std::stop_token stop);

  // First paths of the base's shards, in order, without the first of all.
  const std::vector<std::string>& boundaries() const { return boundaries_; }
  // Every known shard with a file from `first` up to (not including) `end`; an empty `end` means to
  // the last. The leftover run's come first: they are newer.
  std::vector<repository::Shard> between(const std::string& first, const std::string& end);
  // Every known shard, one at a time: the leftover run's, then the base's.
  void each(const std::function<void(const repository::Shard&, bool leftover)>& visit);
  const std::string& leftover_run() const { return leftover_run_; }

 private:
  void find_leftover(const repository::SnapshotRoot* base);
  std::optional<repository::Shard> load(const std::string& key);

  const repository::Repository& repository_;
  repository::EpochNumber epoch_;
  std::stop_token stop_;
  std::vector<repository::ShardRef> base_shards_;
  std::vector<std::string> boundaries_;
  std::string leftover_run_;
  std::vector<std::string> leftover_keys_;
  size_t leftover_at_ = 0;  // those before it end before what was asked for last
};

}  // namespace layers
