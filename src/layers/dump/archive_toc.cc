#include "layers/dump/archive_toc.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "base/error.h"

namespace layers {

using base::ByteView;
using base::ErrorKind;

namespace {

constexpr int minor_min = 14;
constexpr int minor_max = 16;
constexpr size_t int_bytes = 5;
constexpr size_t offset_bytes = 9;
constexpr std::byte block_of_rows{1};
constexpr std::byte block_of_large_objects{3};

template <typename... Args>
[[noreturn]] void corrupt(fmt::format_string<Args...> format, Args&&... args) {
  throw base::error(ErrorKind::corrupt, "the archive is damaged: {}",
                    fmt::format(format, std::forward<Args>(args)...));
}

int32_t decode_int(const std::byte* bytes) {
  const auto sign = std::to_integer<int>(bytes[0]);
  const uint32_t magnitude = base::load<uint32_t>(bytes + 1);
  if (sign > 1) corrupt("a number has the sign {}", sign);
  // An oid above 2^31 is written as the negative number with the same bits.
  if (magnitude > uint32_t{1} << 31 || (sign == 0 && magnitude == uint32_t{1} << 31))
    corrupt("a number is out of range");
  return sign == 0 ? static_cast<int32_t>(magnitude)
                   : static_cast<int32_t>(-static_cast<int64_t>(magnitude));
}

// Thrown, and caught again in feed_head alone, when a unit goes on in bytes that have not come yet.
struct NotYet {};

// Reads the parts of a head from bytes that may end anywhere.
class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}
  size_t position() const { return at_; }

  ByteView take(size_t count) {
    if (bytes_.size() - at_ < count) throw NotYet{};
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }
  int byte() { return std::to_integer<int>(take(1)[0]); }
  int32_t integer() { return decode_int(take(int_bytes).data()); }
  // Nothing when the archive says that there is none.
  std::optional<ByteView> text() {
    const int32_t length = integer();
    if (length == -1) return std::nullopt;
    if (length < 0 || static_cast<size_t>(length) > ArchiveScanner::entry_bytes_max)
      corrupt("a text of {} bytes", length);
    return take(static_cast<size_t>(length));
  }
  void text(std::string& out) {
    const std::optional<ByteView> got = text();
    out = got ? base::as_text(*got) : std::string_view{};
  }

 private:
  ByteView bytes_;
  size_t at_ = 0;
};

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 10 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

void check_magic(ByteView magic) {
  if (base::as_text(magic) != "PGDMP")
    throw base::Error(ErrorKind::corrupt, "this is no custom archive of pg_dump");
}

ArchiveHeader read_header(Reader& reader) {
  check_magic(reader.take(5));
  ArchiveHeader header;
  const int major = reader.byte();
  header.minor = reader.byte();
  reader.byte();  // revision: never changes the layout
  if (major != 1 || header.minor < minor_min || header.minor > minor_max) {
    throw base::error(ErrorKind::invalid,
                      "archive version {}.{} is none that seawall reads (1.{} to 1.{})", major,
                      header.minor, minor_min, minor_max);
  }
  if (const int size = reader.byte(); size != 4) corrupt("its integers have {} bytes", size);
  if (const int size = reader.byte(); size != 8) corrupt("its offsets have {} bytes", size);
  if (const int format = reader.byte(); format != 1)
    corrupt("its format is {}, not custom", format);
  header.compression = header.minor >= 15 ? reader.byte() : reader.integer();
  for (int part = 0; part < 7; ++part) reader.integer();  // when it was made
  reader.text(header.database);
  reader.text(header.server_version);
  reader.text(header.dump_version);
  const int32_t entries = reader.integer();
  if (entries < 0) corrupt("{} entries", entries);
  header.entries = static_cast<uint32_t>(entries);
  return header;
}

void skip_dependencies(Reader& reader) {
  while (const std::optional<ByteView> id = reader.text()) {
    if (!is_number(base::as_text(*id))) corrupt("an entry depends on '{}'", base::as_text(*id));
  }
}

bool read_flag(Reader& reader, const char* what) {
  const int32_t value = reader.integer();
  if (value != 0 && value != 1) corrupt("{} is {}", what, value);
  return value == 1;
}

// An entry, and where in it the Offset is.
struct ReadEntry {
  TocEntry entry;
  size_t field = 0;
};

ReadEntry read_entry(Reader& reader, int minor) {
  ReadEntry result;
  TocEntry& entry = result.entry;
  entry.dump_id = reader.integer();
  if (entry.dump_id <= 0) corrupt("an entry has the id {}", entry.dump_id);
  entry.has_data = read_flag(reader, "whether an entry has data");
  reader.text(entry.catalog_oid);
  reader.text(entry.oid);
  if (!is_number(entry.catalog_oid) || !is_number(entry.oid))
    corrupt("entry {} has no oids", entry.dump_id);
  reader.text(entry.tag);
  reader.text(entry.kind);
  const int32_t section = reader.integer();
  if (section < 1 || section > 4) corrupt("entry {} is of section {}", entry.dump_id, section);
  reader.text(entry.definition);
  reader.text(entry.drop);
  reader.text();  // copy statement
  reader.text(entry.schema);
  reader.text();                      // tablespace
  reader.text();                      // access method
  if (minor >= 16) reader.integer();  // relkind
  reader.text(entry.owner);
  reader.text();  // with oids: always "false"
  skip_dependencies(reader);
  result.field = reader.position();
  const int flag = reader.byte();
  if (flag < 1 || flag > 3) corrupt("entry {} has the offset flag {}", entry.dump_id, flag);
  entry.flag = static_cast<OffsetFlag>(flag);
  entry.offset = base::load<uint64_t>(reader.take(8).data());
  if (entry.has_data == (entry.flag == OffsetFlag::no_data))
    corrupt("entry {} has the offset flag {}", entry.dump_id, flag);
  return result;
}

}  // namespace

ArchiveScanner::ArchiveScanner(std::function<void(const TocEntry&)> visit)
    : visit_(std::move(visit)) {}

void ArchiveScanner::feed(ByteView bytes) {
  if (!head_complete()) bytes = feed_head(bytes);
  feed_data(bytes);
}

// What is behind the head, once that is complete.
ByteView ArchiveScanner::feed_head(ByteView bytes) {
  base::append(pending_, bytes);
  size_t used = 0;
  try {
    if (stage_ == Stage::header) {
      // Something else than an archive is told at once, not when it has grown to a header's length.
      if (pending_.size() >= 5) check_magic(ByteView(pending_).first(5));
      Reader reader(pending_);
      header_ = read_header(reader);
      used = reader.position();
      entries_left_ = header_.entries;
      stage_ = Stage::entries;
    }
    while (entries_left_ > 0) {
      Reader reader(ByteView(pending_).subspan(used));
      const ReadEntry read = read_entry(reader, header_.minor);
      keep(read.entry, head_bytes_ + used + read.field);
      visit_(read.entry);
      used += reader.position();
      --entries_left_;
    }
    stage_ = Stage::block;
  } catch (const NotYet&) {
    if (pending_.size() - used > entry_bytes_max)
      corrupt("an entry of more than {} bytes", entry_bytes_max);
  }
  head_bytes_ += used;
  position_ += used;
  if (head_complete()) {
    // The head was not complete before these bytes, so what is left of them is all that is left.
    const ByteView rest = bytes.last(pending_.size() - used);
    pending_ = base::Bytes();
    return rest;
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(used));
  return {};
}

void ArchiveScanner::keep(const TocEntry& entry, uint64_t field) {
  if (!entry.has_data) return;
  const Expected expected{.block = blocks_.size(),
                          .known = entry.flag == OffsetFlag::set ? entry.offset : 0,
                          .large_objects = entry.kind == "BLOBS",
                          .met = false};
  if (!expected_.emplace(entry.dump_id, expected).second)
    corrupt("two entries have the id {}", entry.dump_id);
  blocks_.push_back({.dump_id = entry.dump_id, .field = field});
}

void ArchiveScanner::feed_data(ByteView bytes) {
  while (!bytes.empty()) {
    size_t used = 0;
    if (stage_ == Stage::payload) {
      used = static_cast<size_t>(std::min<uint64_t>(payload_left_, bytes.size()));
      payload_left_ -= used;
      if (payload_left_ == 0) stage_ = Stage::chunk;
    } else if (stage_ == Stage::block) {
      used = 1;
      if (bytes[0] != block_of_rows && bytes[0] != block_of_large_objects)
        corrupt("a block of type {} at byte {}", std::to_integer<int>(bytes[0]), position_);
      large_objects_ = bytes[0] == block_of_large_objects;
      block_at_ = position_;
      stage_ = Stage::block_id;
    } else {
      used = std::min(int_bytes - number_bytes_, bytes.size());
      std::ranges::copy(bytes.first(used), number_.begin() + static_cast<ptrdiff_t>(number_bytes_));
      number_bytes_ += used;
      if (number_bytes_ == int_bytes) {
        number_bytes_ = 0;
        step(decode_int(number_.data()));
      }
    }
    position_ += used;
    bytes = bytes.subspan(used);
  }
}

// What a number means depends on what came before it.
void ArchiveScanner::step(int32_t number) {
  if (stage_ == Stage::block_id) {
    begin_block(number);
    stage_ = large_objects_ ? Stage::object : Stage::chunk;
  } else if (stage_ == Stage::object) {
    stage_ = number == 0 ? Stage::block : Stage::chunk;
  } else if (number == 0) {
    stage_ = large_objects_ ? Stage::object : Stage::block;
  } else {
    if (number < 0) corrupt("a piece of {} bytes before byte {}", number, position_);
    payload_left_ = static_cast<uint64_t>(number);
    stage_ = Stage::payload;
  }
}

void ArchiveScanner::begin_block(int32_t dump_id) {
  const auto found = expected_.find(dump_id);
  if (found == expected_.end())
    corrupt("a block at byte {} belongs to no entry ({})", block_at_, dump_id);
  Expected& expected = found->second;
  if (expected.met) corrupt("entry {} has two blocks", dump_id);
  if (expected.large_objects != large_objects_)
    corrupt("entry {} has a block of the wrong type", dump_id);
  if (expected.known != 0 && expected.known != block_at_)
    corrupt("entry {} has its data at byte {}, not at {}", dump_id, block_at_, expected.known);
  expected.met = true;
  blocks_[expected.block].offset = block_at_;
  ++blocks_met_;
}

void ArchiveScanner::finish() const {
  if (stage_ != Stage::block) corrupt("it ends early, after {} bytes", position_ + pending_.size());
  if (blocks_met_ != blocks_.size()) {
    const auto missing = std::ranges::find(blocks_, uint64_t{0}, &DataBlock::offset);
    corrupt("the data of {} entries is missing, the first is entry {}",
            blocks_.size() - blocks_met_, missing->dump_id);
  }
}

void write_offsets(base::ByteSpan head, const std::vector<DataBlock>& blocks) {
  for (const DataBlock& block : blocks) {
    CHECK(block.offset != 0 && block.field + offset_bytes <= head.size());
    head[block.field] = static_cast<std::byte>(OffsetFlag::set);
    base::store(&head[block.field + 1], block.offset);
  }
}

}  // namespace layers
