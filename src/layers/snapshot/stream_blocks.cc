#include "layers/snapshot/stream_blocks.h"

#include <algorithm>

namespace layers {

using base::ByteView;
using repository::block_bytes;

namespace {

ByteView block_of(ByteView bytes, uint64_t number) {
  const size_t at = static_cast<size_t>(number * block_bytes);
  return bytes.subspan(at, std::min(block_bytes, bytes.size() - at));
}

}  // namespace

StreamWorker::StreamWorker(const repository::Repository& repository, const CaptureFacts& facts,
                           const KnownFiles& known, const std::set<std::string>& damaged_paths,
                           StreamSpool& spool, ShardCommitter& committer, PageNotes& notes,
                           SnapshotProgress& progress, std::stop_token stop)
    : repository_(repository),
      facts_(facts),
      known_files_(known),
      damaged_paths_(damaged_paths),
      spool_(spool),
      notes_(notes),
      progress_(progress),
      stop_(stop),
      packs_(
          repository, facts.epoch, facts.pack_bytes, facts.compress_level,
          [&committer, stop](const repository::PackSummary& pack) {
            committer.pack_committed(pack, stop);
          },
          stop),
      frames_(
          packs_, [](const File& file) -> const std::string& { return file->path; },
          [this](const repository::FrameAddress& address, const std::vector<Piece>& pieces) {
            place_pieces(address, pieces);
          }) {}

void StreamWorker::run(PortionLine& line) {
  while (std::optional<Portion> portion = line.next(stop_)) {
    for (const Portion::Stretch& stretch : portion->stretches) take(*portion, stretch);
    line.give_back(std::move(portion->buffer), stop_);
  }
  frames_.flush();
  packs_.commit();
}

void StreamWorker::take(const Portion& portion, const Portion::Stretch& stretch) {
  turn_to(stretch.file);
  const ByteView bytes = ByteView(portion.buffer).subspan(stretch.at, stretch.bytes);
  const uint64_t blocks = repository::blocks_of(bytes.size());
  load_known(stretch.first_block, blocks);
  rows_.clear();
  for (uint64_t i = 0; i < blocks; ++i) rows_.push_back(judge(i, block_of(bytes, i)));
  spool_.blocks.write(file_->first_block + stretch.first_block, rows_);
  for (uint64_t i = 0; i < blocks; ++i) {
    if (rows_[i].frame != frame_to_come) continue;
    const ByteView block = block_of(bytes, i);
    progress_.bytes_new += block.size();
    if (file_->is_small()) {
      spool_.content.write_all_at(file_->content_at + (stretch.first_block + i) * block_bytes,
                                  block);
    } else {
      frames_.add(file_, stretch.first_block + i, block);
    }
  }
}

void StreamWorker::turn_to(const File& file) {
  if (file == file_) return;
  frames_.flush();  // a frame never holds blocks of two large files, which may be in two shards
  file_ = file;
  known_ = known_files_.find(file->path);
  verify_all_ = damaged_paths_.contains(file->path);
}

void StreamWorker::load_known(uint64_t first_block, uint64_t blocks) {
  first_block_ = first_block;
  known_rows_.resize(known_.size());
  for (size_t i = 0; i < known_.size(); ++i) {
    const uint64_t there = known_[i].blocks > first_block ? known_[i].blocks - first_block : 0;
    known_rows_[i].resize(std::min(there, blocks));
    known_files_.blocks().read(known_[i].first_row + first_block, known_rows_[i]);
  }
}

// What becomes of a block of the stretch.
BlockRow StreamWorker::judge(uint64_t number, ByteView bytes) {
  const crypto::Digest digest = repository_.hash_key().digest(bytes);
  const uint64_t block = first_block_ + number;
  std::optional<BlockRow> same;
  bool base_has_it = false;
  for (size_t i = 0; i < known_.size() && !same; ++i) {
    if (number >= known_rows_[i].size()) continue;
    base_has_it = base_has_it || known_[i].of_base;
    const BlockRow& row = known_rows_[i][number];
    if (row.digest == digest && row.frame != frame_to_leave) same = row;
  }
  // Torn pages the server has read again by itself.
  if ((!same || verify_all_) && facts_.checksums && file_->relation.is_relation &&
      bytes.size() == block_bytes && !page_is_sound(file_->relation, block, bytes.data()) &&
      !page_is_in_wal(bytes.data(), facts_.start)) {
    notes_.add_damaged(file_->path, block);
  }
  if (same) return *same;
  if (postgres::all_zero(bytes)) return {digest, repository::zero_frame, 0};
  if (base_has_it && facts_.checksums && page_is_suspect(file_->relation, bytes, *facts_.base))
    notes_.add_suspect(file_->path, block);
  return {digest, frame_to_come, 0};
}

void StreamWorker::place_pieces(const repository::FrameAddress& address,
                                const std::vector<Piece>& pieces) {
  const uint32_t frame = spool_.frames.add(address);
  for (const Piece& piece : pieces) {
    std::vector<BlockRow> rows(piece.blocks);
    const uint64_t first = piece.file->first_block + piece.first_block;
    spool_.blocks.read(first, rows);
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i].frame = frame;
      rows[i].offset = piece.offset + static_cast<uint32_t>(i * block_bytes);
    }
    spool_.blocks.write(first, rows);
  }
}

}  // namespace layers
