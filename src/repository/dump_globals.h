// What a database needs that is not in it, as the record of a dump keeps it: roles and their
// memberships, tablespaces, and the database's own owner, privileges and settings.
// docs/formats/dump.md, "The record".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace repository {

struct Setting {
  std::string name;
  std::string value;
};

struct Role {
  std::string name;
  bool superuser = false;
  bool inherit = true;
  bool create_role = false;
  bool create_db = false;
  bool login = false;
  bool replication = false;
  bool bypass_rls = false;
  int64_t connection_limit = -1;
  std::optional<std::string> valid_until;
  std::vector<Setting> settings;
  std::optional<std::string> password;  // its verifier, never the password itself
};

struct Membership {
  std::string role;
  std::string member;
  bool admin = false;
};

struct Tablespace {
  std::string name;
  std::string owner;
  std::string location;
};

struct Globals {
  std::vector<Role> roles;
  std::vector<Membership> memberships;
  std::vector<Tablespace> tablespaces;
};

struct DatabaseGrant {
  std::optional<std::string> role;  // nothing: everybody
  std::string privilege;
  bool grantable = false;
};

struct DatabaseSetting {
  std::optional<std::string> role;  // nothing: for all
  Setting setting;
};

struct DatabaseSettings {
  std::string owner;
  std::optional<std::vector<DatabaseGrant>> privileges;  // nothing: as PostgreSQL begins with
  std::vector<DatabaseSetting> settings;
};

base::Json to_json(const Globals& globals);
base::Json to_json(const DatabaseSettings& settings);
// Throws corrupt.
Globals globals_from_json(const base::Json& json);
DatabaseSettings database_settings_from_json(const base::Json& json);

}  // namespace repository
