// An archive from anywhere, cut into pieces anywhere: read or refused, and what is read stays
// readable once its offsets are set.
#include <algorithm>

#include "base/error.h"
#include "layers/dump/archive_toc.h"

namespace {

void scan(layers::ArchiveScanner& scanner, base::ByteView archive, size_t piece) {
  for (size_t at = 0; at < archive.size(); at += piece)
    scanner.feed(archive.subspan(at, std::min(piece, archive.size() - at)));
  scanner.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = size_t{1} + data[0];
  base::Bytes archive(size - 1);
  std::copy_n(reinterpret_cast<const std::byte*>(data) + 1, size - 1, archive.begin());
  layers::ArchiveScanner scanner([](const layers::TocEntry&) {});
  try {
    scan(scanner, archive, piece);
  } catch (const base::Error&) {
    return 0;  // refused, as almost all inputs must be
  }
  layers::write_offsets(base::ByteSpan(archive).first(scanner.head_bytes()), scanner.blocks());
  layers::ArchiveScanner again([](const layers::TocEntry&) {});
  scan(again, archive, archive.size());
  CHECK(again.head_bytes() == scanner.head_bytes());
  return 0;
}
