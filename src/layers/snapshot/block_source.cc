#include "layers/snapshot/block_source.h"

#include <algorithm>

#include "base/error.h"

namespace layers {

using repository::block_bytes;
using repository::ExtentRow;

const base::Bytes& BlockSource::frame(const repository::FrameAddress& address,
                                      std::stop_token stop) {
  const auto at = std::ranges::find(kept_, address, &Kept::address);
  if (at != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, at);
    return kept_.front().raw;
  }
  if (kept_.size() < frames_kept) {
    kept_.emplace_front();
  } else {
    kept_.splice(kept_.begin(), kept_, std::prev(kept_.end()));
  }
  kept_.front().address = {};  // not this frame until it is read whole
  reader_.read(address, kept_.front().raw, stop);
  kept_.front().address = address;
  fetched_bytes_ += address.stored_bytes;
  return kept_.front().raw;
}

void BlockSource::expect(const repository::Shard& shard,
                         std::span<const repository::FileRow* const> files) {
  std::vector<repository::FrameAddress> frames;
  for (const repository::FileRow* file : files) {
    for (const ExtentRow& extent : shard.extents(*file)) {
      if (extent.frame == repository::zero_frame) continue;
      const repository::FrameAddress address = repository::address_of(shard, extent.frame);
      if (frames.empty() || frames.back() != address) frames.push_back(address);
    }
  }
  reader_.expect(std::move(frames));
}

void BlockSource::read(const repository::Shard& shard, const repository::FileRow& file,
                       uint32_t first, uint32_t count,
                       const std::function<void(base::ByteView)>& sink, std::stop_token stop) {
  static const base::Bytes zeros(base::MiB);
  const std::span<const crypto::Digest> digests = shard.digests(file);
  const ExtentRow* extent = count > 0 ? &shard.extent_of(file, first) : nullptr;
  for (uint32_t block = first; block < first + count; ++extent) {
    uint32_t blocks = std::min(first + count, extent->block + extent->blocks) - block;
    if (extent->frame == repository::zero_frame)
      blocks = std::min<uint32_t>(blocks, zeros.size() / block_bytes);
    const size_t bytes =
        (blocks - 1) * block_bytes + repository::bytes_of_block(file.size, block + blocks - 1);
    base::ByteView piece = base::ByteView(zeros).first(std::min(bytes, zeros.size()));
    if (extent->frame != repository::zero_frame) {
      const repository::FrameAddress address = repository::address_of(shard, extent->frame);
      piece = base::ByteView(frame(address, stop))
                  .subspan(extent->offset + (block - extent->block) * block_bytes, bytes);
      for (uint32_t i = 0; i < blocks; ++i) {
        const base::ByteView one =
            piece.subspan(i * block_bytes, std::min<size_t>(block_bytes, bytes - i * block_bytes));
        if (repository_.hash_key().digest(one) == digests[block + i]) continue;
        throw base::Error(base::ErrorKind::corrupt,
                          fmt::format("block {} of {} in pack {} is not what was stored", block + i,
                                      shard.name(file), address.pack.hex()),
                          "'seawall verify' lists all that is damaged; another snapshot may hold "
                          "the block elsewhere");
      }
    }
    sink(piece);
    block += blocks;
    if (block < extent->block + extent->blocks) --extent;  // a long stretch of zeros goes on
  }
}

}  // namespace layers
