#include "layers/snapshot/shard_committer.h"

#include "base/error.h"
#include "base/log.h"

namespace layers {

using repository::PackId;
using repository::Shard;
using repository::ShardRef;

void ShardCommitter::trust(const Shard& shard) {
  const std::lock_guard lock(mutex_);
  durable_.insert(shard.packs().begin(), shard.packs().end());
}

void ShardCommitter::count(const Shard& shard) {
  for (uint32_t i = 0; i < shard.file_count(); ++i) {
    const repository::FileRow& file = shard.file(i);
    for (const repository::ExtentRow& extent : shard.extents(file)) {
      if (extent.frame == repository::zero_frame) continue;
      const uint64_t last = extent.block + extent.blocks - 1;
      const uint64_t bytes = (uint64_t{extent.blocks} - 1) * repository::block_bytes +
                             repository::bytes_of_block(file.size, last);
      result_.live_bytes[shard.packs()[shard.frames()[extent.frame].pack]] += bytes;
    }
  }
}

// As a difference from the base's shard of the same stretch, or from what that is a difference
// from: never from a difference, so that a reader needs one object more and no chain.
ShardCommitter::Object ShardCommitter::object_of(const std::string& first_path,
                                                 const base::Bytes& content,
                                                 std::stop_token stop) const {
  const auto whole = whole_.find(first_path);
  if (whole != whole_.end()) {
    try {
      const repository::ObjectKey key(whole->second);
      const repository::ShardPrefix prefix{key, repository::read_shard(repository_, key, stop)};
      if (prefix.content.size() + content.size() <= base::Compressor::difference_bytes_max) {
        base::Bytes bytes = repository::wrap_shard(repository_, epoch_, content, &prefix);
        if (repository::is_worth_it(bytes, content)) return {std::move(bytes), whole->second};
      }
    } catch (const base::Error& failure) {
      // A snapshot does not need the old shard: this one is stored whole.
      const bool is_closed = failure.kind() == base::ErrorKind::denied && repository_.seals_only();
      if (failure.kind() != base::ErrorKind::corrupt && failure.kind() != base::ErrorKind::absent &&
          !is_closed) {
        throw;
      }
      base::warn("an index shard cannot be built upon: {}", failure.message());
    }
  }
  return {repository::wrap_shard(repository_, epoch_, content), {}};
}

void ShardCommitter::finish(uint32_t number, const std::string& first_path, ShardContent content,
                            std::stop_token stop) {
  const crypto::Digest digest = repository_.hash_key().digest(content.bytes);
  const auto same = base_.find(digest);
  Waiting waiting{.object = {}, .number = number, .packs = {}};
  std::string prefix;
  if (same == base_.end()) {
    Object object = object_of(first_path, content.bytes, stop);
    waiting.object = std::move(object.bytes);
    prefix = std::move(object.prefix);
  }
  const Shard shard = Shard::parse(std::move(content.bytes));
  {
    const std::lock_guard lock(mutex_);
    count(shard);
    result_.totals.files += content.files;
    result_.totals.blocks += content.blocks;
    result_.totals.bytes += content.file_bytes;
    if (same != base_.end()) {
      shards_.emplace(number, same->second);
      return;
    }
    shards_.emplace(number, ShardRef{.key = repository::shard_key(epoch_, run_, number).text(),
                                     .first = first_path,
                                     .files = content.files,
                                     .blocks = content.blocks,
                                     .size = waiting.object.size(),
                                     .digest = digest,
                                     .prefix = std::move(prefix)});
    for (const PackId& pack : shard.packs()) {
      if (!durable_.contains(pack)) waiting.packs.insert(pack);
    }
    if (!waiting.packs.empty()) {
      waiting_bytes_ += waiting.object.size();
      waiting_.push_back(std::move(waiting));
      return;
    }
  }
  store(waiting, stop);
}

void ShardCommitter::pack_committed(const repository::PackSummary& pack, std::stop_token stop) {
  std::vector<Waiting> ready;
  {
    const std::lock_guard lock(mutex_);
    durable_.insert(pack.id);
    result_.new_packs.emplace(pack.id, pack);
    result_.totals.stored_bytes += pack.bytes;
    std::erase_if(waiting_, [&](Waiting& waiting) {
      waiting.packs.erase(pack.id);
      if (!waiting.packs.empty()) return false;
      waiting_bytes_ -= waiting.object.size();
      ready.push_back(std::move(waiting));
      return true;
    });
  }
  for (const Waiting& waiting : ready) store(waiting, stop);
}

void ShardCommitter::store(const Waiting& waiting, std::stop_token stop) {
  const repository::ObjectKey key = repository::shard_key(epoch_, run_, waiting.number);
  base::while_doing(fmt::format("storing {}", key.text()),
                    [&] { repository_.store().put_if_absent(key, waiting.object, stop); });
  const std::lock_guard lock(mutex_);
  result_.totals.stored_bytes += waiting.object.size();
}

ShardCommitter::Result ShardCommitter::take() {
  const std::lock_guard lock(mutex_);
  CHECK(waiting_.empty());
  for (auto& [number, shard] : shards_) result_.shards.push_back(std::move(shard));
  return std::move(result_);
}

}  // namespace layers
