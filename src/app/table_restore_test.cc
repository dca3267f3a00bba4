#include "app/table_restore.h"

#include <gtest/gtest.h>

#include "app/transaction_search.h"
#include "testing/errors.h"

namespace app {
namespace {

TEST(TableName, is_read_as_sql_reads_it) {
  EXPECT_EQ(parse_table_name("public.Clients"), (TableName{"public", "clients"}));
  EXPECT_EQ(parse_table_name("\"Odd\".\"Na.me\"\"d\""), (TableName{"Odd", "Na.me\"d"}));
  EXPECT_EQ(parse_table_name("\"Odd\".\"Na.me\"\"d\"").sql(), "\"Odd\".\"Na.me\"\"d\"");
  EXPECT_EQ((TableName{"shop", "Clients"}).text(), "shop.\"Clients\"");
  for (const char* wrong :
       {"", "clients", "a.b.c", ".b", "a.", "\"a.b", "a.\"\"", "a b.c", "a\"b.c"})
    EXPECT_ERROR(invalid, parse_table_name(wrong)) << wrong;
}

TEST(Transactions, are_told_in_words_with_the_worst_first) {
  const postgres::RelationFile clients{1663, 5, 16400};
  const postgres::RelationFile orders{1663, 5, 16410};
  const postgres::RelationFile gone{1663, 5, 16420};
  const layers::RelationNames names = {{clients, {.name = "public.clients"}},
                                       {orders, {.name = "public.orders"}}};
  layers::Transaction one;
  one.changed[clients] = {.inserted = 1, .updated = 3412, .deleted = 0};
  one.changed[orders] = {.inserted = 9000000, .updated = 0, .deleted = 0};
  one.removed = {gone};
  const std::vector<std::string> deeds = deeds_of(one, names);
  ASSERT_EQ(deeds.size(), 4u);
  EXPECT_EQ(deeds[0], "dropped, emptied or rewrote relation file 16420");
  EXPECT_EQ(deeds[1], "3 412 rows of public.clients updated");
  EXPECT_EQ(deeds[2], "1 row of public.clients inserted");
  EXPECT_EQ(deeds[3], "9 000 000 rows of public.orders inserted");
  EXPECT_EQ(grouped(999), "999");
}

}  // namespace
}  // namespace app
