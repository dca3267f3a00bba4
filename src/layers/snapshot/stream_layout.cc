#include "layers/snapshot/stream_layout.h"

#include <unordered_map>

#include "base/task_group.h"

namespace layers {

using repository::block_bytes;
using repository::BlockPlace;
using repository::blocks_of;

namespace {

constexpr size_t groups_ahead = 1;

// The files of one shard.
struct Group {
  uint32_t number;
  std::string first_path;
  std::vector<StreamedRow> rows;
};

// Makes shards, one at a time.
class ShardWriter {
 public:
  ShardWriter(const repository::Repository& repository, const CaptureFacts& facts,
              StreamSpool& spool, ShardCommitter& committer, std::stop_token stop)
      : spool_(spool),
        committer_(committer),
        stop_(stop),
        packs_(
            repository, facts.epoch, facts.pack_bytes, facts.compress_level,
            [this](const repository::PackSummary& pack) { committer_.pack_committed(pack, stop_); },
            stop),
        filler_(
            packs_, [this](const size_t& file) -> const std::string& { return files_[file].path; },
            [this](const repository::FrameAddress& address, const std::vector<Piece>& pieces) {
              place_pieces(address, pieces);
            }) {}

  void run(base::BoundedQueue<Group>& groups) {
    while (const std::optional<Group> group = groups.pop(stop_)) {
      committer_.finish(group->number, group->first_path, make(*group), stop_);
      if (committer_.wants_packs()) packs_.commit();
    }
    packs_.commit();
  }

 private:
  using Piece = FrameFiller<size_t>::Piece;

  ShardContent make(const Group& group) {
    files_.clear();
    digests_.clear();
    places_.clear();
    frames_.clear();
    numbers_.clear();
    ShardContent content{};
    for (const StreamedRow& row : group.rows) {
      base::throw_if_stopped(stop_);
      add(row);
      content.files += row.kind == repository::FileKind::file ? 1 : 0;
      content.file_bytes += row.size;
    }
    filler_.flush();  // a frame never holds blocks of two shards
    content.blocks = digests_.size();
    content.bytes = repository::serialise_shard(files_, digests_, places_, frames_);
    return content;
  }

  void add(const StreamedRow& row) {
    const uint64_t first = digests_.size();
    const uint64_t blocks = blocks_of(row.size);
    files_.push_back({row.path, row.kind, row.mode, row.link_target, row.size, first});
    digests_.resize(first + blocks);
    places_.resize(first + blocks);
    constexpr uint64_t at_once = 4096;
    for (uint64_t done = 0; done < blocks; done += at_once) {
      rows_.resize(std::min(at_once, blocks - done));
      spool_.blocks.read(row.first_block + done, rows_);
      for (uint64_t i = 0; i < rows_.size(); ++i) take(row, done + i, rows_[i]);
    }
  }

  void take(const StreamedRow& row, uint64_t block, const BlockRow& spooled) {
    const uint64_t number = files_.back().first_block + block;
    digests_[number] = spooled.digest;
    if (spooled.frame == frame_to_come) {
      buffer_.resize(repository::bytes_of_block(row.size, block));
      spool_.content.read_exactly_at(row.content_at + block * block_bytes, buffer_);
      filler_.add(files_.size() - 1, block, buffer_);
    } else if (spooled.frame != repository::zero_frame) {
      places_[number] = {frame_number(spooled.frame), spooled.offset};
    }
  }

  // The shard's own number of a frame in the spool's list.
  uint32_t frame_number(uint32_t listed) {
    const auto [known, is_new] =
        numbers_.try_emplace(listed, static_cast<uint32_t>(frames_.size()));
    if (is_new) frames_.push_back(spool_.frames.at(listed));
    return known->second;
  }

  void place_pieces(const repository::FrameAddress& address, const std::vector<Piece>& pieces) {
    const uint32_t frame = static_cast<uint32_t>(frames_.size());
    frames_.push_back(address);
    for (const Piece& piece : pieces) {
      for (uint64_t i = 0; i < piece.blocks; ++i) {
        places_[files_[piece.file].first_block + piece.first_block + i] = {
            frame, piece.offset + static_cast<uint32_t>(i * block_bytes)};
      }
    }
  }

  StreamSpool& spool_;
  ShardCommitter& committer_;
  std::stop_token stop_;
  repository::PackWriter packs_;
  FrameFiller<size_t> filler_;
  std::vector<repository::ShardFile> files_;
  std::vector<crypto::Digest> digests_;
  std::vector<BlockPlace> places_;
  std::vector<repository::FrameAddress> frames_;
  std::unordered_map<uint32_t, uint32_t> numbers_;
  std::vector<BlockRow> rows_;
  base::Bytes buffer_;
};

}  // namespace

void lay_out(RowSorter& rows, const repository::Repository& repository, const CaptureFacts& facts,
             const std::vector<std::string>& boundaries, StreamSpool& spool,
             ShardCommitter& committer, std::stop_token stop) {
  base::BoundedQueue<Group> groups(groups_ahead);
  base::TaskGroup tasks(stop);
  tasks.spawn("sort", 1, [&](std::stop_token own) {
    ShardCutter cutter(boundaries, facts.base != nullptr);
    Group group{.number = 0, .first_path = "", .rows = {}};
    rows.drain([&](StreamedRow row) {
      if (cutter.should_cut(row.path)) {
        Group next{.number = group.number + 1, .first_path = row.path, .rows = {}};
        groups.push(std::exchange(group, std::move(next)), 1, own);
        cutter.begin();
      }
      cutter.add(row.size);
      group.rows.push_back(std::move(row));
    });
    groups.push(std::move(group), 1, own);
    groups.close();
  });
  tasks.spawn("lay out", facts.threads, [&](std::stop_token own) {
    ShardWriter(repository, facts, spool, committer, own).run(groups);
  });
  tasks.join();
}

}  // namespace layers
