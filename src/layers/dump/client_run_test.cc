#include "layers/dump/client_run.h"

#include <gtest/gtest.h>

namespace layers {
namespace {

TEST(PgDump, is_not_used_where_it_is_known_to_be_wrong_without_a_word) {
  const auto fault = [](const std::string& version) {
    return known_fault({.path = "/x/pg_dump", .major = 18, .version = version}).has_value();
  };
  EXPECT_TRUE(fault("18.1"));
  EXPECT_TRUE(fault("18.0 (Debian 18.0-1)"));
  EXPECT_FALSE(fault("18.2 (Debian 18.2-1)"));
  EXPECT_FALSE(fault("18.10"));
  EXPECT_FALSE(fault("15.18 (Debian 15.18-0+deb12u1)"));
}

}  // namespace
}  // namespace layers
