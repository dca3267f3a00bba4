#include "layers/snapshot/known_files.h"

#include <algorithm>

#include "base/error.h"

namespace layers {

using repository::block_bytes;
using repository::FileRow;
using repository::PackId;
using repository::Shard;

namespace {

constexpr uint32_t stretch_files = 64;

// The numbers that a shard's frames get in the list.
std::vector<uint32_t> list_frames(const Shard& shard, const PacksToLeave& to_leave,
                                  FrameList& frames) {
  std::vector<uint32_t> numbers;
  for (uint32_t frame = 0; frame < shard.frames().size(); ++frame) {
    const repository::FrameAddress address = address_of(shard, frame);
    numbers.push_back(to_leave.contains(address.pack) ? frame_to_leave : frames.add(address));
  }
  return numbers;
}

void append_blocks(const Shard& shard, const FileRow& file, const std::vector<uint32_t>& numbers,
                   std::vector<BlockRow>& rows) {
  const std::span<const crypto::Digest> digests = shard.digests(file);
  for (const repository::ExtentRow& extent : shard.extents(file)) {
    for (uint32_t i = 0; i < extent.blocks; ++i) {
      const bool zeros = extent.frame == repository::zero_frame;
      rows.push_back({digests[extent.block + i],
                      zeros ? repository::zero_frame : numbers[extent.frame],
                      zeros ? 0 : extent.offset + i * static_cast<uint32_t>(block_bytes)});
    }
  }
}

}  // namespace

KnownFiles::KnownFiles(const base::Path& folder, KnownShards& shards, const PacksToLeave& to_leave,
                       FrameList& frames, ShardCommitter& committer)
    : blocks_(folder), entries_(folder), names_(folder) {
  shards.each([&](const Shard& shard, bool leftover) {
    committer.trust(shard);
    if (shard.file_count() > 0) unpack(shard, to_leave, frames, leftover ? leftover_ : base_);
  });
}

void KnownFiles::unpack(const Shard& shard, const PacksToLeave& to_leave, FrameList& frames,
                        std::vector<Stretch>& list) {
  const std::vector<uint32_t> numbers = list_frames(shard, to_leave, frames);
  std::vector<Entry> entries;
  std::vector<BlockRow> blocks;
  std::string names;
  for (uint32_t i = 0; i < shard.file_count(); ++i) {
    const FileRow& file = shard.file(i);
    const std::string_view name = shard.name(file);
    if (i % stretch_files == 0) list.push_back({std::string(name), entry_count_ + i, 0});
    ++list.back().entries;
    entries.push_back({name_bytes_ + names.size(), block_count_ + blocks.size(),
                       repository::blocks_of(file.size), name.size()});
    names += name;
    append_blocks(shard, file, numbers, blocks);
  }
  blocks_.write(block_count_, blocks);
  entries_.write(entry_count_, entries);
  names_.write(name_bytes_, names);
  block_count_ += blocks.size();
  entry_count_ += entries.size();
  name_bytes_ += names.size();
}

std::vector<KnownFiles::Known> KnownFiles::find(std::string_view path) const {
  std::vector<Known> all;
  if (const std::optional<Known> known = find_in(leftover_, path)) all.push_back(*known);
  if (std::optional<Known> known = find_in(base_, path)) {
    known->of_base = true;
    all.push_back(*known);
  }
  return all;
}

std::optional<KnownFiles::Known> KnownFiles::find_in(const std::vector<Stretch>& list,
                                                     std::string_view path) const {
  const auto after = std::ranges::upper_bound(list, path, {}, &Stretch::first);
  if (after == list.begin()) return std::nullopt;
  const Stretch& stretch = *(after - 1);
  std::vector<Entry> entries(stretch.entries);
  entries_.read(stretch.first_entry, entries);
  const uint64_t names_at = entries.front().name_at;
  std::string names(entries.back().name_at + entries.back().name_bytes - names_at, '\0');
  names_.read(names_at, names);
  for (const Entry& entry : entries) {
    const std::string_view name(names.data() + (entry.name_at - names_at), entry.name_bytes);
    if (name == path) return Known{entry.first_row, entry.blocks, false};
  }
  return std::nullopt;
}

}  // namespace layers
