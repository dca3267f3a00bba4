#include "drill/expectation.h"

#include <gtest/gtest.h>

namespace drill {
namespace {

TEST(Expectation, is_a_value) {
  EXPECT_TRUE(satisfies("0", "0"));
  EXPECT_TRUE(satisfies("t", "t"));
  EXPECT_TRUE(satisfies("1.50", "1.5"));
  EXPECT_TRUE(satisfies("two words", " two words "));
  EXPECT_TRUE(satisfies("<none>", "<none>")) << "no number behind it, so no bound";
  EXPECT_FALSE(satisfies("1", "0"));
  EXPECT_FALSE(satisfies("T", "t"));
  EXPECT_FALSE(satisfies("", "0"));
}

TEST(Expectation, is_a_bound_on_a_number) {
  EXPECT_TRUE(satisfies("1", "> 0"));
  EXPECT_FALSE(satisfies("0", "> 0"));
  EXPECT_TRUE(satisfies("0", ">= 0"));
  EXPECT_TRUE(satisfies("9.99", "< 10"));
  EXPECT_FALSE(satisfies("10", "<10"));
  EXPECT_TRUE(satisfies("10", "<=10"));
  EXPECT_FALSE(satisfies("many", "> 0"));
  EXPECT_TRUE(satisfies("1", "!= 0"));
  EXPECT_FALSE(satisfies("0", "!= 0"));
  EXPECT_FALSE(satisfies("0.0", "!= 0"));
}

TEST(Expectation, is_never_met_by_null) {
  for (const char* expect : {"", "0", "null", "!= 0", "> 0", "<= 0"})
    EXPECT_FALSE(satisfies(std::nullopt, expect)) << expect;
}

}  // namespace
}  // namespace drill
