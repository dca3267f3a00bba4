#include "layers/snapshot/shard_work.h"

#include "base/error.h"
#include "repository/pack.h"

namespace layers {

using repository::blocks_of;
using repository::FileKind;
using repository::Shard;
using repository::ShardFile;

namespace {
constexpr uint64_t task_blocks = repository::frame_raw_bytes / repository::block_bytes;
constexpr uint32_t task_files_max = 64;
}  // namespace

void ShardWork::add(DataFile file, uint32_t blocks_per_file) {
  auto work = std::make_unique<WorkFile>();
  work->relation = relation_file(file.path, blocks_per_file);
  work->row = {.path = std::move(file.path),
               .kind = file.kind,
               .mode = file.mode,
               .link_target = std::move(file.link_target),
               .size = file.size,
               .first_block = digests_.size()};
  work->size = file.size;
  digests_.resize(digests_.size() + blocks_of(file.size));
  files_.push_back(std::move(work));
}

void ShardWork::compare_with(std::vector<Shard> shards,
                             const std::set<std::string>& damaged_paths) {
  known_ = std::move(shards);
  std::vector<uint32_t> first_frames;
  for (const Shard& shard : known_) {
    first_frames.push_back(static_cast<uint32_t>(frames_.size()));
    for (uint32_t frame = 0; frame < shard.frames().size(); ++frame) {
      frames_.push_back(repository::address_of(shard, frame));
    }
  }
  for (const std::unique_ptr<WorkFile>& file : files_) {
    for (size_t i = 0; i < known_.size(); ++i) {
      const repository::FileRow* row = known_[i].find(file->row.path);
      if (row != nullptr && row->size > 0)
        file->known.push_back({&known_[i], row, first_frames[i]});
    }
    file->verify_all = damaged_paths.contains(file->row.path);
  }
}

void ShardWork::plan_tasks() {
  places_.resize(digests_.size());
  ReadTask small{};
  const auto flush = [&] {
    if (small.files > 0) tasks_.push_back(small);
    small = {};
  };
  for (uint32_t i = 0; i < files_.size(); ++i) {
    const ShardFile& row = files_[i]->row;
    const uint64_t blocks = blocks_of(row.size);
    if (row.kind != FileKind::file || blocks == 0) {
      if (small.files > 0) ++small.files;
      continue;
    }
    if (blocks > task_blocks) {
      flush();
      for (uint64_t at = 0; at < blocks; at += task_blocks) {
        tasks_.push_back({i, 1, at, std::min(task_blocks, blocks - at)});
      }
      continue;
    }
    if (small.files > 0 && (small.blocks + blocks > task_blocks || small.files >= task_files_max))
      flush();
    if (small.files == 0) small = {i, 0, 0, 0};
    ++small.files;
    small.blocks += blocks;
  }
  flush();
  if (tasks_.empty())
    tasks_.push_back({0, 0, 0, 0});  // someone must finish a shard of folders alone
  tasks_left_ = tasks_.size();
}

uint32_t ShardWork::add_frame(const repository::FrameAddress& frame) {
  const std::lock_guard lock(mutex_);
  frames_.push_back(frame);
  return static_cast<uint32_t>(frames_.size() - 1);
}

const ReadTask* ShardWork::next_task() {
  const size_t number = next_task_.fetch_add(1);
  return number < tasks_.size() ? &tasks_[number] : nullptr;
}

bool ShardWork::task_done(size_t count) {
  return count > 0 && tasks_left_.fetch_sub(count) == count;
}

ShardContent ShardWork::serialise() {
  std::vector<ShardFile> rows;
  rows.reserve(files_.size());
  ShardContent content{};
  for (const std::unique_ptr<WorkFile>& file : files_) {
    if (file->vanished) continue;
    ShardFile row = std::move(file->row);
    row.size = file->size;  // never more than was planned, so its blocks are there
    content.files += row.kind == FileKind::file ? 1 : 0;
    content.blocks += blocks_of(row.size);
    content.file_bytes += row.size;
    rows.push_back(std::move(row));
  }
  content.bytes = repository::serialise_shard(rows, digests_, places_, frames_);
  return content;
}

}  // namespace layers
