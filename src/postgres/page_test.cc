#include "postgres/page.h"

#include "testing/dice.h"

namespace postgres {
namespace {

// A page as it stands on disk: its bytes that are not zero, in their places.
base::Bytes sparse_page(std::vector<std::pair<size_t, const char*>> stretches) {
  base::Bytes page(page_bytes);
  for (const auto& [offset, hex] : stretches)
    std::ranges::copy(base::from_hex(hex), page.begin() + static_cast<ptrdiff_t>(offset));
  return page;
}

// Block 1 of an index of a cluster that PostgreSQL 15's initdb made with checksums.
base::Bytes real_page() {
  return sparse_page({{4, "c0f0460112b200001c00e01ff01f042000000000e09f2000"},
                      {8164, "01001000f7340000"},
                      {8188, "03000000"}});
}

// checksum_impl.h, line by line, without a thought for speed.
uint16_t slow_checksum(base::Bytes page, uint32_t block) {
  static constexpr uint32_t offsets[32] = {
      0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2,
      0x83E13D2C, 0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C,
      0xF718902A, 0x0B1C9CDB, 0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979,
      0xCCA6C0B2, 0x304A0979, 0x85AA43D4, 0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E,
      0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756};
  page[8] = page[9] = std::byte{0};
  uint32_t result = 0;
  for (size_t lane = 0; lane < 32; ++lane) {
    uint32_t sum = offsets[lane];
    const auto mix = [&sum](uint32_t value) {
      const uint32_t crossed = sum ^ value;
      sum = crossed * 16777619u ^ crossed >> 17;
    };
    for (size_t row = 0; row < page_bytes / 128; ++row)
      mix(base::load<uint32_t>(page.data() + row * 128 + lane * 4));
    mix(0);
    mix(0);
    result ^= sum;
  }
  return static_cast<uint16_t>((result ^ block) % 65535 + 1);
}

TEST(PageChecksum, agrees_with_a_page_that_the_server_wrote) {
  const base::Bytes page = real_page();
  EXPECT_TRUE(page_checksum_matches(page.data(), 1));
  EXPECT_FALSE(page_checksum_matches(page.data(), 0)) << "it counts its place in";
  EXPECT_EQ(page_lsn(page.data()), parse_lsn("0/146F0C0"));
  EXPECT_FALSE(page_is_new(page.data()));
}

TEST(PageChecksum, misses_no_flipped_bit) {
  base::Bytes page = real_page();
  for (uint64_t bit = 0; bit < page_bytes * 8; ++bit) {
    testing::Dice::flip_bit(page, bit);
    EXPECT_FALSE(page_checksum_matches(page.data(), 1)) << bit;
    testing::Dice::flip_bit(page, bit);
  }
}

TEST(PageChecksum, is_that_of_a_plain_loop) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  for (uint64_t i = 0; i < testing::rounds(200); ++i) {
    const base::Bytes page = dice.noise(page_bytes);
    const uint32_t block = static_cast<uint32_t>(dice.below(UINT32_MAX));
    EXPECT_EQ(page_checksum(page.data(), block), slow_checksum(page, block));
  }
}

TEST(AllZero, looks_at_every_byte) {
  EXPECT_TRUE(all_zero({}));
  for (const size_t size : {1u, 7u, 8u, 100u, 8192u}) {
    base::Bytes bytes(size);
    EXPECT_TRUE(all_zero(bytes));
    for (size_t i = 0; i<size; i += size> 200 ? 97 : 1) {
      bytes[i] = std::byte{1};
      EXPECT_FALSE(all_zero(bytes)) << size << " " << i;
      bytes[i] = std::byte{0};
    }
    bytes.back() = std::byte{0x80};
    EXPECT_FALSE(all_zero(bytes));
  }
}

}  // namespace
}  // namespace postgres
