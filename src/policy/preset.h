// Policies to begin with: the `breezycorp` preset, and one made by looking at a database. Both are
// YAML with comments, and parse() takes both. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace policy {

struct PresetPlaces {
  std::string database_url = "env:DATABASE_URL";  // as the policy's database.url takes it
  std::optional<std::string> data_directory;
  std::string repository_store = "file:///var/backups/breezycorp/repository";
  std::string dumps_store = "file:///var/backups/breezycorp/dumps";
};

// The strategy of breezycorp, line by line: what this build carries is active, the rest is named
// under `uncovered`.
std::string preset_breezycorp(const PresetPlaces& places);

struct FoundTable {
  std::string schema;
  std::string table;
};

// What `seawall init` saw.
struct FoundDatabase {
  std::string name;
  std::string url;  // one with a password is not written down: the policy says env:DATABASE_URL
  std::optional<std::string> data_directory;
  uint64_t bytes = 0;
  std::string time_zone;           // the server's setting; what is no IANA zone becomes UTC
  std::vector<FoundTable> tables;  // all of them
  std::string repository_store;
  std::string dumps_store;
};

// pg-boss's job tables are left out where they are found. Tables that look like sessions are only
// proposed, in a comment: `training_sessions` may be what the business lives on.
std::string commented_policy(const FoundDatabase& found);

}  // namespace policy
