#include "layers/snapshot/file_capture.h"

#include <algorithm>
#include <deque>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "base/task_group.h"
#include "layers/snapshot/block_reader.h"
#include "layers/snapshot/frame_filler.h"
#include "layers/snapshot/page_notes.h"
#include "layers/snapshot/shard_cutter.h"

namespace layers {

using base::ByteSpan;
using base::ByteView;
using repository::block_bytes;
using repository::BlockPlace;
using repository::frame_raw_bytes;
using repository::PageRef;

namespace {

constexpr size_t shards_ahead = 2;  // planned and not yet all taken

// Hands shards from the planner to the readers, in order; each reader sees every shard until its
// tasks are gone.
class WorkLine {
 public:
  void add(std::shared_ptr<ShardWork> work, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [&] { return line_.size() < shards_ahead; }))
      base::throw_if_stopped(stop);
    line_.push_back(std::move(work));
    changed_.notify_all();
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  // The shard to work on behind `done`, or nothing at the end. Shared: the last reader of a shard
  // is not known beforehand.
  std::shared_ptr<ShardWork> after(const std::shared_ptr<ShardWork>& done, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    if (done && !line_.empty() && line_.front() == done) {
      line_.pop_front();
      changed_.notify_all();
    }
    if (!changed_.wait(lock, stop, [&] { return !line_.empty() || closed_; }))
      base::throw_if_stopped(stop);
    return line_.empty() ? nullptr : line_.front();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::shared_ptr<ShardWork>> line_;
  bool closed_ = false;
};

class Planner {
 public:
  Planner(const DataFiles& files, const repository::Repository& repository,
          const CaptureFacts& facts, ShardCommitter& committer, WorkLine& line,
          std::stop_token stop)
      : files_(files),
        facts_(facts),
        committer_(committer),
        line_(line),
        stop_(stop),
        known_(repository, facts.epoch, facts.base, stop),
        cutter_(known_.boundaries(), facts.base != nullptr) {
    if (facts.base != nullptr) {
      for (const PageRef& page : facts.base->damaged) damaged_paths_.insert(page.path);
    }
    if (!known_.leftover_run().empty()) {
      base::info("going on from run {}, which was cut short", known_.leftover_run());
    }
  }

  void run() {
    begin("");
    files_.walk([&](DataFile file) {
      base::throw_if_stopped(stop_);
      if (cutter_.should_cut(file.path)) {
        hand_over(file.path);
        begin(file.path);
      }
      cutter_.add(file.size);
      work_->add(std::move(file), facts_.blocks_per_file);
    });
    hand_over("");
    line_.close();
  }

 private:
  void begin(const std::string& first_path) {
    work_ = std::make_shared<ShardWork>(number_++, first_path);
    cutter_.begin();
  }

  void hand_over(const std::string& end_path) {
    std::vector<repository::Shard> shards = known_.between(work_->first_path(), end_path);
    for (const repository::Shard& shard : shards) committer_.trust(shard);
    work_->compare_with(std::move(shards), damaged_paths_);
    work_->plan_tasks();
    line_.add(std::move(work_), stop_);
  }

  const DataFiles& files_;
  const CaptureFacts& facts_;
  ShardCommitter& committer_;
  WorkLine& line_;
  std::stop_token stop_;
  KnownShards known_;
  ShardCutter cutter_;
  std::set<std::string> damaged_paths_;
  std::shared_ptr<ShardWork> work_;
  uint32_t number_ = 0;
};

// One reading thread.
class Reader {
 public:
  Reader(const DataFiles& files, const repository::Repository& repository,
         const CaptureFacts& facts, ShardCommitter& committer, PageNotes& notes,
         SnapshotProgress& progress, std::stop_token stop)
      : files_(files),
        repository_(repository),
        facts_(facts),
        committer_(committer),
        notes_(notes),
        progress_(progress),
        stop_(stop),
        packs_(
            repository, facts.epoch, facts.pack_bytes, facts.compress_level,
            [this](const repository::PackSummary& pack) { committer_.pack_committed(pack, stop_); },
            stop),
        frames_(
            packs_, [](WorkFile* file) -> const std::string& { return file->row.path; },
            [this](const repository::FrameAddress& address, const std::vector<Piece>& pieces) {
              place_pieces(address, pieces);
            }),
        buffer_(frame_raw_bytes) {}

  void run(WorkLine& line) {
    for (std::shared_ptr<ShardWork> work = line.after(nullptr, stop_); work;
         work = line.after(work, stop_)) {
      work_ = work.get();
      size_t done = 0;
      while (const ReadTask* task = work->next_task()) {
        base::throw_if_stopped(stop_);
        read_task(*task);
        ++done;
      }
      frames_.flush();  // a frame never holds blocks of two shards
      if (work->task_done(done))
        committer_.finish(work->number(), work->first_path(), work->serialise(), stop_);
      if (committer_.wants_packs()) packs_.commit();
    }
    packs_.commit();
  }

 private:
  using Piece = FrameFiller<WorkFile*>::Piece;

  void read_task(const ReadTask& task) {
    for (uint32_t i = 0; i < task.files; ++i) {
      WorkFile& file = *work_->files()[task.first_file + i];
      if (file.row.kind != repository::FileKind::file) continue;
      if (task.files == 1) {
        read_stretch(file, task.first_block, task.blocks);
      } else {
        read_stretch(file, 0, repository::blocks_of(file.row.size));
      }
    }
  }

  void read_stretch(WorkFile& file, uint64_t first_block, uint64_t blocks) {
    if (file.vanished) return;
    if (!reader_.open(files_.location(file.row.path))) {
      file.vanished = true;
      return;
    }
    const uint64_t offset = first_block * block_bytes;
    const size_t want = static_cast<size_t>(std::min(file.row.size - offset, blocks * block_bytes));
    if (facts_.reading != nullptr) facts_.reading->take(want, stop_);
    const size_t got = reader_.read(offset, buffer_.span().first(want));
    if (got < want) shrink(file, offset + got);
    progress_.bytes_read += got;
    Known known(file, first_block);
    for (uint64_t i = 0; i * block_bytes < got; ++i) {
      const ByteSpan block = buffer_.span().subspan(
          i * block_bytes, std::min<size_t>(block_bytes, got - i * block_bytes));
      take_block(file, first_block + i, block, known);
    }
  }

  static void shrink(WorkFile& file, uint64_t size) {
    uint64_t now = file.size;
    while (size < now && !file.size.compare_exchange_weak(now, size)) {
    }
  }

  // What is known of a file's blocks, walked along with them.
  class Known {
   public:
    Known(const WorkFile& file, uint64_t first_block) : file_(file), at_(file.known.size()) {
      for (size_t i = 0; i < at_.size(); ++i) {
        const WorkFile::Known& known = file.known[i];
        if (first_block < repository::blocks_of(known.file->size)) {
          at_[i] = &known.shard->extent_of(*known.file, static_cast<uint32_t>(first_block));
        }
      }
    }
    // Where the block of this digest is already, if it is at its place in a shard that is known.
    std::optional<BlockPlace> find(uint64_t block, const crypto::Digest& digest,
                                   const PacksToLeave& leave) {
      for (size_t i = 0; i < at_.size(); ++i) {
        const WorkFile::Known& known = file_.known[i];
        if (at_[i] == nullptr || block >= repository::blocks_of(known.file->size)) continue;
        while (block >= uint64_t{at_[i]->block} + at_[i]->blocks) ++at_[i];
        if (known.shard->digests(*known.file)[block] != digest) continue;
        if (at_[i]->frame == repository::zero_frame) return BlockPlace{};
        if (!leave.empty() &&
            leave.contains(known.shard->packs()[known.shard->frames()[at_[i]->frame].pack]))
          continue;
        const uint32_t offset =
            at_[i]->offset + static_cast<uint32_t>((block - at_[i]->block) * block_bytes);
        return BlockPlace{known.first_frame + at_[i]->frame, offset};
      }
      return std::nullopt;
    }
    bool has(uint64_t block) const {
      return !file_.known.empty() && block < repository::blocks_of(file_.known.back().file->size);
    }

   private:
    const WorkFile& file_;
    std::vector<const repository::ExtentRow*> at_;
  };

  void take_block(WorkFile& file, uint64_t block, ByteSpan bytes, Known& known) {
    crypto::Digest digest = repository_.hash_key().digest(bytes);
    std::optional<BlockPlace> place = known.find(block, digest, facts_.packs_to_leave);
    if ((!place || file.verify_all) && file.relation.is_relation && bytes.size() == block_bytes &&
        verify_page(file, block, bytes)) {
      digest = repository_.hash_key().digest(bytes);  // it was read again
      place = known.find(block, digest, facts_.packs_to_leave);
    }
    work_->digest(file, block) = digest;
    if (place) {
      work_->place(file, block) = *place;
      return;
    }
    if (postgres::all_zero(bytes)) {
      work_->place(file, block) = BlockPlace{};
      return;
    }
    if (known.has(block) && facts_.checksums && facts_.base != nullptr &&
        page_is_suspect(file.relation, bytes, *facts_.base)) {
      notes_.add_suspect(file.row.path, block);
    }
    frames_.add(&file, block, bytes);
    progress_.bytes_new += bytes.size();
  }

  // Checks a page's checksum. A page that does not match is read again, for it may have been caught
  // while it was written; true when that changed it. Pages that WAL will repair are let pass.
  bool verify_page(const WorkFile& file, uint64_t block, ByteSpan bytes) {
    if (!facts_.checksums) return false;
    if (page_is_sound(file.relation, block, bytes.data())) return false;
    for (int attempt = 0; attempt < 5; ++attempt) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2 << attempt));
      if (reader_.read(block * block_bytes, bytes) != bytes.size())
        return true;  // truncated meanwhile
      if (page_is_sound(file.relation, block, bytes.data())) return true;
    }
    if (page_is_in_wal(bytes.data(), facts_.start)) return true;
    notes_.add_damaged(file.row.path, block);
    return true;
  }

  void place_pieces(const repository::FrameAddress& address, const std::vector<Piece>& pieces) {
    const uint32_t frame = work_->add_frame(address);
    for (const Piece& piece : pieces) {
      for (uint64_t i = 0; i < piece.blocks; ++i) {
        work_->place(*piece.file, piece.first_block + i) = {
            frame, static_cast<uint32_t>(piece.offset + i * block_bytes)};
      }
    }
  }

  const DataFiles& files_;
  const repository::Repository& repository_;
  const CaptureFacts& facts_;
  ShardCommitter& committer_;
  PageNotes& notes_;
  SnapshotProgress& progress_;
  std::stop_token stop_;
  repository::PackWriter packs_;
  FrameFiller<WorkFile*> frames_;
  BlockReader reader_;
  base::AlignedBuffer buffer_;
  ShardWork* work_ = nullptr;
};

}  // namespace

std::vector<repository::ShardRef> shareable_shards(const CaptureFacts& facts) {
  std::vector<repository::ShardRef> shards;
  if (facts.base != nullptr) shards = facts.base->shards;
  std::erase_if(shards, [&](const repository::ShardRef& shard) {
    return facts.shards_to_leave.contains(shard.key) ||
           facts.shards_to_leave.contains(shard.prefix);
  });
  return shards;
}

CaptureResult capture_files(const DataFiles& files, const repository::Repository& repository,
                            const CaptureFacts& facts, SnapshotProgress& progress,
                            std::stop_token stop) {
  ShardCommitter committer(repository, facts.epoch, facts.run, shareable_shards(facts));
  WorkLine line;
  PageNotes notes;
  base::TaskGroup tasks(stop);
  tasks.spawn("plan", 1, [&](std::stop_token own) {
    Planner(files, repository, facts, committer, line, own).run();
  });
  tasks.spawn("read", facts.threads, [&](std::stop_token own) {
    Reader(files, repository, facts, committer, notes, progress, own).run(line);
  });
  tasks.join();
  CaptureResult result{.stored = committer.take(),
                       .damaged = std::move(notes.damaged()),
                       .suspects = std::move(notes.suspects())};
  result.stored.totals.new_bytes = progress.bytes_new;
  return result;
}

}  // namespace layers
