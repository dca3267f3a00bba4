// The policy: what must be true, as plain values. docs/guide/policy.md is the user's page of the
// same.
//
// parse() is the only way from YAML to here and is strict: what it returns is whole and consistent,
// so nothing that takes a Policy checks it again. Secrets are never in it, only where they are.
// Values; safe to share between threads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/time.h"
#include "policy/calendar.h"
#include "policy/connection_source.h"
#include "policy/key_source.h"
#include "policy/place.h"
#include "policy/table_pattern.h"
#include "policy/watching.h"
#include "policy/zone.h"

namespace policy {

enum class Provider { native };

// How a snapshot gets at the cluster's files.
enum class Access {
  files,        // they are read on this host
  replication,  // the server sends them: BASE_BACKUP
};

struct Database {
  Provider provider = Provider::native;
  Access access = Access::files;
  ConnectionSource connection;
  std::optional<std::string> data_directory;  // absolute
};

// How a bucket is reached; what is not given follows AWS's usual settings.
struct Reach {
  std::optional<std::string> endpoint;
  std::optional<std::string> region;
  std::optional<std::string> profile;
};

enum class Addressing { automatic, path, virtual_host };

struct S3 {
  Reach reach;
  Addressing addressing = Addressing::automatic;
  std::optional<std::string> ca_file;  // absolute
  int parts_max = 10000;
  base::Duration deadline = std::chrono::minutes(5);  // no call is tried again after it
};

struct Encryption {
  KeySource key;                           // seals
  std::vector<KeySource> also;             // open what it seals, too
  std::vector<KeySource> retired;          // open what they sealed
  std::optional<std::string> index_cache;  // absolute; of a host that may seal and not open
};

enum class LockMode { governance, compliance };

// Object lock, counted from when an object is stored.
struct Lock {
  LockMode mode = LockMode::governance;
  base::Duration duration{};  // of dumps: shorter than their retention; of a repository: longer
};

struct Repository {
  Place store;
  int compress_level = 2;  // zstd
  std::optional<Encryption> encryption;
  std::optional<Lock> lock;
};

struct Receive {
  std::string slot;      // of the server, for streaming
  base::Duration flush;  // the longest that received WAL may wait before it is durable
};

struct Pitr {
  base::Duration retain;  // the recovery window
  std::optional<Receive> receive;
};

// A cadence with a retention. A slot is missed when no valid object is there `finish_within` after
// it; late when nobody has claimed it `start_within` after it. start_within <= finish_within <= the
// cadence's period <= retain.
struct Tier {
  std::string name;
  Cadence cadence;
  base::Duration retain{};
  base::Duration start_within{};
  base::Duration finish_within{};
};

struct DumpOptions {
  int compress = 9;  // pg_dump --compress; the format is custom, without owners and privileges
};

enum class Copier { seawall, store };

// A copy in another region.
struct Replica {
  Place store;
  Reach reach;
  std::optional<KeySource> key;  // given where the dumps are encrypted
  Copier by = Copier::seawall;
  base::Duration within{};
};

enum class DumpEncryptionMode { client, sse_kms };

struct DumpEncryption : Encryption {
  DumpEncryptionMode mode = DumpEncryptionMode::client;
};

struct DumpTier {
  Tier tier;
  Place store;
  DumpOptions options;
  std::optional<DumpEncryption> encryption;
  std::optional<Lock> lock;
  std::optional<Replica> replica;
  bool roles_with_passwords = false;  // of the globals recorded beside a dump
};

// What the strategy names and this policy leaves to others, or does not carry yet.
struct Note {
  std::string what;
  std::string why;
};

struct Layers {
  std::optional<Pitr> pitr;
  std::vector<Tier> snapshots;
  std::vector<DumpTier> dumps;
};

struct Exclusions {
  std::vector<TablePattern> rows_of;
  std::vector<Note> notes;
};

struct Objectives {
  std::optional<base::Duration> rto;
  std::optional<base::Duration> rpo;
};

// What seawall may use of this host.
struct Limits {
  std::optional<int> jobs;                   // threads; nothing: as many as the host has cores
  std::optional<uint64_t> read_per_second;   // bytes of the cluster's files, by a snapshot
  std::optional<uint64_t> store_per_second;  // bytes to and from stores, but not of WAL
  std::optional<int> nice;                   // of snapshots and dumps, in the CPU's scheduler
};

struct Policy {
  std::string name;
  Zone timezone;
  Database database;
  S3 s3;
  Repository repository;
  Layers layers;
  Exclusions exclude;
  Objectives objectives;
  Limits limits;
  Run run;
  Monitor monitor;
  std::optional<Drill> drill;
  std::vector<Note> uncovered;
};

// `file_name` begins every message: "seawall.yaml:12:7: ...". Throws invalid, for the first thing
// that is wrong.
Policy parse(std::string_view yaml, std::string_view file_name);

// Reads and parses the file. Throws invalid; absent, denied.
Policy load(const base::Path& file);

}  // namespace policy
