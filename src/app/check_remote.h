// What snapshots by replication need of the server and of this host.
#pragma once

#include "app/check.h"

namespace app {

// `sql` is an ordinary session at database.url. An error while asking is an answer, too; throws
// only cancelled.
std::vector<CheckItem> check_remote(Context& context, postgres::Connection& sql);

}  // namespace app
