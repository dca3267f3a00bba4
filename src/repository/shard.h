// An index shard: which block of which file is where, for a stretch of files.
// docs/formats/snapshot.md, "Index shard".
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "repository/repository.h"

namespace repository {

inline constexpr size_t block_bytes = 8192;
inline constexpr uint32_t zero_frame = 0xFFFFFFFF;  // stands for blocks of zeros, stored nowhere

enum class FileKind : uint8_t { file = 0, folder = 1, link = 2 };

// The layouts of the binary tables, in their order in the content.
struct ShardCounts {
  uint32_t files;
  uint32_t packs;
  uint32_t frames;
  uint32_t extents;
  uint64_t blocks;
  uint64_t name_bytes;
};
static_assert(sizeof(ShardCounts) == 32);

struct FrameRow {
  uint64_t offset;  // in the pack
  uint32_t pack;    // in the shard's own table
  uint32_t stored_bytes;
  uint32_t raw_bytes;
  uint32_t zero;
};
static_assert(sizeof(FrameRow) == 24);

struct FileRow {
  uint64_t size;
  uint64_t first_block;  // in the shard's digests
  uint32_t name_offset;
  uint16_t name_bytes;
  FileKind kind;
  uint8_t zero;
  uint32_t mode;  // permission bits
  uint32_t first_extent;
  uint32_t extents;
  uint32_t link_bytes;  // a link's target follows its name
};
static_assert(sizeof(FileRow) == 40);

struct ExtentRow {
  uint32_t block;  // first, within the file
  uint32_t blocks;
  uint32_t frame;
  uint32_t offset;  // of the first block in the raw frame
};
static_assert(sizeof(ExtentRow) == 16);

// Blocks of a file of this size.
inline uint64_t blocks_of(uint64_t size) { return (size + block_bytes - 1) / block_bytes; }
// Bytes of one block of a file of this size: 8192, or fewer for the last.
inline size_t bytes_of_block(uint64_t size, uint64_t block) {
  return static_cast<size_t>(std::min<uint64_t>(block_bytes, size - block * block_bytes));
}

// A shard as read: checked once, then only looked at. Owns its content. Safe to share between
// threads.
class Shard {
 public:
  // Throws corrupt unless every number in it leads to where it may.
  static Shard parse(base::Bytes content);

  uint32_t file_count() const { return counts_.files; }
  const FileRow& file(uint32_t number) const { return files_[number]; }
  std::string_view name(const FileRow& file) const;
  std::string_view link_target(const FileRow& file) const;
  std::span<const ExtentRow> extents(const FileRow& file) const {
    return extents_.subspan(file.first_extent, file.extents);
  }
  std::span<const crypto::Digest> digests(const FileRow& file) const {
    return digests_.subspan(file.first_block, blocks_of(file.size));
  }
  std::span<const FrameRow> frames() const { return frames_; }
  std::span<const PackId> packs() const { return packs_; }
  base::ByteView content() const { return content_; }

  // The file of this path, if it is here.
  const FileRow* find(std::string_view path) const;
  // The extent that holds a block of the file, which must be within it.
  const ExtentRow& extent_of(const FileRow& file, uint32_t block) const;

 private:
  explicit Shard(base::Bytes content) : content_(std::move(content)) {}
  void check() const;

  base::Bytes content_;
  ShardCounts counts_{};
  std::span<const PackId> packs_;
  std::span<const FrameRow> frames_;
  std::span<const FileRow> files_;
  std::span<const ExtentRow> extents_;
  std::span<const crypto::Digest> digests_;
  std::string_view names_;
};

// A frame wherever it is.
struct FrameAddress {
  PackId pack;
  uint64_t offset = 0;
  uint32_t stored_bytes = 0;
  uint32_t raw_bytes = 0;
  auto operator<=>(const FrameAddress&) const = default;
};
FrameAddress address_of(const Shard& shard, uint32_t frame);

// Where one block was put: `frame` counts in the list given to serialise_shard.
struct BlockPlace {
  uint32_t frame = zero_frame;
  uint32_t offset = 0;
};

struct ShardFile {
  std::string path;
  FileKind kind = FileKind::file;
  uint32_t mode = 0600;
  std::string link_target;
  uint64_t size = 0;
  uint64_t first_block = 0;  // in `digests` and `places`; blocks_of(size) of them
};

// The content of a shard with these files, in order of paths. Equal inputs give equal bytes, and
// frames that no block uses are left out.
base::Bytes serialise_shard(std::span<const ShardFile> files,
                            std::span<const crypto::Digest> digests,
                            std::span<const BlockPlace> places,
                            std::span<const FrameAddress> frames);

// Another shard's object, itself whole, and its content: what an object may be a difference from.
struct ShardPrefix {
  ObjectKey key;
  base::Bytes content;
};

// A shard's object: header frame and one zstd frame, which with `prefix` is a difference from that
// content.
base::Bytes wrap_shard(const Repository& repository, EpochNumber epoch, base::ByteView content,
                       const ShardPrefix* prefix = nullptr);
// The key of what an object is a difference from; nothing when it is whole. Throws corrupt.
std::optional<ObjectKey> shard_prefix_of(const Repository& repository, base::ByteView object);
// The content, checked. Throws corrupt.
base::Bytes unwrap_shard(const Repository& repository, base::ByteView object,
                         base::ByteView prefix = {});
// Reads an object of the store, and what it is a difference from. Throws absent, corrupt.
base::Bytes read_shard(const Repository& repository, const ObjectKey& key, std::stop_token stop);
// Whether a difference is worth what it costs a reader: one more object.
bool is_worth_it(base::ByteView difference, base::ByteView content);

}  // namespace repository
