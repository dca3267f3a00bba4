// What the server's catalog says a dump must hold, and whether an archive's table of contents has
// it. Asked under the dump's own snapshot.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "layers/dump/archive_toc.h"
#include "policy/table_pattern.h"
#include "postgres/connection.h"
#include "repository/dump_record.h"

namespace layers {

struct SourceRelation {
  uint32_t oid = 0;
  std::string schema;  // in UTF-8
  std::string name;
  std::string sql_name;    // quoted and with its schema
  std::string raw_schema;  // in the database's own encoding, as archives have them
  std::string raw_name;
  char kind = 'r';            // as pg_class.relkind: r p v m S f
  bool of_extension = false;  // made by one: the archive has no definition of it
  bool has_data = false;      // the archive must have its rows, its value or its refresh
};

// Every relation that pg_dump dumps, in order of names; `patterns` leave rows out, of a partitioned
// table those of its partitions too.
std::vector<SourceRelation> read_source_catalog(postgres::Connection& connection,
                                                const std::vector<policy::TablePattern>& patterns);

// Patterns for pg_dump: those of the policy, and one for each partition that only its parent's name
// leaves out.
std::vector<std::string> patterns_for_dump(postgres::Connection& connection,
                                           const std::vector<policy::TablePattern>& patterns);

// Collects what concerns us from an archive's table of contents.
class ArchiveContents {
 public:
  void add(const TocEntry& entry);
  // Throws corrupt, naming what is missing, unless every relation is defined, all that has data has
  // it, and nothing that is left out has rows.
  void require(const std::vector<SourceRelation>& relations) const;
  // What the archive sets this sequence to. Throws corrupt when it does not say so.
  repository::SequenceValue sequence_value(const SourceRelation& sequence) const;

 private:
  bool has(const char* kind, const SourceRelation& relation) const;
  using Name = std::pair<std::string, std::string>;  // schema and tag, in the database's encoding
  std::map<std::string, std::set<Name>, std::less<>> names_;  // by kind
  std::map<Name, std::string> set_values_;                    // definitions of SEQUENCE SET
};

// A foreign key from rows that are kept into rows that are not: pg_restore would fail on it.
struct ForeignKeyIntoLeftOut {
  std::string table;  // quoted, with its schema
  std::string name;
  std::string references;
};

// For `check`: every such foreign key, in order of names.
std::vector<ForeignKeyIntoLeftOut> foreign_keys_into_left_out(
    postgres::Connection& connection, const std::vector<policy::TablePattern>& patterns);

}  // namespace layers
