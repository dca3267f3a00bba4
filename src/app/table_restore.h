// One table out of a physical backup: the cluster is restored into a scratch folder, behind closed
// doors, and the table goes from there into a live database by pg_dump and pg_restore.
#pragma once

#include "app/cluster_restore.h"

namespace app {

struct TableName {
  std::string schema;
  std::string table;
  std::string sql() const;   // both parts quoted
  std::string text() const;  // for people: quoted where it must be
  bool operator==(const TableName&) const = default;
};
// "public.clients", "\"Odd\".\"Na.me\""; without quotes letters are small, as in SQL. Throws
// invalid.
TableName parse_table_name(std::string_view text);

struct TableRestore {
  TableName table;         // in the backup
  TableName as;            // in the database
  std::string database;    // in the backup
  std::string into;        // libpq's URI of the database
  bool data_only = false;  // rows alone, into a table that is there
  base::Path scratch;      // a folder that has room; ours is made in it
  std::optional<base::Path> programs;
};

struct RestoredTable {
  int64_t rows = 0;                   // in the backup, and now in the database
  std::vector<std::string> left_out;  // triggers, foreign keys, ...: what would not fit there
  std::vector<std::string> notes;     // in sentences
  layers::Recovered recovered;
  base::Duration total_time{};
};

// Throws conflict when `as` is there (with data_only: absent when it is not), invalid when the
// policy empties the table or it is partitioned, full when the scratch folder has no room; what
// restoring throws. The scratch folder is gone afterwards.
RestoredTable restore_table(const Context& context, const repository::Repository& repository,
                            const layers::RestorePlan& plan, const TableRestore& request,
                            ClusterRestoreProgress& progress, std::stop_token stop);

}  // namespace app
