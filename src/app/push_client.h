// `wal push` as a thin client of the daemon on its host.
#pragma once

#include <stop_token>

#include "app/push_protocol.h"
#include "base/file.h"

namespace app {

struct PushOrder {
  base::Path policy_file;
  std::string policy_text;
  std::string environment;  // the text of its environment file
  base::Path file;          // as PostgreSQL names it
};

// True once the daemon at `socket` has stored the file; false, at once or after what a daemon may
// take, when the caller has to do it. `why` says why, for the log. Throws what the daemon says of
// the file or the store, and cancelled.
bool push_by_daemon(const base::Path& socket, const PushOrder& order, std::string& why,
                    const std::stop_token& stop);

}  // namespace app
