// The head of a PGDMP custom archive (header and table of contents) and where its data blocks lie.
// docs/formats/dump.md, "The archive".
//
// Bytes are foreign: every length is checked, whatever does not fit is corrupt, and what is held is
// bounded by entry_bytes_max and by the number of data blocks. Belongs to one thread.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"

namespace layers {

struct ArchiveHeader {
  int minor = 0;        // of archive version 1.minor
  int compression = 0;  // up to 1.14 a level, from 1.15 an algorithm
  std::string database;
  std::string server_version;  // "15.20 (Debian 15.20-0+deb12u1)"
  std::string dump_version;
  uint32_t entries = 0;
};

enum class OffsetFlag : uint8_t { not_set = 1, set = 2, no_data = 3 };

struct TocEntry {
  int32_t dump_id = 0;
  bool has_data = false;
  std::string catalog_oid;
  std::string oid;
  std::string tag;
  std::string kind;  // "TABLE", "TABLE DATA", "ACL", ...
  std::string definition;
  std::string drop;
  std::string schema;
  std::string owner;
  OffsetFlag flag = OffsetFlag::not_set;
  uint64_t offset = 0;
};

// Where the data of an entry is.
struct DataBlock {
  int32_t dump_id = 0;
  uint64_t field = 0;   // where in the head its Offset is written
  uint64_t offset = 0;  // of the block in the archive; 0 until it was met
};

// Reads an archive as its bytes pass, whatever pieces they come in.
class ArchiveScanner {
 public:
  static constexpr size_t entry_bytes_max = 64 * base::MiB;

  // `visit` gets each entry of the table of contents, in order.
  explicit ArchiveScanner(std::function<void(const TocEntry&)> visit);

  // Throws corrupt; invalid for an archive of a version that we do not know.
  void feed(base::ByteView bytes);
  // Says that there is no more. Throws corrupt unless the archive ends here and has all its data.
  void finish() const;

  bool head_complete() const { return stage_ != Stage::header && stage_ != Stage::entries; }
  const ArchiveHeader& header() const { return header_; }
  uint64_t head_bytes() const { return head_bytes_; }  // once head_complete()
  const std::vector<DataBlock>& blocks() const { return blocks_; }

 private:
  enum class Stage { header, entries, block, block_id, object, chunk, payload };

  base::ByteView feed_head(base::ByteView bytes);
  void keep(const TocEntry& entry, uint64_t field);
  void feed_data(base::ByteView bytes);
  void begin_block(int32_t dump_id);
  void step(int32_t number);

  std::function<void(const TocEntry&)> visit_;
  Stage stage_ = Stage::header;
  ArchiveHeader header_;
  base::Bytes pending_;  // of the head, not yet read
  uint32_t entries_left_ = 0;
  uint64_t head_bytes_ = 0;
  uint64_t position_ = 0;

  struct Expected {
    size_t block;        // in blocks_
    uint64_t known;      // the offset that the head already had; 0 if none
    bool large_objects;  // a BLOBS block
    bool met;
  };
  std::vector<DataBlock> blocks_;
  std::unordered_map<int32_t, Expected> expected_;
  size_t blocks_met_ = 0;

  uint64_t block_at_ = 0;
  bool large_objects_ = false;
  std::array<std::byte, 5> number_{};  // an Int that came in pieces
  size_t number_bytes_ = 0;
  uint64_t payload_left_ = 0;
};

// Sets the offsets of these blocks in the head that they were found with. Its length stays the
// same.
void write_offsets(base::ByteSpan head, const std::vector<DataBlock>& blocks);

}  // namespace layers
