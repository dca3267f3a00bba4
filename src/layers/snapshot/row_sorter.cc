#include "layers/snapshot/row_sorter.h"

#include <algorithm>
#include <queue>

#include "base/error.h"

namespace layers {

using base::Bytes;
using base::ByteView;
using base::load;

namespace {

// A row in memory and in the file: length u32, path's length u32, when it was added u64, size u64,
// first block u64, place of the content u64, mode u32, kind u32, the path, the link's target.
constexpr size_t head_bytes = 48;

Bytes serialise(const StreamedRow& row, uint64_t number) {
  Bytes bytes;
  bytes.reserve(head_bytes + row.path.size() + row.link_target.size());
  base::append<uint32_t>(
      bytes, static_cast<uint32_t>(head_bytes + row.path.size() + row.link_target.size()));
  base::append<uint32_t>(bytes, static_cast<uint32_t>(row.path.size()));
  base::append<uint64_t>(bytes, number);
  base::append<uint64_t>(bytes, row.size);
  base::append<uint64_t>(bytes, row.first_block);
  base::append<uint64_t>(bytes, row.content_at);
  base::append<uint32_t>(bytes, row.mode);
  base::append<uint32_t>(bytes, static_cast<uint32_t>(row.kind));
  base::append(bytes, base::as_bytes(row.path));
  base::append(bytes, base::as_bytes(row.link_target));
  return bytes;
}

// One row where it lies.
class RowView {
 public:
  explicit RowView(const std::byte* at) : at_(at) {}
  uint32_t length() const { return load<uint32_t>(at_); }
  std::string_view path() const {
    return base::as_text({at_ + head_bytes, load<uint32_t>(at_ + 4)});
  }
  uint64_t number() const { return load<uint64_t>(at_ + 8); }
  bool before(const RowView& other) const {
    const int order = path().compare(other.path());
    return order != 0 ? order < 0 : number() < other.number();
  }
  StreamedRow parse() const {
    const size_t link_at = head_bytes + path().size();
    return {.path = std::string(path()),
            .kind = static_cast<repository::FileKind>(load<uint32_t>(at_ + 44)),
            .mode = load<uint32_t>(at_ + 40),
            .link_target = std::string(base::as_text({at_ + link_at, length() - link_at})),
            .size = load<uint64_t>(at_ + 16),
            .first_block = load<uint64_t>(at_ + 24),
            .content_at = load<uint64_t>(at_ + 32)};
  }

 private:
  const std::byte* at_;
};

// A run read from the file, a piece at a time.
class RunReader {
 public:
  RunReader(const base::File& file, uint64_t begin, uint64_t end, size_t buffer_bytes)
      : file_(file), at_(begin), end_(end), buffer_bytes_(buffer_bytes) {
    ensure(sizeof(uint32_t));
  }
  bool empty() const { return used_ == buffer_.size(); }
  RowView row() const { return RowView(buffer_.data() + used_); }
  void skip() {
    used_ += row().length();
    ensure(sizeof(uint32_t));
  }

 private:
  // A row begins at used_: makes all of it be in the buffer.
  void ensure(size_t bytes) {
    fill(bytes);
    if (!empty()) fill(row().length());
  }
  void fill(size_t bytes) {
    if (buffer_.size() - used_ >= bytes || at_ == end_) return;
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(used_));
    used_ = 0;
    const size_t old = buffer_.size();
    const size_t more =
        static_cast<size_t>(std::min<uint64_t>(std::max(buffer_bytes_, bytes) - old, end_ - at_));
    buffer_.resize(old + more);
    file_.read_exactly_at(at_, base::ByteSpan(buffer_).subspan(old));
    at_ += more;
  }

  const base::File& file_;
  uint64_t at_;
  uint64_t end_;
  size_t buffer_bytes_;
  Bytes buffer_;
  size_t used_ = 0;
};

}  // namespace

void RowSorter::add(const StreamedRow& row) {
  const Bytes bytes = serialise(row, added_++);
  if (!rows_.empty() && rows_.size() + bytes.size() + starts_.size() * 4 > run_bytes_) end_run();
  if (rows_.capacity() == 0) rows_.reserve(run_bytes_);
  starts_.push_back(static_cast<uint32_t>(rows_.size()));
  base::append(rows_, bytes);
}

void RowSorter::end_run() {
  if (!file_) file_ = base::unnamed_file(folder_);
  std::ranges::sort(starts_, [&](uint32_t a, uint32_t b) {
    return RowView(rows_.data() + a).before(RowView(rows_.data() + b));
  });
  const uint64_t begin = file_bytes_;
  Bytes piece;
  const auto write = [&] {
    file_.write_all_at(file_bytes_, piece);
    file_bytes_ += piece.size();
    piece.clear();
  };
  for (const uint32_t start : starts_) {
    base::append(piece, ByteView(rows_.data() + start, RowView(rows_.data() + start).length()));
    if (piece.size() >= 256 * base::KiB) write();
  }
  write();
  runs_.push_back({begin, file_bytes_});
  rows_.clear();
  starts_.clear();
}

void RowSorter::drain(const std::function<void(StreamedRow)>& visit) {
  if (!starts_.empty()) end_run();
  rows_ = {};
  starts_ = {};
  constexpr size_t least = 4 * base::KiB;
  const size_t each = std::max(least, run_bytes_ / std::max<size_t>(runs_.size(), 1));
  std::vector<RunReader> readers;
  for (const Run& run : runs_) readers.emplace_back(file_, run.begin, run.end, each);
  const auto later = [&](size_t a, size_t b) { return readers[b].row().before(readers[a].row()); };
  std::priority_queue<size_t, std::vector<size_t>, decltype(later)> next(later);
  for (size_t i = 0; i < readers.size(); ++i) {
    if (!readers[i].empty()) next.push(i);
  }
  std::optional<StreamedRow> held;  // told once it is known to be the last of its path
  while (!next.empty()) {
    const size_t reader = next.top();
    next.pop();
    StreamedRow row = readers[reader].row().parse();
    if (held && held->path != row.path) visit(*std::move(held));
    held = std::move(row);
    readers[reader].skip();
    if (!readers[reader].empty()) next.push(reader);
  }
  if (held) visit(*std::move(held));
}

}  // namespace layers
