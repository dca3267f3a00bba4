// The parts of the schema that are about carrying the policy out and watching that it was.
#pragma once

#include "policy/schema.h"

namespace policy {

Field limits_field();
Field run_field();
Field monitor_field();
Field drill_field();

}  // namespace policy
