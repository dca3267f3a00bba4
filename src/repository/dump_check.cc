#include "repository/dump_check.h"

#include <algorithm>

#include "base/error.h"

namespace repository {

using base::ErrorKind;

// Where the whole was read back its digest proves all; head and rest are digested only without.
void DumpCheck::update(base::ByteView bytes) {
  const uint64_t at = size_;
  size_ += bytes.size();
  if (record_.sha256) {
    whole_.update(bytes);
    return;
  }
  const uint64_t of_head =
      std::min<uint64_t>(bytes.size(), head_bytes() - std::min(at, head_bytes()));
  head_.update(bytes.first(of_head));
  rest_.update(bytes.subspan(of_head));
}

void DumpCheck::finish() {
  if (size_ != record_.size) {
    throw base::error(ErrorKind::corrupt, "it has {} bytes where its record says {}", size_,
                      record_.size);
  }
  const bool same = record_.sha256
                        ? whole_.finish_hex() == *record_.sha256
                        : (!record_.head_sha256 || head_.finish_hex() == *record_.head_sha256) &&
                              rest_.finish_hex() == record_.rest_sha256;
  if (!same) throw base::error(ErrorKind::corrupt, "its SHA-256 is not the one that was recorded");
}

}  // namespace repository
