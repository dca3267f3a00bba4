// Gathers blocks into a frame of 1 MiB, stores it in a pack when it is full, and tells where its
// blocks are now. Belongs to one thread.
#pragma once

#include <functional>
#include <vector>

#include "base/file.h"
#include "repository/pack.h"

namespace layers {

// `File` names the file a block is of, to whom it is told where the block was put: a pointer or a
// number.
template <typename File>
class FrameFiller {
 public:
  // Consecutive blocks of a file at consecutive bytes of the frame.
  struct Piece {
    File file;
    uint64_t first_block;
    uint64_t blocks;
    uint32_t offset;
  };
  // Told of each frame that was stored.
  using Stored =
      std::function<void(const repository::FrameAddress&, const std::vector<Piece>& pieces)>;
  using PathOf = std::function<const std::string&(const File&)>;

  FrameFiller(repository::PackWriter& packs, PathOf path_of, Stored stored)
      : packs_(packs),
        path_of_(std::move(path_of)),
        stored_(std::move(stored)),
        frame_(repository::frame_raw_bytes) {}

  void add(const File& file, uint64_t block, base::ByteView bytes) {
    if (used_ + bytes.size() > frame_.size()) flush();
    std::memcpy(frame_.data() + used_, bytes.data(), bytes.size());
    if (!pieces_.empty() && pieces_.back().file == file &&
        pieces_.back().first_block + pieces_.back().blocks == block) {
      ++pieces_.back().blocks;
    } else {
      pieces_.push_back({file, block, 1, static_cast<uint32_t>(used_)});
    }
    used_ += bytes.size();
  }

  void flush() {
    if (used_ == 0) return;
    std::vector<repository::FrameContent> content;
    content.reserve(pieces_.size());
    for (const Piece& piece : pieces_) {
      content.push_back({path_of_(piece.file), static_cast<uint32_t>(piece.first_block),
                         static_cast<uint32_t>(piece.blocks), piece.offset});
    }
    stored_(packs_.add({frame_.data(), used_}, std::move(content)), pieces_);
    pieces_.clear();
    used_ = 0;
  }

 private:
  repository::PackWriter& packs_;
  PathOf path_of_;
  Stored stored_;
  base::AlignedBuffer frame_;
  size_t used_ = 0;
  std::vector<Piece> pieces_;
};

}  // namespace layers
