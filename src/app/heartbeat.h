// The heartbeat: one row of the database, written again and again. In a restored database it tells
// to which moment the restore got, also of a database that nobody else writes to; on the way there
// it makes the log move. Table seawall.heartbeat (id, at, lsn), one row, the policy's
// `run.heartbeat`.
#pragma once

#include "postgres/connection.h"

namespace app {

// What a role that may create no schema is given instead; ready to paste.
extern const char* const heartbeat_table;

// Makes the table if it is not there. Throws denied, with what to paste.
void prepare_heartbeat(postgres::Connection& connection);

// Writes the row anew; false on a standby, where nothing can be written. Throws denied.
bool beat(postgres::Connection& connection);

}  // namespace app
