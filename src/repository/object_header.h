// The first frame of every binary object. docs/formats/repository.md, "Binary objects".
#pragma once

#include <array>

#include "crypto/digest.h"

namespace repository {

using RepositoryId = std::array<std::byte, 16>;
using Nonce = std::array<std::byte, 16>;

enum class ObjectKind : uint32_t {  // four letters, first in the lowest byte
  wal = 0x534C4157,                 // WALS
  pack = 0x4B434150,                // PACK
  shard = 0x58444E49,               // INDX
};

inline constexpr size_t header_bytes = 144;
inline constexpr uint32_t format_version = 1;
inline constexpr uint32_t header_frame_magic = 0x184D2A5E;
inline constexpr uint32_t footer_frame_magic = 0x184D2A5F;

struct ObjectHeader {
  ObjectKind kind{};
  RepositoryId repository{};
  uint32_t epoch = 0;
  crypto::Digest content{};  // of the plain content; zeros in a pack
  uint64_t content_bytes = 0;
  crypto::Digest stored{};  // of the bytes behind the header; zeros in a pack
  Nonce nonce{};
  std::array<std::byte, 32> by_kind{};

  base::Bytes serialise(const crypto::HashKey& key) const;
};

// Throws corrupt when the header is damaged or is of another kind or repository; invalid when a
// newer seawall wrote it.
ObjectHeader parse_header(base::ByteView bytes, ObjectKind kind, const RepositoryId& repository,
                          const crypto::HashKey& key);

}  // namespace repository
