// Blocks of a snapshot by file and number, each checked against its digest. Belongs to one thread;
// keeps a few frames.
#pragma once

#include <list>

#include "repository/pack.h"

namespace layers {

class BlockSource {
 public:
  BlockSource(const repository::Repository& repository, repository::EpochNumber epoch)
      : repository_(repository), reader_(repository, epoch) {}

  // These files are read next, whole: what of them lies together is fetched together.
  void expect(const repository::Shard& shard, std::span<const repository::FileRow* const> files);

  // Gives the blocks from `first` on, `count` of them, in order, in pieces of whole blocks. Throws
  // corrupt, absent.
  void read(const repository::Shard& shard, const repository::FileRow& file, uint32_t first,
            uint32_t count, const std::function<void(base::ByteView)>& sink, std::stop_token stop);

  uint64_t fetched_bytes() const { return fetched_bytes_; }

 private:
  static constexpr size_t frames_kept = 4;
  struct Kept {
    repository::FrameAddress address;
    base::Bytes raw;
  };
  const base::Bytes& frame(const repository::FrameAddress& address, std::stop_token stop);

  const repository::Repository& repository_;
  repository::FrameReader reader_;
  std::list<Kept> kept_;  // the latest used first
  uint64_t fetched_bytes_ = 0;
};

}  // namespace layers
