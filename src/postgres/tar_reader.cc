#include "postgres/tar_reader.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace postgres {

using base::ByteView;
using base::ErrorKind;

namespace {

base::Error corrupt(std::string_view why) {
  return base::error(ErrorKind::corrupt, "the tar from the server {}", why);
}

// A field of the header, up to its first NUL.
std::string_view text_at(ByteView header, size_t at, size_t length) {
  const std::string_view field = base::as_text(header.subspan(at, length));
  return field.substr(0, field.find('\0'));
}

uint64_t base_256(ByteView field) {
  uint64_t value = static_cast<uint64_t>(field[0]) & 0x7F;
  for (const std::byte digit : field.subspan(1)) {
    if (value > (std::numeric_limits<uint64_t>::max() >> 9))
      throw corrupt("has a number too large");
    value = value << 8 | static_cast<uint64_t>(digit);
  }
  return value;
}

uint64_t number_at(ByteView header, size_t at, size_t length) {
  const ByteView field = header.subspan(at, length);
  if ((field[0] & std::byte{0x80}) != std::byte{0}) return base_256(field);
  std::string_view digits = text_at(header, at, length);
  while (digits.starts_with(' ')) digits.remove_prefix(1);
  while (digits.ends_with(' ')) digits.remove_suffix(1);
  if (digits.empty()) throw corrupt("has an empty number");
  uint64_t value = 0;  // 12 octal digits are 36 bits
  for (const char digit : digits) {
    if (digit < '0' || digit > '7') throw corrupt("has a number that is none");
    value = value << 3 | static_cast<uint64_t>(digit - '0');
  }
  return value;
}

void require_checksum(ByteView header) {
  constexpr size_t at = 148;
  constexpr size_t length = 8;
  uint64_t sum = length * ' ';
  for (size_t i = 0; i < header.size(); ++i) {
    if (i < at || i >= at + length) sum += static_cast<uint64_t>(header[i]);
  }
  if (number_at(header, at, length) != sum) throw corrupt("has a header with a wrong checksum");
}

// A path that would lead out of the cluster, or has two spellings, is no server's honest work.
void require_plain_path(std::string_view path) {
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (part.empty() || part == "." || part == "..")
      throw corrupt(fmt::format("names a file '{}'", path));
    at = end + 1;
  }
}

TarEntry::Kind kind_of(char type) {
  switch (type) {
    case '0':
    case '\0':
      return TarEntry::Kind::file;
    case '2':
      return TarEntry::Kind::link;
    case '5':
      return TarEntry::Kind::folder;
    default:
      throw corrupt(fmt::format("has an entry of type {}", static_cast<int>(type)));
  }
}

}  // namespace

std::optional<TarReader::Event> TarReader::next(ByteView& bytes) {
  for (;;) {
    switch (state_) {
      case State::header:
        if (auto event = take_header(bytes)) return event;
        if (state_ == State::header) return std::nullopt;  // more is needed
        break;
      case State::content: {
        if (content_left_ == 0) {
          state_ = State::padding;
          return EntryEnd{};
        }
        if (bytes.empty()) return std::nullopt;
        const size_t part = static_cast<size_t>(std::min<uint64_t>(content_left_, bytes.size()));
        const ByteView content = bytes.first(part);
        bytes = bytes.subspan(part);
        content_left_ -= part;
        return Content{content};
      }
      case State::padding: {
        const size_t part = std::min(padding_left_, bytes.size());
        bytes = bytes.subspan(part);
        padding_left_ -= part;
        if (padding_left_ > 0) return std::nullopt;
        state_ = State::header;
        break;
      }
      case State::ended:
        if (std::ranges::any_of(bytes, [](std::byte byte) { return byte != std::byte{0}; }))
          throw corrupt("goes on behind its end");
        bytes = {};
        return std::nullopt;
    }
  }
}

std::optional<TarReader::Event> TarReader::take_header(ByteView& bytes) {
  const size_t part = std::min(header_.size() - header_used_, bytes.size());
  std::copy_n(bytes.begin(), part, header_.begin() + static_cast<std::ptrdiff_t>(header_used_));
  bytes = bytes.subspan(part);
  header_used_ += part;
  if (header_used_ < header_.size()) return std::nullopt;
  header_used_ = 0;
  if (std::ranges::all_of(header_, [](std::byte byte) { return byte == std::byte{0}; })) {
    state_ = State::ended;
    return std::nullopt;
  }
  TarEntry entry = begin_entry();
  state_ = State::content;
  return entry;
}

TarEntry TarReader::begin_entry() {
  const ByteView header(header_);
  require_checksum(header);
  TarEntry entry{.path = std::string(text_at(header, 0, 100)),
                 .kind = kind_of(static_cast<char>(header[156])),
                 .mode = static_cast<uint32_t>(number_at(header, 100, 8) & 07777),
                 .size = number_at(header, 124, 12),
                 .link_target = {}};
  const std::string_view prefix = text_at(header, 345, 155);
  if (text_at(header, 257, 6) == "ustar" && !prefix.empty())
    entry.path = fmt::format("{}/{}", prefix, entry.path);
  if (entry.kind == TarEntry::Kind::folder && entry.path.ends_with('/')) entry.path.pop_back();
  if (entry.path.starts_with("./")) entry.path.erase(0, 2);  // as "./pg_wal/archive_status" is
  require_plain_path(entry.path);
  if (entry.kind == TarEntry::Kind::link) entry.link_target = text_at(header, 157, 100);
  if (entry.kind != TarEntry::Kind::file && entry.size != 0)
    throw corrupt(fmt::format("gives a size to '{}', which is no file", entry.path));
  if (entry.size > uint64_t{1} << 62)
    throw corrupt(fmt::format("says that '{}' has {} bytes", entry.path, entry.size));
  content_left_ = entry.size;
  padding_left_ = (tar_block_bytes - entry.size % tar_block_bytes) % tar_block_bytes;
  return entry;
}

void TarReader::finish() const {
  const bool between = (state_ == State::header && header_used_ == 0) ||
                       (state_ == State::padding && padding_left_ == 0);
  if (state_ != State::ended && !between) throw corrupt("is cut off");
}

}  // namespace postgres
