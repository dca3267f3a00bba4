#include "postgres/client_program.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"

namespace postgres {
namespace {

void put_program(const base::Path& path, std::string_view answer) {
  base::write_file_durably(path, base::as_bytes(fmt::format("#!/bin/sh\necho '{}'\n", answer)),
                           0755);
}

TEST(ClientProgram, tells_its_major_version) {
  EXPECT_EQ(parse_version("x", "pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n").major, 15);
  EXPECT_EQ(parse_version("x", "pg_dump (PostgreSQL) 18beta1\n").major, 18);
  EXPECT_EQ(parse_version("x", "pg_dump (PostgreSQL) 15.20 (Debian)\n").version, "15.20 (Debian)");
  EXPECT_THROW(parse_version("x", "GNU tar 1.34"), base::Error);
  EXPECT_THROW(parse_version("x", "pg_dump (PostgreSQL) devel"), base::Error);
}

TEST(ClientProgram, is_the_lowest_major_that_serves) {
  const std::vector<ClientProgram> programs = {
      {"a", 17, ""}, {"b", 14, ""}, {"c", 15, ""}, {"d", 15, ""}, {"e", 16, ""}};
  EXPECT_EQ(choose_client_program(programs, 15)->path, "c");
  EXPECT_EQ(choose_client_program(programs, 13)->path, "b");
  EXPECT_EQ(choose_client_program(programs, 17)->path, "a");
  EXPECT_FALSE(choose_client_program(programs, 18));
}

TEST(ClientProgram, is_found_in_the_given_folder_alone_and_only_if_it_tells_a_version) {
  const base::TemporaryFolder folder;
  EXPECT_TRUE(find_client_programs("pg_dump", folder.path()).empty());
  put_program(folder.path() / "pg_dump", "pg_dump (PostgreSQL) 14.0");
  put_program(folder.path() / "pg_restore", "busy");
  const std::vector<ClientProgram> found = find_client_programs("pg_dump", folder.path());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].major, 14);
  EXPECT_EQ(found[0].path, folder.path() / "pg_dump");
  EXPECT_TRUE(find_client_programs("pg_restore", folder.path()).empty());
}

TEST(ClientProgram, gets_secrets_by_environment_alone) {
  const ConnectionSettings settings = connection_settings(
      "postgresql://alice:s3cret@db.example:6000/"
      "app?keepalives_idle=7&sslmode=require&options=-c%20a%3Db");
  EXPECT_EQ(settings.environment.at("PGPASSWORD"), "s3cret");
  EXPECT_EQ(settings.environment.at("PGHOST"), "db.example");
  EXPECT_EQ(settings.environment.at("PGPORT"), "6000");
  EXPECT_EQ(settings.environment.at("PGUSER"), "alice");
  EXPECT_EQ(settings.environment.at("PGSSLMODE"), "require");
  EXPECT_EQ(settings.environment.at("PGOPTIONS"), "-c a=b");
  EXPECT_EQ(settings.keywords, "dbname='app' keepalives_idle='7'");
}

TEST(ClientProgram, refuses_a_secret_that_has_no_variable_and_a_url_that_is_none) {
  EXPECT_THROW(connection_settings("postgresql://h/d?sslpassword=x"), base::Error);
  EXPECT_THROW(connection_settings("postgresql://h/d?nonsense=x"), base::Error);
}

}  // namespace
}  // namespace postgres
