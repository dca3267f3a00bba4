// Brings restored files to the moment the plan names, behind closed doors, and empties what must
// not come back.
#pragma once

#include "layers/pitr/restore_plan.h"
#include "layers/pitr/sealed_server.h"
#include "policy/table_pattern.h"

namespace layers {

struct RecoverRequest {
  base::Path data_directory;
  base::Path seawall;                  // what restore_command runs
  base::Path policy;                   // absolute; for restore_command
  std::optional<base::Path> programs;  // of the server
  struct Scrub {
    std::string database;
    std::vector<policy::TablePattern> patterns;
  };
  std::optional<Scrub> scrub;
  std::map<std::string, std::string> settings;  // of the server, more than recovery needs
  // For its socket and the like; 0700, the caller's own. Nothing: a temporary one.
  std::optional<base::Path> private_folder;
};

struct RecoverProgress {
  std::atomic<const char*> phase{"starting the server"};
  std::atomic<uint64_t> replayed_lsn{0};
};

struct Recovered {
  postgres::Lsn reached;
  std::optional<base::Instant> last_commit;  // replayed
  postgres::Timeline timeline;               // the new one
  std::vector<std::string> emptied;          // tables scrubbed
  base::Duration replay_time{};
  base::Duration scrub_time{};
};

// Blocks until the cluster is consistent, at its target, promoted, scrubbed and shut down; then it
// may be opened. Asserts what was reached. If it fails, or is killed at any moment, the cluster
// stays closed: no server but a sealed one starts on it, and a restore with --delta goes on.
// What was done, or why it failed, is told in `seawall-restored.json` in the data directory.
Recovered recover(const RestorePlan& plan, const RecoverRequest& request, RecoverProgress& progress,
                  std::stop_token stop);

}  // namespace layers
