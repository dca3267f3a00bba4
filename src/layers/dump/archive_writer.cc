#include "layers/dump/archive_writer.h"

#include <algorithm>

#include "base/error.h"

namespace layers {

using base::ByteView;
using base::ErrorKind;

constexpr size_t read_bytes = 4 * base::MiB;

ArchiveWriter::ArchiveWriter(storage::ObjectStore& store, storage::ObjectKey key,
                             uint64_t head_bytes_max, std::function<void(const TocEntry&)> visit,
                             std::stop_token stop)
    : store_(store),
      key_(std::move(key)),
      head_bytes_max_(head_bytes_max),
      stop_(std::move(stop)),
      scanner_(std::move(visit)) {}

void ArchiveWriter::write(ByteView bytes) {
  scanner_.feed(bytes);
  size_ += bytes.size();
  if (writer_) {
    rest_.update(bytes);
    writer_->write(bytes);
    return;
  }
  base::append(held_, bytes);
  if (scanner_.head_complete() && scanner_.head_bytes() <= head_bytes_max_) {
    begin(true);
  } else if (held_.size() > head_bytes_max_) {
    begin(false);
  }
}

// Without offsets nothing of the archive has to be held: all of it is "the rest".
void ArchiveWriter::begin(bool with_offsets) {
  with_offsets_ = with_offsets;
  const size_t head = with_offsets ? static_cast<size_t>(scanner_.head_bytes()) : 0;
  writer_ = store_.begin_write(key_, {.expected_bytes = 0, .head_bytes = head}, stop_);
  writer_->write(held_);
  rest_.update(ByteView(held_).subspan(head));
  held_.resize(head);
  held_.shrink_to_fit();
}

void ArchiveWriter::finish() {
  scanner_.finish();
  CHECK(writer_);  // a finished head has begun the object
  if (with_offsets_) write_offsets(held_, scanner_.blocks());
}

void ArchiveWriter::commit() {
  if (writer_->commit(held_) == storage::PutOutcome::stored) return;
  throw base::Error(ErrorKind::conflict,
                    fmt::format("{} came to be while this dump was taken", key_.text()),
                    "another run took the same day; this one kept nothing");
}

StoredArchive ArchiveWriter::read_back(const std::function<void(uint64_t)>& progress) {
  StoredArchive stored{
      .size = size_, .head_bytes = scanner_.head_bytes(), .offsets = with_offsets_};
  stored.rest_sha256 = rest_.finish_hex();
  if (with_offsets_) stored.head_sha256 = crypto::sha256_hex(held_);
  try {
    stored.sha256 = read_whole(stored.rest_sha256, progress);
  } catch (const base::Error& failure) {
    // Who may only write was given no more on purpose; who may read verifies.
    if (failure.kind() != ErrorKind::denied) throw;
    require_listed();
  }
  return stored;
}

std::string ArchiveWriter::read_whole(const std::string& rest_sha256,
                                      const std::function<void(uint64_t)>& progress) {
  crypto::Sha256 whole;
  crypto::Sha256 rest;
  base::Bytes buffer(read_bytes);
  const uint64_t head = held_.size();
  for (uint64_t at = 0; at < size_;) {
    // The head is a piece of its own.
    const uint64_t end = at < head ? head : size_;
    const base::ByteSpan piece(buffer.data(), std::min<uint64_t>(buffer.size(), end - at));
    store_.read(key_, at, piece, stop_);
    whole.update(piece);
    const bool same_head =
        at >= head || std::ranges::equal(piece, ByteView(held_).subspan(at, piece.size()));
    if (!same_head)
      throw base::error(ErrorKind::corrupt, "{} is not what was written", key_.text());
    if (at >= head) rest.update(piece);
    at += piece.size();
    progress(at);
  }
  const std::optional<storage::ObjectInfo> info = store_.stat(key_, stop_);
  if (!info || info->size != size_ || rest.finish_hex() != rest_sha256)
    throw base::error(ErrorKind::corrupt, "{} is not what was written", key_.text());
  return whole.finish_hex();
}

void ArchiveWriter::require_listed() {
  for (const storage::ObjectInfo& info : storage::list_all(store_, key_.text(), stop_)) {
    if (info.key == key_ && info.size == size_) return;
  }
  throw base::error(ErrorKind::corrupt, "{} is not listed with the {} bytes that were written",
                    key_.text(), size_);
}

}  // namespace layers
