#include "policy/utf8.h"

#include <gtest/gtest.h>

namespace policy {
namespace {

TEST(Utf8, knows_how_long_a_character_is) {
  EXPECT_EQ(utf8_character("ab"), 1u);
  EXPECT_EQ(utf8_character("\u00fcb"), 2u);
  EXPECT_EQ(utf8_character("\u4e16b"), 3u);
  EXPECT_EQ(utf8_character("\U0001F600b"), 4u);
}

TEST(Utf8, refuses_what_is_none) {
  for (const char* text : {"", "\x80", "\xff", "\xc3", "\xc3(", "\xc0\x80", "\xe0\x80\x80",
                           "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80"}) {
    EXPECT_EQ(utf8_character(text), 0u);
  }
}

}  // namespace
}  // namespace policy
