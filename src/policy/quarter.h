// Quarters of the year on the calendar of a zone. Values; pure functions.
#pragma once

#include <string>
#include <string_view>

#include "policy/zone.h"

namespace policy {

struct Quarter {
  int year = 0;
  int number = 1;  // 1 to 4
  auto operator<=>(const Quarter&) const = default;
};

// "2026Q4"
std::string to_string(Quarter quarter);
// Throws invalid.
Quarter parse_quarter(std::string_view text);

Quarter quarter_at(base::Instant instant, const Zone& zone);
Quarter next(Quarter quarter);
Quarter previous(Quarter quarter);
// Its first moment in the zone; it ends where the next begins.
base::Instant begin_of(Quarter quarter, const Zone& zone);
// "2026-12-31"
std::string last_day(Quarter quarter);

}  // namespace policy
