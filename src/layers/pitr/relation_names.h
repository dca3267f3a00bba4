// What relations are called whose files the log names. Only the server that has them knows.
#pragma once

#include <set>

#include "postgres/connection.h"
#include "postgres/wal_transaction.h"

namespace layers {

struct RelationName {
  std::string name;           // with its schema, quoted where it must be
  bool large_values = false;  // it is the TOAST table of that relation
  bool catalog = false;
};
using RelationNames = std::map<postgres::RelationFile, RelationName>;

// Those of this connection's database that it has now. What was dropped, emptied or rewritten since
// has no name any more and is left out.
RelationNames name_relations(postgres::Connection& connection,
                             const std::set<postgres::RelationFile>& files);

// The files of a table and its partitions as they are now; it is named as in SQL. Throws absent.
std::set<uint32_t> files_of(postgres::Connection& connection, const std::string& table);

}  // namespace layers
