// A page of a relation: its header and checksum.
// Source: PostgreSQL src/include/storage/{bufpage.h,checksum_impl.h}.
#pragma once

#include "base/bytes.h"
#include "postgres/lsn.h"

namespace postgres {

inline constexpr size_t page_bytes = 8192;  // BLCKSZ of every packaged server

// The position of the last change to the page (pd_lsn: high word first).
inline Lsn page_lsn(const std::byte* page) {
  return {static_cast<uint64_t>(base::load<uint32_t>(page)) << 32 | base::load<uint32_t>(page + 4)};
}

// Never initialised: no checksum to verify.
inline bool page_is_new(const std::byte* page) {
  return base::load<uint16_t>(page + 14) == 0;
}  // pd_upper

// What pd_checksum of this page should be; `block` counts from the start of the relation's fork.
uint16_t page_checksum(const std::byte* page, uint32_t block);

inline bool page_checksum_matches(const std::byte* page, uint32_t block) {
  return base::load<uint16_t>(page + 8) == page_checksum(page, block);
}

// Whether all of these bytes are zero.
bool all_zero(base::ByteView bytes);

}  // namespace postgres
