// The shards to compare with, unpacked so that a file is found in any order, from any thread: a
// server sends its files in the order of its folders, not of paths.
//
// What is unpacked is in unnamed temporary files, some 0.3 % of the database; in memory is the path
// of every 64th file.
#pragma once

#include <set>

#include "layers/snapshot/shard_committer.h"
#include "layers/snapshot/snapshot_base.h"
#include "layers/snapshot/spool_table.h"

namespace layers {

class KnownFiles {
 public:
  // Reads all shards. Frames in packs `to_leave` are not to be named again; `frames` gets the
  // others, `committer` learns which packs may be trusted.
  KnownFiles(const base::Path& folder, KnownShards& shards, const PacksToLeave& to_leave,
             FrameList& frames, ShardCommitter& committer);

  // Where a file's blocks are in the table, the most trusted first.
  struct Known {
    uint64_t first_row;
    uint64_t blocks;
    bool of_base;
  };
  std::vector<Known> find(std::string_view path) const;
  const SpoolTable<BlockRow>& blocks() const { return blocks_; }

 private:
  struct Entry {
    uint64_t name_at;
    uint64_t first_row;
    uint64_t blocks;
    uint64_t name_bytes;
  };
  // Neighbours in order of paths, looked through together.
  struct Stretch {
    std::string first;  // path
    uint64_t first_entry;
    size_t entries;
  };
  void unpack(const repository::Shard& shard, const PacksToLeave& to_leave, FrameList& frames,
              std::vector<Stretch>& list);
  std::optional<Known> find_in(const std::vector<Stretch>& list, std::string_view path) const;

  SpoolTable<BlockRow> blocks_;
  SpoolTable<Entry> entries_;
  SpoolTable<char> names_;
  uint64_t block_count_ = 0;
  uint64_t entry_count_ = 0;
  uint64_t name_bytes_ = 0;
  std::vector<Stretch> leftover_;
  std::vector<Stretch> base_;
};

}  // namespace layers
