#include "postgres/page.h"

#include <array>

namespace postgres {

namespace {
constexpr size_t lanes = 32;
constexpr uint32_t fnv_prime = 16777619;
constexpr std::array<uint32_t, lanes> offsets = {
    0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
    0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
    0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
    0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756};

inline uint32_t mix(uint32_t sum, uint32_t value) {
  const uint32_t crossed = sum ^ value;
  return crossed * fnv_prime ^ (crossed >> 17);
}
}  // namespace

// Thirty-two FNV-1a sums side by side, a shape that vectorises; clones for what the host has.
__attribute__((target_clones("sse4.1", "default"), optimize("O3"))) uint16_t page_checksum(
    const std::byte* page, uint32_t block) {
  uint32_t sums[lanes];
  uint32_t row[lanes];
  std::memcpy(row, page, sizeof row);
  row[2] &= 0xFFFF0000;  // pd_checksum itself counts as 0
  for (size_t lane = 0; lane < lanes; ++lane) sums[lane] = mix(offsets[lane], row[lane]);
  for (size_t at = sizeof row; at < page_bytes; at += sizeof row) {
    std::memcpy(row, page + at, sizeof row);
    for (size_t lane = 0; lane < lanes; ++lane) sums[lane] = mix(sums[lane], row[lane]);
  }
  uint32_t result = 0;
  for (size_t lane = 0; lane < lanes; ++lane) result ^= mix(mix(sums[lane], 0), 0);
  return static_cast<uint16_t>((result ^ block) % 65535 + 1);
}

bool all_zero(base::ByteView bytes) {
  if (bytes.empty()) return true;
  return bytes[0] == std::byte{0} &&
         std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace postgres
