// Where one index shard ends and the next begins: at the base's boundaries, so that what did not
// change is shared with it; elsewhere when there is enough.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"

namespace layers {

class ShardCutter {
 public:
  // `boundaries` are the first paths of the base's shards, in order, without the first of all;
  // borrowed.
  ShardCutter(const std::vector<std::string>& boundaries, bool has_base)
      : boundaries_(boundaries), has_base_(has_base) {}

  // Whether a shard begins with this file, which is the next in order of paths.
  bool should_cut(const std::string& next_path) {
    bool at_boundary = false;
    while (boundary_ < boundaries_.size() && boundaries_[boundary_] <= next_path) {
      ++boundary_;
      at_boundary = true;
    }
    if (!has_base_) return filled(1, 1);
    return (at_boundary && filled(1, 8)) || filled(3, 1);
  }
  void begin() { bytes_ = files_ = 0; }
  void add(uint64_t bytes) {
    bytes_ += bytes;
    ++files_;
  }

 private:
  static constexpr uint64_t shard_bytes = 512 * base::MiB;
  static constexpr uint64_t shard_files = 4096;
  bool filled(uint64_t numerator, uint64_t denominator) const {
    return bytes_ * denominator >= shard_bytes * numerator ||
           files_ * denominator >= shard_files * numerator;
  }

  const std::vector<std::string>& boundaries_;
  bool has_base_;
  size_t boundary_ = 0;
  uint64_t bytes_ = 0;
  uint64_t files_ = 0;
};

}  // namespace layers
