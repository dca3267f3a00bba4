#include "layers/pitr/scrub.h"

#include <algorithm>

#include "base/error.h"

namespace layers {

std::vector<std::string> matching_tables(postgres::Connection& connection,
                                         const std::vector<policy::TablePattern>& patterns) {
  const postgres::Rows rows = connection.query(
      "select n.nspname, c.relname, quote_ident(n.nspname) || '.' || quote_ident(c.relname) from "
      "pg_class c "
      "join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p') order by 1, 2");
  std::vector<std::string> tables;
  for (size_t row = 0; row < rows.size(); ++row) {
    const std::string schema = rows.text(row, 0);
    const std::string table = rows.text(row, 1);
    const auto names_it = [&](const policy::TablePattern& pattern) {
      return pattern.matches(schema, table);
    };
    if (std::ranges::any_of(patterns, names_it)) tables.push_back(rows.text(row, 2));
  }
  return tables;
}

std::vector<std::string> scrub(postgres::Connection& connection,
                               const std::vector<policy::TablePattern>& patterns) {
  std::vector<std::string> tables = matching_tables(connection, patterns);
  if (tables.empty()) return tables;
  try {
    connection.simple(fmt::format("set session_replication_role = replica; truncate table {}",
                                  fmt::join(tables, ", ")));
  } catch (const base::Error& failure) {
    throw base::Error(base::ErrorKind::conflict,
                      "scrubbing the restored database: " + failure.message(),
                      "a table that is kept refers to rows that are not: leave that table's rows "
                      "out too, or keep both");
  }
  return tables;
}

}  // namespace layers
