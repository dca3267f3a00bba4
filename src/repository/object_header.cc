#include "repository/object_header.h"

#include <algorithm>

#include "base/error.h"

namespace repository {

using base::ByteView;
using base::ErrorKind;
using base::load;

namespace {
constexpr size_t at_magic = 8, at_kind = 16, at_version = 20, at_repository = 24, at_epoch = 40,
                 at_content = 48, at_content_bytes = 64, at_stored = 72, at_nonce = 88,
                 at_by_kind = 104, at_check = 136;
static_assert(at_check + 8 == header_bytes);
constexpr std::string_view magic("seawall\0", 8);

template <size_t N>
void put(base::Bytes& bytes, size_t at, const std::array<std::byte, N>& field) {
  std::ranges::copy(field, bytes.begin() + static_cast<ptrdiff_t>(at));
}
template <size_t N>
void take(ByteView bytes, size_t at, std::array<std::byte, N>& field) {
  std::ranges::copy(bytes.subspan(at, N), field.begin());
}

// Over the header without its first frame's magic and size, and without itself.
uint64_t check_of(ByteView header, const crypto::HashKey& key) {
  return load<uint64_t>(key.digest(header.subspan(at_magic, at_check - at_magic)).bytes.data());
}
}  // namespace

base::Bytes ObjectHeader::serialise(const crypto::HashKey& key) const {
  base::Bytes bytes(header_bytes);
  base::store<uint32_t>(bytes.data(), header_frame_magic);
  base::store<uint32_t>(bytes.data() + 4, header_bytes - 8);
  std::ranges::copy(base::as_bytes(magic), bytes.begin() + at_magic);
  base::store<uint32_t>(bytes.data() + at_kind, static_cast<uint32_t>(kind));
  base::store<uint32_t>(bytes.data() + at_version, format_version);
  put(bytes, at_repository, repository);
  base::store<uint32_t>(bytes.data() + at_epoch, epoch);
  put(bytes, at_content, content.bytes);
  base::store<uint64_t>(bytes.data() + at_content_bytes, content_bytes);
  put(bytes, at_stored, stored.bytes);
  put(bytes, at_nonce, nonce);
  put(bytes, at_by_kind, by_kind);
  base::store<uint64_t>(bytes.data() + at_check, check_of(bytes, key));
  return bytes;
}

ObjectHeader parse_header(ByteView bytes, ObjectKind kind, const RepositoryId& repository,
                          const crypto::HashKey& key) {
  const auto fail = [](std::string why) { return base::Error(ErrorKind::corrupt, std::move(why)); };
  if (bytes.size() < header_bytes) throw fail("the object is shorter than its header");
  if (load<uint32_t>(bytes.data()) != header_frame_magic ||
      load<uint32_t>(bytes.data() + 4) != header_bytes - 8 ||
      base::as_text(bytes.subspan(at_magic, magic.size())) != magic) {
    throw fail("the object does not begin with a seawall header");
  }
  if (load<uint64_t>(bytes.data() + at_check) != check_of(bytes, key)) {
    if (load<uint32_t>(bytes.data() + at_version) > format_version) {
      throw base::Error(ErrorKind::invalid,
                        "the object was written by a newer seawall, or is damaged",
                        "use the version that wrote it, or a later one");
    }
    throw fail("the object's header is damaged");
  }
  if (load<uint32_t>(bytes.data() + at_version) > format_version) {
    throw base::Error(ErrorKind::invalid,
                      fmt::format("the object is of format {}, written by a newer seawall",
                                  load<uint32_t>(bytes.data() + at_version)),
                      "use that version or a later one");
  }
  ObjectHeader header{.kind = static_cast<ObjectKind>(load<uint32_t>(bytes.data() + at_kind))};
  take(bytes, at_repository, header.repository);
  header.epoch = load<uint32_t>(bytes.data() + at_epoch);
  take(bytes, at_content, header.content.bytes);
  header.content_bytes = load<uint64_t>(bytes.data() + at_content_bytes);
  take(bytes, at_stored, header.stored.bytes);
  take(bytes, at_nonce, header.nonce);
  take(bytes, at_by_kind, header.by_kind);
  if (header.kind != kind) throw fail("the object is of another kind than its name says");
  if (header.repository != repository) throw fail("the object belongs to another repository");
  return header;
}

}  // namespace repository
