// Asks the database server what it says of its archiving. Reads only, and takes ten seconds at
// most.
#pragma once

#include "app/context.h"
#include "layers/pitr/wal_scan.h"
#include "monitor/server.h"

namespace app {

// That it cannot be asked is an answer. `last_commit` is the newest in the archive.
monitor::ServerFacts read_server_facts(const Context& context,
                                       const std::optional<layers::WalMoment>& last_commit,
                                       base::Instant now);

}  // namespace app
