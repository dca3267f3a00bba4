// A tar from anywhere, cut into pieces anywhere: read or refused, and the same however it is cut.
#include <algorithm>

#include "base/error.h"
#include "postgres/tar_reader.h"

namespace {

// The bytes of content, and the entries, that a reader makes of it; nothing when it is refused.
std::optional<std::pair<uint64_t, uint64_t>> read(base::ByteView archive, size_t piece) {
  postgres::TarReader reader;
  uint64_t content = 0;
  uint64_t entries = 0;
  try {
    for (size_t at = 0; at < archive.size(); at += piece) {
      base::ByteView bytes = archive.subspan(at, std::min(piece, archive.size() - at));
      while (const auto event = reader.next(bytes)) {
        if (const auto* part = std::get_if<postgres::TarReader::Content>(&*event))
          content += part->bytes.size();
        if (std::holds_alternative<postgres::TarEntry>(*event)) ++entries;
      }
    }
    reader.finish();
  } catch (const base::Error& failure) {
    CHECK(failure.kind() == base::ErrorKind::corrupt);
    return std::nullopt;
  }
  return std::pair(content, entries);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  base::Bytes archive(size - 1);
  std::copy_n(reinterpret_cast<const std::byte*>(data) + 1, size - 1, archive.begin());
  const auto told = read(archive, size_t{1} + data[0]);
  CHECK(told == read(archive, size));
  return 0;
}
