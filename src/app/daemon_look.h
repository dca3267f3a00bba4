// What the store says of a policy's runs: what is due, what failed and when. The daemon asks now
// and then, and believes nothing else, not even itself.
#pragma once

#include "app/daemon_rounds.h"
#include "schedule/run_queue.h"

namespace app {

// Also keeps the policy's text in the repository, if it is not the last one kept. Throws absent
// when there is no repository yet, and what stores throw.
schedule::Offer look(Context& context, const PolicyText& policy, base::Instant now,
                     std::stop_token stop);

}  // namespace app
