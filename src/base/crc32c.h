// CRC-32C (Castagnoli), as PostgreSQL ends pg_control and WAL records with. Debian 12 packages no
// library for it.
#pragma once

#include "base/bytes.h"

namespace base {

// The CRC of what came before (`crc`, 0 for nothing) followed by `bytes`.
uint32_t crc32c(ByteView bytes, uint32_t crc = 0);
// The same on any host; crc32c() takes the processor's instruction where there is one.
uint32_t crc32c_by_table(ByteView bytes, uint32_t crc = 0);

}  // namespace base
