#include "repository/dump_name.h"

#include <gtest/gtest.h>

namespace repository {
namespace {

TEST(DumpName, is_database_date_and_number) {
  EXPECT_EQ((DumpName{"breezycorp", "2026-11-22", 1}).text(), "breezycorp_2026-11-22.dump");
  EXPECT_EQ((DumpName{"breezycorp", "2026-11-22", 3}).text(), "breezycorp_2026-11-22.3.dump");
  EXPECT_EQ((DumpName{"b", "2026-11-22", 1}).record_key().text(), "b_2026-11-22.dump.json");
}

TEST(DumpName, is_read_back_whatever_the_database_is_called) {
  for (const char* database : {"breezycorp", "a_b_c", "2026-01-01", "Ünïcode ÿ", ".hidden", "a=b",
                               "a/b", "x_2026-11-22.2", "..", "A.B"}) {
    for (const int number : {1, 2, 17}) {
      const DumpName name{database, "2026-11-22", number};
      EXPECT_EQ(parse_dump_name(name.archive_key().text()), name) << database;
    }
  }
}

TEST(DumpName, of_other_objects_is_none) {
  for (const char* text :
       {"", ".dump", "_2026-11-22.dump", "b_2026-11-22.dump.json", "b_2026-11-22",
        "b-2026-11-22.dump", "b_2026-1-22.dump", "b_2026-11-22.1.dump", "b_2026-11-22.02.dump",
        "b_2026-11-22.x.dump", "b_2026-11-22..dump", "b_2026-11-223.dump", "=62_2026-11-22.dump",
        "b=_2026-11-22.dump", "b=2_2026-11-22.dump", "b=zz_2026-11-22.dump",
        "b_2026-11-22.99999999999.dump"}) {
    EXPECT_FALSE(parse_dump_name(text)) << text;
  }
}

}  // namespace
}  // namespace repository
