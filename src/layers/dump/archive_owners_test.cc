#include "layers/dump/archive_owners.h"

#include <gtest/gtest.h>

namespace layers {
namespace {

TocEntry entry(std::string kind, std::string schema, std::string tag, std::string drop) {
  return {.tag = std::move(tag),
          .kind = std::move(kind),
          .drop = std::move(drop),
          .schema = std::move(schema),
          .owner = "alice"};
}

TEST(ArchiveOwners, names_objects_as_alter_wants_them) {
  EXPECT_EQ(owned_object(entry("TABLE", "public", "Staff", "DROP TABLE public.\"Staff\";\n")),
            "TABLE \"public\".\"Staff\"");
  EXPECT_EQ(owned_object(entry("MATERIALIZED VIEW", "s", "m", "DROP MATERIALIZED VIEW s.m;\n")),
            "TABLE \"s\".\"m\"");
  EXPECT_EQ(owned_object(entry("FUNCTION", "s", "f(integer)", "DROP FUNCTION s.f(integer);\n")),
            "FUNCTION s.f(integer)");
  EXPECT_EQ(owned_object(entry("SCHEMA", "", "s", "DROP SCHEMA s;\n")), "SCHEMA \"s\"");
}

TEST(ArchiveOwners, passes_over_what_has_no_owner_of_its_own) {
  EXPECT_FALSE(owned_object(entry("INDEX", "s", "i", "DROP INDEX s.i;\n")));
  EXPECT_FALSE(owned_object(entry("BLOB", "", "16400", "SELECT pg_catalog.lo_unlink('16400');\n")));
  EXPECT_FALSE(owned_object(entry("TABLE DATA", "s", "t", "")));
  TocEntry extension = entry("EXTENSION", "", "hstore", "DROP EXTENSION hstore;\n");
  EXPECT_FALSE(owned_object(extension));
}

TEST(ArchiveOwners, knows_what_only_superusers_own) {
  EXPECT_TRUE(wants_superuser_owner(entry("EVENT TRIGGER", "", "e", "DROP EVENT TRIGGER e;\n")));
  EXPECT_FALSE(wants_superuser_owner(entry("TABLE", "s", "t", "DROP TABLE s.t;\n")));
}

}  // namespace
}  // namespace layers
