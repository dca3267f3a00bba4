// Packs: blocks of data files, grouped into zstd frames. docs/formats/snapshot.md, "Pack".
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "base/compress.h"
#include "repository/shard.h"

namespace repository {

inline constexpr size_t frame_raw_bytes = 1 * base::MiB;

// A stretch of one file's blocks within a raw frame, for the pack's own index.
struct FrameContent {
  std::string path;
  uint32_t first_block;
  uint32_t blocks;
  uint32_t offset;
};

struct PackSummary {
  PackId id;
  uint64_t bytes = 0;      // of the object
  uint64_t raw_bytes = 0;  // of the blocks in it
};

// Writes frames into packs, one pack at a time. Belongs to one thread. Dropped with a pack begun,
// it leaves nothing of it.
class PackWriter {
 public:
  // `committed` is told of each pack once it is durable.
  PackWriter(const Repository& repository, EpochNumber epoch, uint64_t pack_bytes_max, int level,
             std::function<void(const PackSummary&)> committed, std::stop_token stop);

  // Compresses and appends one frame; commits the pack when it is full.
  FrameAddress add(base::ByteView raw, std::vector<FrameContent> content);
  // Commits the pack begun, if any.
  void commit();

 private:
  void begin();

  const Repository& repository_;
  EpochNumber epoch_;
  uint64_t pack_bytes_max_;
  std::function<void(const PackSummary&)> committed_;
  std::stop_token stop_;
  base::Compressor compressor_;
  base::Bytes packed_;
  std::unique_ptr<storage::ObjectWriter> writer_;
  PackId id_{};
  uint64_t offset_ = 0;
  uint64_t raw_bytes_ = 0;
  struct Frame {
    FrameAddress address;
    crypto::Digest digest;
    std::vector<FrameContent> content;
  };
  std::vector<Frame> frames_;
};

// The table at the end of a pack.
struct PackIndex {
  struct Frame {
    FrameAddress address;
    crypto::Digest digest;  // of the stored bytes
  };
  std::vector<Frame> frames;
  struct Extent {
    uint32_t frame = 0;
    FrameContent content;
  };
  std::vector<Extent> extents;
};
// Reads header and footer. Throws absent, corrupt.
PackIndex read_pack_index(const Repository& repository, EpochNumber epoch, const PackId& pack,
                          std::stop_token stop);

// Reads and decompresses frames, one at a time, into `raw`, which gets its size. Whoever uses a
// block checks its digest. Belongs to one thread; holds as much of `windows_max` packs, of what was
// expected, as the store finds worth asking for.
class FrameReader {
 public:
  FrameReader(const Repository& repository, EpochNumber epoch)
      : repository_(repository), epoch_(epoch) {}
  // What is likely to be read next, in place of what was expected before. Frames of these that lie
  // near each other in a pack are fetched by one request.
  void expect(std::vector<FrameAddress> frames);
  // Throws absent, corrupt, and whatever the store does.
  void read(const FrameAddress& frame, base::Bytes& raw, std::stop_token stop);

  // A snapshot fills several packs at once, so frames that are read after each other lie in turn in
  // each of them.
  static constexpr size_t windows_max = 4;
  static constexpr uint64_t gap_bytes =
      64 * base::KiB;  // fetched for nothing rather than asked for

 private:
  // Bytes of a pack that were fetched.
  struct Window {
    PackId pack;
    uint64_t begin = 0;
    base::Bytes bytes;
    bool holds(const FrameAddress& frame) const;
  };
  uint64_t end_of_window(const FrameAddress& frame) const;
  const Window& window_with(const FrameAddress& frame, std::stop_token stop);
  void fetch(Window& window, const FrameAddress& frame, uint64_t end, std::stop_token stop) const;

  const Repository& repository_;
  EpochNumber epoch_;
  base::Decompressor decompressor_;
  std::vector<FrameAddress> expected_;  // in order
  std::list<Window> windows_;           // the one used last is the first
};

}  // namespace repository
