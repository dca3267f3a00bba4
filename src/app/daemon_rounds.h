// What the daemon does for a policy beside its runs: the heartbeat, the log received by streaming,
// copies that lag, the probe. Each works with a context of its own, made anew at each turn.
#pragma once

#include <atomic>

#include "app/context.h"
#include "schedule/rounds.h"

namespace app {

// A version of a policy, as text and as values; what a round or a run works from. The file may have
// changed since.
struct PolicyText {
  base::Path file;
  std::string text;
  policy::Policy policy;
  Caps caps = {};  // of all its runs
};

// `lasting` has what goes on until it is stopped (the receiver); a program that runs once leaves it
// out.
std::vector<schedule::Round> rounds_of(std::shared_ptr<const PolicyText> policy, bool lasting);

}  // namespace app
