// Empties what a restored database must not bring back: job queues, sessions.
#pragma once

#include "policy/table_pattern.h"
#include "postgres/connection.h"

namespace layers {

// Tables (and partitioned tables) that the patterns name, as quoted identifiers.
std::vector<std::string> matching_tables(postgres::Connection& connection,
                                         const std::vector<policy::TablePattern>& patterns);

// Empties them together, without their triggers, which may do anything; rows of other tables are
// never touched: a foreign key into them from a table that is kept is an error (conflict). The
// tables emptied.
std::vector<std::string> scrub(postgres::Connection& connection,
                               const std::vector<policy::TablePattern>& patterns);

}  // namespace layers
