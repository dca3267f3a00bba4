#include "base/crc32c.h"

#include "testing/dice.h"

namespace base {
namespace {

// RFC 3720, B.4, and the usual check value.
TEST(Crc32c, agrees_with_the_published_vectors) {
  Bytes rising(32);
  Bytes falling(32);
  for (size_t i = 0; i < 32; ++i) {
    rising[i] = static_cast<std::byte>(i);
    falling[i] = static_cast<std::byte>(31 - i);
  }
  for (uint32_t (*crc)(ByteView, uint32_t) : {crc32c, crc32c_by_table}) {
    EXPECT_EQ(crc(Bytes(32), 0), 0x8A9136AAu);
    EXPECT_EQ(crc(Bytes(32, std::byte{0xFF}), 0), 0x62A8AB43u);
    EXPECT_EQ(crc(rising, 0), 0x46DD794Eu);
    EXPECT_EQ(crc(falling, 0), 0x113FDB5Cu);
    EXPECT_EQ(crc(as_bytes("123456789"), 0), 0xE3069283u);
    EXPECT_EQ(crc({}, 0), 0u);
  }
}

TEST(Crc32c, is_the_same_by_table_and_by_instruction_however_it_is_split) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  for (uint64_t i = 0; i < testing::rounds(300); ++i) {
    const Bytes bytes = dice.noise(dice.below(200));
    const size_t split = dice.between(0, bytes.size());
    const ByteView view(bytes);
    const uint32_t whole = crc32c_by_table(view);
    EXPECT_EQ(crc32c(view), whole);
    EXPECT_EQ(crc32c(view.subspan(split), crc32c(view.first(split))), whole);
    EXPECT_EQ(crc32c_by_table(view.subspan(split), crc32c_by_table(view.first(split))), whole);
  }
}

}  // namespace
}  // namespace base
