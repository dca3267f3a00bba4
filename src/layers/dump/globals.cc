#include "layers/dump/globals.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace layers {

using repository::DatabaseGrant;
using repository::DatabaseSetting;
using repository::DatabaseSettings;
using repository::Globals;
using repository::Membership;
using repository::Role;
using repository::Setting;

using postgres::quote_identifier;
using postgres::quote_literal;

namespace {

// "name=value", as pg_db_role_setting keeps it.
Setting parse_setting(const std::string& text) {
  const size_t equals = text.find('=');
  return {text.substr(0, equals), equals == std::string::npos ? "" : text.substr(equals + 1)};
}

std::vector<Role> read_roles(postgres::Connection& connection, bool with_passwords) {
  const postgres::Rows rows = connection.query(fmt::format(
      "select rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, "
      "rolreplication, rolbypassrls, rolconnlimit, rolvaliduntil, {} from {} where rolname !~ "
      "'^pg_' order by 1",
      with_passwords ? "rolpassword" : "null", with_passwords ? "pg_authid" : "pg_roles"));
  std::vector<Role> roles;
  for (size_t row = 0; row < rows.size(); ++row) {
    roles.push_back({.name = rows.text(row, 0),
                     .superuser = rows.boolean(row, 1),
                     .inherit = rows.boolean(row, 2),
                     .create_role = rows.boolean(row, 3),
                     .create_db = rows.boolean(row, 4),
                     .login = rows.boolean(row, 5),
                     .replication = rows.boolean(row, 6),
                     .bypass_rls = rows.boolean(row, 7),
                     .connection_limit = rows.number(row, 8),
                     .valid_until = rows.at(row, 9),
                     .settings = {},
                     .password = rows.at(row, 10)});
  }
  return roles;
}

void read_role_settings(postgres::Connection& connection, std::vector<Role>& roles) {
  const postgres::Rows rows = connection.query(
      "select r.rolname, unnest(s.setconfig) from pg_db_role_setting s join pg_roles r on r.oid = "
      "s.setrole where s.setdatabase = 0 order by 1, 2");
  for (size_t row = 0; row < rows.size(); ++row) {
    const auto role = std::ranges::find(roles, rows.text(row, 0), &Role::name);
    if (role != roles.end()) role->settings.push_back(parse_setting(rows.text(row, 1)));
  }
}

}  // namespace

Globals read_globals(postgres::Connection& connection, bool with_passwords) {
  Globals globals;
  try {
    globals.roles = read_roles(connection, with_passwords);
  } catch (const base::Error& failure) {
    if (failure.kind() != base::ErrorKind::denied) throw;
    throw base::Error(failure.kind(), failure.message(),
                      "only a superuser may read passwords: connect as one, or set "
                      "roles_with_passwords to false");
  }
  read_role_settings(connection, globals.roles);
  const postgres::Rows members = connection.query(
      "select distinct r.rolname, m.rolname, a.admin_option from pg_auth_members a join pg_roles r "
      "on r.oid = a.roleid join pg_roles m on m.oid = a.member where m.rolname !~ '^pg_' order by "
      "1, 2, 3");
  for (size_t row = 0; row < members.size(); ++row)
    globals.memberships.push_back(
        {members.text(row, 0), members.text(row, 1), members.boolean(row, 2)});
  const postgres::Rows spaces = connection.query(
      "select spcname, pg_get_userbyid(spcowner), pg_tablespace_location(oid) from pg_tablespace "
      "where spcname !~ '^pg_' order by 1");
  for (size_t row = 0; row < spaces.size(); ++row)
    globals.tablespaces.push_back({spaces.text(row, 0), spaces.text(row, 1), spaces.text(row, 2)});
  return globals;
}

DatabaseSettings read_database_settings(postgres::Connection& connection) {
  DatabaseSettings settings;
  const postgres::Rows database = connection.query(
      "select pg_get_userbyid(datdba), datacl is null from pg_database where datname = "
      "current_database()");
  settings.owner = database.text(0, 0);
  if (!database.boolean(0, 1)) {
    const postgres::Rows rows = connection.query(
        "select case when grantee = 0 then null else pg_get_userbyid(grantee) end, privilege_type, "
        "is_grantable from pg_database, aclexplode(datacl) where datname = current_database() "
        "order by 1, 2");
    settings.privileges.emplace();
    for (size_t row = 0; row < rows.size(); ++row)
      settings.privileges->push_back({rows.at(row, 0), rows.text(row, 1), rows.boolean(row, 2)});
  }
  const postgres::Rows rows = connection.query(
      "select r.rolname, unnest(s.setconfig) from pg_db_role_setting s join pg_database d on d.oid "
      "= s.setdatabase left join pg_roles r on r.oid = s.setrole where d.datname = "
      "current_database() order by 1, 2");
  for (size_t row = 0; row < rows.size(); ++row)
    settings.settings.push_back({rows.at(row, 0), parse_setting(rows.text(row, 1))});
  return settings;
}

namespace {

// Parameters whose value is a list of names that are quoted already, as pg_dump knows them
// (variable_is_guc_list_quote in src/bin/pg_dump/dumputils.c).
bool holds_quoted_names(std::string_view setting) {
  constexpr std::array<std::string_view, 6> lists = {
      "local_preload_libraries",  "search_path",      "session_preload_libraries",
      "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories"};
  return std::ranges::find(lists, setting) != lists.end();
}

// A parameter's name may have one dot: each part is quoted by itself.
std::string parameter(std::string_view name) {
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos) return quote_identifier(name);
  return quote_identifier(name.substr(0, dot)) + "." + quote_identifier(name.substr(dot + 1));
}

std::string set(const Setting& setting) {
  const bool raw = holds_quoted_names(setting.name) && !setting.value.empty();
  return fmt::format("set {} to {}", parameter(setting.name),
                     raw ? setting.value : quote_literal(setting.value));
}

std::string create_role(const Role& role, bool as_superuser) {
  const auto word = [](bool on, std::string_view name) {
    return fmt::format(" {}{}", on ? "" : "no", name);
  };
  std::string sql = "create role " + quote_identifier(role.name);
  if (as_superuser)
    sql += word(role.superuser, "superuser") + word(role.replication, "replication") +
           word(role.bypass_rls, "bypassrls");
  sql += word(role.inherit, "inherit") + word(role.create_role, "createrole") +
         word(role.create_db, "createdb") + word(role.login, "login");
  if (role.connection_limit != -1)
    sql += fmt::format(" connection limit {}", role.connection_limit);
  if (role.valid_until) sql += " valid until " + quote_literal(*role.valid_until);
  if (role.password) sql += " password " + quote_literal(*role.password);
  return sql;
}

}  // namespace

std::vector<std::string> role_statements(const Globals& globals,
                                         const std::vector<std::string>& present,
                                         bool as_superuser) {
  const auto is_present = [&](const std::string& name) {
    return std::ranges::find(present, name) != present.end();
  };
  std::vector<std::string> statements;
  for (const Role& role : globals.roles) {
    if (is_present(role.name)) continue;
    statements.push_back(create_role(role, as_superuser));
    for (const Setting& setting : role.settings)
      statements.push_back(
          fmt::format("alter role {} {}", quote_identifier(role.name), set(setting)));
  }
  for (const Membership& one : globals.memberships) {
    if (is_present(one.member)) continue;  // what a role of the target may do is its own business
    statements.push_back(fmt::format("grant {} to {}{}", quote_identifier(one.role),
                                     quote_identifier(one.member),
                                     one.admin ? " with admin option" : ""));
  }
  return statements;
}

std::vector<std::string> database_statements(const DatabaseSettings& settings,
                                             const std::string& name, const std::string& owner) {
  const std::string database = quote_identifier(name);
  std::vector<std::string> statements = {
      fmt::format("alter database {} owner to {}", database, quote_identifier(owner))};
  if (settings.privileges) {
    statements.push_back(fmt::format("revoke all on database {} from public", database));
    for (const DatabaseGrant& grant : *settings.privileges)
      statements.push_back(fmt::format("grant {} on database {} to {}{}", grant.privilege, database,
                                       grant.role ? quote_identifier(*grant.role) : "public",
                                       grant.grantable ? " with grant option" : ""));
  }
  for (const DatabaseSetting& one : settings.settings) {
    const std::string role =
        one.role ? fmt::format("alter role {} in", quote_identifier(*one.role)) : "alter";
    statements.push_back(fmt::format("{} database {} {}", role, database, set(one.setting)));
  }
  return statements;
}

}  // namespace layers
