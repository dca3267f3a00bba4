// The root of a snapshot: its commit point. docs/formats/snapshot.md, "Root".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "repository/repository.h"

namespace repository {

struct ShardRef {
  std::string key;
  std::string first;  // path
  uint64_t files;
  uint64_t blocks;
  uint64_t size;          // of the object
  crypto::Digest digest;  // of the content
  std::string prefix{};   // key of the object that it is a difference from; empty: it is whole
};

struct PackRef {
  PackId id;
  uint64_t size = 0;        // of the object
  uint64_t raw_bytes = 0;   // of the blocks in it
  uint64_t live_bytes = 0;  // of those, what this snapshot names
};

struct TablespaceRef {
  uint32_t oid;
  std::string location;
};

struct ExternalFile {
  std::string path;      // "external/0/postgresql.conf"
  std::string original;  // "/etc/postgresql/15/main/postgresql.conf"
};

struct PageRef {
  std::string path;
  uint32_t block;
};

// What a server must allow at least, to replay this cluster's WAL as a standby.
struct RecoverySettings {
  int max_connections;
  int max_worker_processes;
  int max_wal_senders;
  int max_prepared_transactions;
  int max_locks_per_transaction;
};

struct SnapshotTotals {
  uint64_t files = 0;
  uint64_t bytes = 0;  // of files
  uint64_t blocks = 0;
  uint64_t new_bytes = 0;     // of blocks that no earlier snapshot had
  uint64_t stored_bytes = 0;  // of packs and shards that this run stored
};

struct SnapshotRoot {
  std::string id;
  std::string run;
  std::optional<base::Instant> slot;
  std::vector<std::string> tiers;
  EpochNumber epoch;
  uint64_t system_identifier = 0;
  int major = 0;
  uint32_t catalog_version = 0;
  uint64_t segment_bytes = 0;
  bool checksums = false;
  std::optional<std::string> base;
  std::string from = "primary";
  std::string access = "files";
  base::Instant started{};
  base::Instant stopped{};
  postgres::Timeline timeline;
  postgres::Lsn start_lsn;
  postgres::Lsn checkpoint_lsn;
  postgres::Lsn stop_lsn;
  std::string backup_label;
  std::string tablespace_map;
  base::Bytes control_file;  // without its trailing zeros
  std::vector<TablespaceRef> tablespaces;
  std::vector<ExternalFile> external;
  std::string bootstrap_role;  // the superuser that initdb made
  RecoverySettings settings{};
  SnapshotTotals totals;
  std::vector<ShardRef> shards;
  std::vector<PackRef> packs;
  std::vector<PageRef> damaged;   // pages whose checksum did not match, at most 1000
  std::vector<PageRef> suspects;  // pages that changed though their LSN did not, at most 1000
};

inline constexpr size_t listed_pages_max = 1000;

base::Json to_json(const SnapshotRoot& root);
SnapshotRoot snapshot_root_from(const base::Json& body);  // throws corrupt

// Ids of all snapshots of an epoch, oldest first.
std::vector<std::string> snapshot_ids(const Repository& repository, EpochNumber epoch,
                                      std::stop_token stop);
// Throws absent, corrupt.
SnapshotRoot read_snapshot(const Repository& repository, EpochNumber epoch, const std::string& id,
                           std::stop_token stop);
struct UnreadableRoot {
  std::string id;
  std::string why;
};
// A root that is damaged, or of a newer version, is told and not thrown.
std::vector<SnapshotRoot> read_snapshots(const Repository& repository, EpochNumber epoch,
                                         std::vector<UnreadableRoot>& unreadable,
                                         std::stop_token stop);

}  // namespace repository
