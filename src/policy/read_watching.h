// From the document's sections to the values of watching.h. For policy.cc alone.
#pragma once

#include "policy/policy.h"
#include "policy/section.h"

namespace policy {

Limits read_limits(const Section& section);
Run read_run(const Section& section);
Monitor read_monitor(const Section& section);
Drill read_drill(const Section& section);

}  // namespace policy
