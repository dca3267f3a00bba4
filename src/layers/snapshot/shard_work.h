// One shard of a snapshot on its way: what is to be read, what is known already, and where each
// block was found or put.
//
// Made by the planner, filled in by several readers at once (each its own blocks), turned into
// bytes by the last of them.
#pragma once

#include <atomic>
#include <mutex>
#include <set>

#include "layers/snapshot/data_files.h"
#include "repository/shard.h"

namespace layers {

// A stretch of reading for one thread: blocks of one file, or several small files whole.
struct ReadTask {
  uint32_t first_file;
  uint32_t files;
  uint64_t first_block;  // within the file, when `files` is 1
  uint64_t blocks;
};

// A file in the shard, and where it is found in the shards compared with.
struct WorkFile {
  repository::ShardFile row;
  RelationFile relation;
  struct Known {
    const repository::Shard* shard = nullptr;
    const repository::FileRow* file = nullptr;
    uint32_t first_frame = 0;  // of the shard's frames in ShardWork::frames
  };
  std::vector<Known> known;       // the most trusted first
  bool verify_all = false;        // it had damaged pages: look at every checksum again
  std::atomic<uint64_t> size{0};  // as read: less than row.size when it shrank beside us
  std::atomic<bool> vanished{false};
};

// A shard that is whole, and what is in it.
struct ShardContent {
  base::Bytes bytes;
  uint64_t files;
  uint64_t blocks;
  uint64_t file_bytes;
};

class ShardWork {
 public:
  ShardWork(uint32_t number, std::string first_path)
      : number_(number), first_path_(std::move(first_path)) {}

  uint32_t number() const { return number_; }
  const std::string& first_path() const { return first_path_; }
  std::vector<std::unique_ptr<WorkFile>>& files() { return files_; }
  const std::vector<ReadTask>& tasks() const { return tasks_; }

  // By the planner: adds a file; a shard to compare with (kept here); then plan_tasks() once.
  void add(DataFile file, uint32_t blocks_per_file);
  void compare_with(std::vector<repository::Shard> shards,
                    const std::set<std::string>& damaged_paths);
  void plan_tasks();

  // By the readers: the number of a new frame, for use in places.
  uint32_t add_frame(const repository::FrameAddress& frame);
  crypto::Digest& digest(const WorkFile& file, uint64_t block) {
    return digests_[file.row.first_block + block];
  }
  repository::BlockPlace& place(const WorkFile& file, uint64_t block) {
    return places_[file.row.first_block + block];
  }

  // The next task, or nothing when all are taken.
  const ReadTask* next_task();
  // True for the reader that finished the last task: it goes on to serialise().
  bool task_done(size_t count);

  ShardContent serialise();

 private:
  uint32_t number_;
  std::string first_path_;
  std::vector<std::unique_ptr<WorkFile>> files_;
  std::vector<repository::Shard> known_;
  std::vector<ReadTask> tasks_;
  std::atomic<size_t> next_task_{0};
  std::atomic<size_t> tasks_left_{0};
  std::vector<crypto::Digest> digests_;
  std::vector<repository::BlockPlace> places_;
  std::mutex mutex_;
  std::vector<repository::FrameAddress> frames_;
};

}  // namespace layers
