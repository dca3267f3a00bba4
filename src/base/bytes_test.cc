#include "base/bytes.h"

#include <algorithm>

#include "testing/dice.h"
#include "testing/errors.h"

namespace base {
namespace {

TEST(Hex, is_read_as_it_was_written) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  for (size_t size = 0; size < 40; ++size) {
    const Bytes bytes = dice.noise(size);
    EXPECT_EQ(from_hex(to_hex(bytes)), bytes);
  }
  EXPECT_EQ(to_hex(to_bytes("\x01\xAB\xff")), "01abff");
  EXPECT_EQ(from_hex("01ABff"), to_bytes("\x01\xAB\xff"));
}

TEST(Hex, refuses_all_else) {
  for (const char* text : {"0", "0g", "g0", "0x", " 1", "1 ", "+1", "-1", "001"})
    EXPECT_ERROR(invalid, from_hex(text));
}

TEST(HumanBytes, has_three_figures_at_most) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1.00 kB");
  EXPECT_EQ(human_bytes(999'499), "999 kB");
  EXPECT_EQ(human_bytes(999'500), "1.00 MB");
  EXPECT_EQ(human_bytes(1'700'000'000), "1.70 GB");
  EXPECT_EQ(human_bytes(99'940'000), "99.9 MB");
  EXPECT_EQ(human_bytes(99'960'000), "100 MB");
  EXPECT_EQ(human_bytes(UINT64_MAX), "18.4 EB");
}

TEST(FillRandom, fills_all_of_a_large_buffer_differently_each_time) {
  Bytes one(100'000);
  Bytes two(100'000);
  fill_random(one);
  fill_random(two);
  EXPECT_NE(one, two);
  const ByteView end = ByteView(one).last(64);
  EXPECT_FALSE(std::ranges::all_of(end, [](std::byte b) { return b == std::byte{0}; }));
}

}  // namespace
}  // namespace base
