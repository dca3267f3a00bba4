// The time to restore over the drills, as SVG. Pure.
#pragma once

#include <string>
#include <vector>

#include "policy/zone.h"
#include "repository/drill_record.h"

namespace drill {

// A dot for each drill that was measured, filled if it passed, by kind; lines join those of a kind;
// the objective is a dashed line. Empty when no drill was measured.
std::string rto_plot_svg(const std::vector<repository::DrillRecord>& history,
                         const policy::Zone& zone);

}  // namespace drill
