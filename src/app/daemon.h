// `seawall run`: carries policies out until it is told to stop. One loop turns over all of them
// once a second; nothing that may wait is done in it. docs/guide/daemon.md, docs/architecture.md
// "The daemon".
#pragma once

#include <atomic>

#include "app/carried_policy.h"

namespace app {

struct DaemonOrder {
  base::Path policies;           // a policy, or a folder of them: *.yaml
  bool once = false;             // do what is due, and end
  std::string version;           // of this program
  std::string environment = {};  // the text of the environment file, as this process took it
};

// Returns the exit code: 0 when it was stopped and everything ended in time; with `once`, that of
// the first failure. `hang_ups` counts the SIGHUPs: each has all policies read anew. Throws what is
// wrong with a policy that is alone, absent for a folder without any, and what listening throws.
//
// Stopped, it gives runs 20 s to end by themselves, asks them to end, and gives up on what has not
// ended 15 s later: the process then ends with that work, which counts as killed.
int run_daemon(const DaemonOrder& order, const DaemonPlugs& plugs, const std::atomic<int>& hang_ups,
               const base::Clock& clock, std::stop_token stop);

}  // namespace app
