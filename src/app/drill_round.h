// The weekly drill as the daemon holds it.
#pragma once

#include "app/daemon_rounds.h"

namespace app {

// Nothing where the policy has no weekly drill, or this host may seal and not open. Several daemons
// claim the slot, so that one holds it; one whose credential may not restore leaves it to others.
std::optional<schedule::Round> drill_round(std::shared_ptr<const PolicyText> policy);

}  // namespace app
