// Stores index shards once every pack they name is durable, so that a run cut short leaves shards
// that can be trusted. Shared between threads.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "layers/snapshot/shard_work.h"
#include "repository/pack.h"
#include "repository/snapshot_root.h"

namespace layers {

class ShardCommitter {
 public:
  ShardCommitter(const repository::Repository& repository, repository::EpochNumber epoch,
                 std::string run, std::vector<repository::ShardRef> base_shards)
      : repository_(repository), epoch_(epoch), run_(std::move(run)) {
    for (repository::ShardRef& shard : base_shards) {
      whole_.emplace(shard.first, shard.prefix.empty() ? shard.key : shard.prefix);
      base_.emplace(shard.digest, std::move(shard));
    }
  }

  // Takes over a finished shard; stores it now, or when the last of its new packs is committed.
  // `number` is its place in order of paths, `first_path` where it begins.
  void finish(uint32_t number, const std::string& first_path, ShardContent content,
              std::stop_token stop);
  // Told by the pack writers.
  void pack_committed(const repository::PackSummary& pack, std::stop_token stop);
  // Too much waits for packs: the readers should commit what they have begun.
  bool wants_packs() const { return waiting_bytes_ > waiting_bytes_max; }

  struct Result {
    std::vector<repository::ShardRef> shards;
    std::map<repository::PackId, uint64_t> live_bytes;  // by pack named
    std::map<repository::PackId, repository::PackSummary> new_packs;
    repository::SnapshotTotals totals;
  };
  // After all readers have ended well.
  Result take();

 private:
  static constexpr size_t waiting_bytes_max = 16 * base::MiB;

  struct Waiting {
    base::Bytes object;
    uint32_t number;
    std::set<repository::PackId> packs;  // not durable yet
  };
  void count(const repository::Shard& shard);
  void store(const Waiting& waiting, std::stop_token stop);
  struct Object {
    base::Bytes bytes;
    std::string prefix;  // key; empty: it is whole
  };
  Object object_of(const std::string& first_path, const base::Bytes& content,
                   std::stop_token stop) const;

  const repository::Repository& repository_;
  repository::EpochNumber epoch_;
  std::string run_;
  std::map<crypto::Digest, repository::ShardRef> base_;
  std::map<std::string, std::string>
      whole_;         // by first path: the base's object there that is whole
  std::mutex mutex_;  // guards what follows
  std::atomic<size_t> waiting_bytes_{0};
  std::vector<Waiting> waiting_;
  std::map<uint32_t, repository::ShardRef> shards_;
  std::set<repository::PackId> durable_;  // of known shards and of committed packs
  Result result_;

 public:
  // Packs that were durable before this run.
  void trust(const repository::Shard& shard);
};

}  // namespace layers
