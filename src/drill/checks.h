// Questions to a restored database, and what their answers mean. The same functions are asked of a
// damaged copy first (known_bad.h), where they must fail.
//
// All but the judgements ask over a connection of a superuser of the scratch server. An error of
// the server's is thrown, as it ends the drill; what is merely wrong is a verdict.
#pragma once

#include <stop_token>

#include "drill/reference.h"
#include "policy/table_pattern.h"
#include "policy/watching.h"
#include "postgres/connection.h"

namespace drill {

using repository::DrillCheckResult;
using repository::DrillVerdict;

struct CountedTable {
  std::string name;       // quoted where it must be, with its schema
  std::string sql_name;   // always quoted
  bool unlogged = false;  // empty after any recovery
  int64_t rows = 0;
};

// What is there: every ordinary table with its rows, and the names of everything else.
struct Contents {
  std::vector<CountedTable> tables;
  std::map<std::string, char> relations;  // by name: pg_class.relkind
  int64_t rows() const;
};
Contents count(postgres::Connection& connection, std::stop_token stop);
int64_t count_rows(postgres::Connection& connection, const CountedTable& table);

// Exactly, where the reference is what was restored. Else each table that had rows must have some,
// and all of them together at least half as many. Pure.
DrillCheckResult judge_tables(const Contents& contents, const std::optional<Reference>& reference);

// Tables whose rows the policy leaves out are empty.
DrillCheckResult check_left_out(postgres::Connection& connection,
                                const std::vector<policy::TablePattern>& patterns);

// Each sequence is ahead of the column that takes its values from it; and, where the reference is
// what was restored, at the value that the record says.
DrillCheckResult check_sequences(postgres::Connection& connection,
                                 const std::optional<Reference>& reference, std::stop_token stop);

// Those of the record are there, and this host has their libraries in these very versions.
DrillCheckResult check_extensions(postgres::Connection& connection,
                                  const std::optional<Reference>& reference);
// Those in use sort on this host as they did where indexes were made with them.
DrillCheckResult check_collations(postgres::Connection& connection);
DrillCheckResult check_roles(postgres::Connection& connection,
                             const std::optional<Reference>& reference);

// One of the policy's own. A query that fails has failed; it can change nothing.
DrillCheckResult check_assertion(postgres::Connection& connection,
                                 const policy::DrillCheck& assertion);

// The newest beat of seawall.heartbeat; nothing when there is no such table, or no row in it.
std::optional<base::Instant> newest_heartbeat(postgres::Connection& connection);

}  // namespace drill
