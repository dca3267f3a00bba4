// Rows of one size in an unnamed temporary file, found by their number: what a capture must
// remember of every block, without holding it in memory. Safe to share between threads that write
// different rows.
#pragma once

#include <atomic>
#include <span>

#include "base/file.h"
#include "repository/shard.h"

namespace layers {

template <typename Row>
requires std::is_trivially_copyable_v<Row>
class SpoolTable {
 public:
  explicit SpoolTable(const base::Path& folder) : file_(base::unnamed_file(folder)) {}

  // Throws full when the folder has no room left.
  void write(uint64_t first, std::span<const Row> rows) const {
    file_.write_all_at(first * sizeof(Row), std::as_bytes(rows));
  }
  void read(uint64_t first, std::span<Row> rows) const {
    file_.read_exactly_at(first * sizeof(Row), std::as_writable_bytes(rows));
  }
  Row at(uint64_t number) const {
    Row row;
    read(number, {&row, 1});
    return row;
  }

 private:
  base::File file_;
};

// What is remembered of a block: as in a shard, with the frame's number in a FrameList.
struct BlockRow {
  crypto::Digest digest;
  uint32_t frame = 0;  // or zero_frame, or one of the two below
  uint32_t offset = 0;
};
static_assert(sizeof(BlockRow) == 24);
inline constexpr uint32_t frame_to_come = repository::zero_frame - 1;   // not stored yet
inline constexpr uint32_t frame_to_leave = repository::zero_frame - 2;  // to be stored again

// Frames by number, those of shards compared with and new ones alike. Safe to share between
// threads.
class FrameList {
 public:
  explicit FrameList(const base::Path& folder) : rows_(folder) {}
  uint32_t add(const repository::FrameAddress& frame) {
    const uint32_t number = count_.fetch_add(1);
    CHECK(number < frame_to_leave);  // four petabytes
    rows_.write(number, {&frame, 1});
    return number;
  }
  repository::FrameAddress at(uint32_t number) const { return rows_.at(number); }

 private:
  SpoolTable<repository::FrameAddress> rows_;
  std::atomic<uint32_t> count_{0};
};

}  // namespace layers
