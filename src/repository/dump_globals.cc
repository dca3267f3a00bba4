#include "repository/dump_globals.h"

namespace repository {

using base::Json;
using base::member;
using base::member_if_there;

namespace {

Json to_json(const Setting& setting) { return {{"name", setting.name}, {"value", setting.value}}; }

Setting setting_from_json(const Json& json) {
  return {member<std::string>(json, "name"), member<std::string>(json, "value")};
}

Json or_null(const std::optional<std::string>& text) { return text ? Json(*text) : Json(nullptr); }

Json to_json(const Role& role) {
  Json settings = Json::array();
  for (const Setting& setting : role.settings) settings.push_back(to_json(setting));
  Json json = {{"name", role.name},
               {"superuser", role.superuser},
               {"inherit", role.inherit},
               {"create_role", role.create_role},
               {"create_db", role.create_db},
               {"login", role.login},
               {"replication", role.replication},
               {"bypass_rls", role.bypass_rls},
               {"connection_limit", role.connection_limit},
               {"valid_until", or_null(role.valid_until)},
               {"settings", settings}};
  if (role.password) json["password"] = *role.password;
  return json;
}

Role role_from_json(const Json& json) {
  Role role{.name = member<std::string>(json, "name"),
            .superuser = member<bool>(json, "superuser"),
            .inherit = member<bool>(json, "inherit"),
            .create_role = member<bool>(json, "create_role"),
            .create_db = member<bool>(json, "create_db"),
            .login = member<bool>(json, "login"),
            .replication = member<bool>(json, "replication"),
            .bypass_rls = member<bool>(json, "bypass_rls"),
            .connection_limit = member<int64_t>(json, "connection_limit"),
            .valid_until = member_if_there<std::string>(json, "valid_until"),
            .settings = {},
            .password = member_if_there<std::string>(json, "password")};
  for (const Json& setting : member<Json>(json, "settings"))
    role.settings.push_back(setting_from_json(setting));
  return role;
}

}  // namespace

Json to_json(const Globals& globals) {
  Json roles = Json::array();
  for (const Role& role : globals.roles) roles.push_back(to_json(role));
  Json memberships = Json::array();
  for (const Membership& one : globals.memberships)
    memberships.push_back({{"role", one.role}, {"member", one.member}, {"admin", one.admin}});
  Json spaces = Json::array();
  for (const Tablespace& space : globals.tablespaces)
    spaces.push_back({{"name", space.name}, {"owner", space.owner}, {"location", space.location}});
  return {{"roles", roles}, {"memberships", memberships}, {"tablespaces", spaces}};
}

Globals globals_from_json(const Json& json) {
  Globals globals;
  for (const Json& role : member<Json>(json, "roles"))
    globals.roles.push_back(role_from_json(role));
  for (const Json& one : member<Json>(json, "memberships"))
    globals.memberships.push_back({member<std::string>(one, "role"),
                                   member<std::string>(one, "member"), member<bool>(one, "admin")});
  for (const Json& space : member<Json>(json, "tablespaces"))
    globals.tablespaces.push_back({member<std::string>(space, "name"),
                                   member<std::string>(space, "owner"),
                                   member<std::string>(space, "location")});
  return globals;
}

Json to_json(const DatabaseSettings& settings) {
  Json privileges = nullptr;
  if (settings.privileges) {
    privileges = Json::array();
    for (const DatabaseGrant& grant : *settings.privileges)
      privileges.push_back({{"role", or_null(grant.role)},
                            {"privilege", grant.privilege},
                            {"grantable", grant.grantable}});
  }
  Json list = Json::array();
  for (const DatabaseSetting& one : settings.settings)
    list.push_back(
        {{"role", or_null(one.role)}, {"name", one.setting.name}, {"value", one.setting.value}});
  return {{"owner", settings.owner}, {"privileges", privileges}, {"settings", list}};
}

DatabaseSettings database_settings_from_json(const Json& json) {
  DatabaseSettings settings{
      .owner = member<std::string>(json, "owner"), .privileges = {}, .settings = {}};
  if (const std::optional<Json> privileges = member_if_there<Json>(json, "privileges")) {
    settings.privileges.emplace();
    for (const Json& one : *privileges)
      settings.privileges->push_back({member_if_there<std::string>(one, "role"),
                                      member<std::string>(one, "privilege"),
                                      member<bool>(one, "grantable")});
  }
  for (const Json& one : member<Json>(json, "settings"))
    settings.settings.push_back(
        {member_if_there<std::string>(one, "role"), setting_from_json(one)});
  return settings;
}

}  // namespace repository
