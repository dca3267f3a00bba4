// Policies to begin with: the `breezycorp` preset, and one made by looking at a database. Both are
// YAML with comments, and parse() takes both. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace policy {

// A copy of the dumps in another region.
struct PresetReplica {
  std::string store;
  std::optional<std::string> endpoint;  // of its S3 service, where that is not the rest's
};

// Where a new policy keeps things: all in folders, or all in buckets.
struct PresetStores {
  std::string repository = "file:///var/backups/breezycorp/repository";
  std::string dumps = "file:///var/backups/breezycorp/dumps";
  std::optional<std::string> endpoint;   // of the S3 service, where it is not AWS
  std::optional<PresetReplica> replica;  // of buckets only

  bool in_buckets() const;
};

// What a person says about it, in few words.
struct StoreWishes {
  std::string name;   // the policy's or the database's: folders and buckets are called after it
  std::string below;  // a folder, s3://WORDS for buckets whose names begin with them, or nothing
  std::string region;
  std::string replica_region;
  std::string endpoint;
  std::string replica_endpoint;
};

// Without a region and s3://, folders below /var/backups. With a region, the strategy's buckets:
// NAME-repository-REGION, NAME-backups-REGION, and NAME-backups-REPLICA_REGION. Throws invalid for
// wishes that contradict each other.
PresetStores choose_stores(const StoreWishes& wishes);

struct PresetPlaces {
  std::string database_url = "env:DATABASE_URL";  // as the policy's database.url takes it
  std::optional<std::string> data_directory;
  PresetStores stores;
};

// The strategy of breezycorp, line by line: what this build carries is active, the rest is named
// under `uncovered`. In buckets it is the strategy as it is; folders leave more of it uncovered.
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
  PresetStores stores;
};

// pg-boss's job tables are left out where they are found. Tables that look like sessions are only
// proposed, in a comment: `training_sessions` may be what the business lives on. Buckets are sealed
// with BACKUP_KMS_KEY_ID; for folders a key file is proposed.
std::string commented_policy(const FoundDatabase& found);

}  // namespace policy
