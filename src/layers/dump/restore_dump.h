// Brings a dump back into an empty database: the archive checked and given to pg_restore, roles,
// owners, grants and settings re-applied from the record, and everything counted again.
#pragma once

#include <atomic>

#include "postgres/client_program.h"
#include "repository/dump_record.h"

namespace layers {

struct RestoreDumpRequest {
  repository::DumpName name;
  std::string url;  // of the database to be; libpq's
  unsigned jobs = 1;
  std::optional<std::string> owner;    // of all its objects; nothing: as recorded
  bool create = false;                 // the database, first
  bool globals = true;                 // roles, owners, grants, settings of the record
  std::optional<base::Path> programs;  // where pg_restore is; nothing: looked for
  bool compare = true;                 // with what the record counted; else the caller does
  std::optional<base::Path> spool;     // the caller's own folder for a copy of the archive
};

// Told as it goes; read by another thread.
struct RestoreDumpProgress {
  std::atomic<const char*> phase{"connecting"};
  std::atomic<uint64_t> bytes_total{0};
  std::atomic<uint64_t> bytes_checked{0};
  std::atomic<uint64_t> relations_total{0};
  std::atomic<uint64_t> relations_compared{0};
};

struct Compared {
  std::string what;      // quoted, with its schema
  std::string recorded;  // "1204 rows", "at 17", "no rows"
  std::string found;     // the same, or "missing"
  bool same = true;
  bool may_differ = false;  // a materialized view, which was filled anew
};

struct RestoredDump {
  std::vector<std::string> roles_made;
  std::vector<std::string> notes;  // what could not be as it was, in sentences
  std::vector<Compared> compared;  // every table, view and sequence of the record
  base::Duration fetch_time{};     // of the archive, until it was checked
  bool same() const;
};

// Blocks until the database is restored and compared. Throws conflict when it is not empty (or,
// with `create`, is there), corrupt when the archive is not what its record says, invalid when
// no pg_restore suits. A comparison that fails is no exception: see RestoredDump::same.
RestoredDump restore_dump(storage::ObjectStore& store, const repository::DumpRecord& record,
                          const RestoreDumpRequest& request, RestoreDumpProgress& progress,
                          std::stop_token stop);

// A pg_restore that reads archives of pg_dump `producer` and whose settings a server of `target`
// knows. Throws invalid, with what to install.
postgres::ClientProgram choose_pg_restore(const std::vector<postgres::ClientProgram>& programs,
                                          int producer, int target);

}  // namespace layers
