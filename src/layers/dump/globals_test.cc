#include "layers/dump/globals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace layers {

using repository::DatabaseSettings;
using repository::Globals;
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Globals some_globals() {
  Globals globals;
  globals.roles = {{.name = "alice",
                    .superuser = true,
                    .login = true,
                    .settings = {{"search_path", "\"$user\", app"}, {"app.tenant", "it's"}}},
                   {.name = "Team",
                    .inherit = false,
                    .connection_limit = 5,
                    .valid_until = "2030-01-01 00:00:00+00",
                    .password = "SCRAM-SHA-256$4096:x"}};
  globals.memberships = {{"Team", "alice", true}, {"pg_monitor", "Team", false}};
  globals.tablespaces = {{"fast", "alice", "/fast"}};
  return globals;
}

TEST(Globals, are_made_as_they_were_by_a_superuser) {
  EXPECT_THAT(role_statements(some_globals(), {}, true),
              ElementsAre("create role \"alice\" superuser noreplication nobypassrls inherit "
                          "nocreaterole nocreatedb login",
                          "alter role \"alice\" set \"search_path\" to \"$user\", app",
                          "alter role \"alice\" set \"app\".\"tenant\" to 'it''s'",
                          "create role \"Team\" nosuperuser noreplication nobypassrls noinherit "
                          "nocreaterole nocreatedb nologin connection limit 5 valid until "
                          "'2030-01-01 00:00:00+00' password 'SCRAM-SHA-256$4096:x'",
                          "grant \"Team\" to \"alice\" with admin option",
                          "grant \"pg_monitor\" to \"Team\""));
}

TEST(Globals, leave_roles_alone_that_are_there) {
  EXPECT_THAT(role_statements(some_globals(), {"alice", "Team"}, true), IsEmpty());
  EXPECT_THAT(role_statements(some_globals(), {"Team"}, false),
              ElementsAre("create role \"alice\" inherit nocreaterole nocreatedb login",
                          testing::HasSubstr("search_path"), testing::HasSubstr("tenant"),
                          "grant \"Team\" to \"alice\" with admin option"));
}

TEST(Globals, give_the_database_its_owner_privileges_and_settings_under_another_name) {
  const DatabaseSettings settings{
      .owner = "alice",
      .privileges = {{{"app", "CONNECT", true}, {std::nullopt, "TEMPORARY", false}}},
      .settings = {{std::nullopt, {"work_mem", "8MB"}}, {"app", {"search_path", ""}}}};
  EXPECT_THAT(database_statements(settings, "copy", "bob"),
              ElementsAre("alter database \"copy\" owner to \"bob\"",
                          "revoke all on database \"copy\" from public",
                          "grant CONNECT on database \"copy\" to \"app\" with grant option",
                          "grant TEMPORARY on database \"copy\" to public",
                          "alter database \"copy\" set \"work_mem\" to '8MB'",
                          "alter role \"app\" in database \"copy\" set \"search_path\" to ''"));
  EXPECT_THAT(database_statements({.owner = "x", .privileges = {}, .settings = {}}, "copy", "x"),
              ElementsAre("alter database \"copy\" owner to \"x\""));
}

TEST(Globals, are_the_same_through_json) {
  const Globals globals = some_globals();
  const Globals again = repository::globals_from_json(to_json(globals));
  EXPECT_EQ(to_json(again), to_json(globals));
  EXPECT_EQ(role_statements(again, {}, true), role_statements(globals, {}, true));
  EXPECT_FALSE(to_json(globals)["roles"][0].contains("password"));
}

}  // namespace
}  // namespace layers
