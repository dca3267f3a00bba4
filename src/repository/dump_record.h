// The record beside a dump, and what a dump store holds. docs/formats/dump.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "repository/dump_globals.h"
#include "repository/dump_name.h"
#include "storage/object_store.h"

namespace repository {

struct DumpRelation {
  std::string schema;
  std::string name;
  char kind = 'r';  // as pg_class.relkind
  std::optional<int64_t> rows;
};

struct SequenceValue {
  int64_t last_value = 0;
  bool is_called = false;
  bool operator==(const SequenceValue&) const = default;
};

struct DumpSequence {
  std::string schema;
  std::string name;
  std::optional<SequenceValue> value;
};

struct DumpPrivilege {
  std::string on;      // "TABLE staff"
  std::string schema;  // empty: none
  std::string sql;
};

struct DumpExtension {
  std::string name;
  std::string version;
  std::string schema;
};

// What the database is made with.
struct DatabaseLocale {
  std::string encoding;
  std::string collate;
  std::string ctype;
  std::string provider;  // "c", "i", "b"
  std::optional<std::string> icu_locale;
};

struct DumpRecord {
  DumpName name;
  std::string zone;
  std::string tier;
  std::optional<base::Instant> slot;
  base::Instant started;
  base::Instant snapshot_at;
  base::Instant finished;
  uint64_t size = 0;
  std::optional<std::string> sha256;       // of what was read back; nothing: that was denied
  std::optional<std::string> head_sha256;  // of what was written last, where offsets are set
  std::optional<std::string> rest_sha256;  // of what is behind it; nothing in older records
  uint64_t head_bytes = 0;
  bool offsets = false;
  std::string archive_version;
  std::string dump_version;
  int compress = 0;
  std::string server_version;
  int server_version_num = 0;
  DatabaseLocale locale;
  std::vector<DumpExtension> extensions;
  std::vector<std::string> left_out;
  std::vector<DumpRelation> relations;
  std::vector<DumpSequence> sequences;
  std::vector<DumpPrivilege> privileges;
  DatabaseSettings database_settings;
  Globals globals;
  std::vector<std::string> warnings;

  int64_t rows() const;  // of all its tables
  bool read_back() const { return sha256.has_value(); }
};

base::Json to_json(const DumpRecord& record);
// The same without what grows with the database: for lists.
base::Json summary(const DumpRecord& record);
// Throws corrupt.
DumpRecord dump_record_from_json(const base::Json& json);

// Puts the record beside its dump. Throws conflict when there is one already.
void put_record(storage::ObjectStore& store, const DumpRecord& record, std::stop_token stop);

struct StoredDump {
  DumpName name;
  uint64_t size = 0;
  base::Instant modified;
  bool finished = false;  // has a record
};

// Every dump in the store, by database, date and number.
std::vector<StoredDump> list_dumps(storage::ObjectStore& store, std::stop_token stop);

// Throws absent when there is no record; corrupt, invalid (a newer format).
DumpRecord read_record(storage::ObjectStore& store, const DumpName& name, std::stop_token stop);

// The finished dump that `wanted` means: "latest", a date (its newest), or a name with or without
// ".dump". Throws absent, with what there is, and conflict for one that has no record.
DumpName find_dump(const std::vector<StoredDump>& dumps, const std::string& database,
                   const std::string& wanted);

}  // namespace repository
