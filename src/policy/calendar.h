// When things are due. A cadence says how often ("03:00" each day, "Sun 03:00" each week, "every
// 15m"); in a time zone it becomes slots, which are UTC instants. Pure functions.
//
//   daily, weekly   The wall clock of the zone decides. A reading that daylight saving skips
//   becomes the first moment
//                   after the gap; one that happens twice becomes the first of the two. So each day
//                   has its slot once. (Where a gap crosses midnight, the first moment after it
//                   lies on the next day.)
//   every           Whole multiples of the interval since 1970-01-01T00:00:00Z. The zone plays no
//   part, so the spacing
//                   never changes, whatever the clocks on the wall do.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "policy/zone.h"

namespace policy {

struct Cadence {
  enum class Kind { daily, weekly, every };
  Kind kind = Kind::daily;
  std::chrono::minutes time_of_day{0};  // daily, weekly: wall clock time since midnight
  std::chrono::weekday weekday{0};      // weekly
  base::Duration interval{};            // every: from one minute to one day

  bool operator==(const Cadence&) const = default;
};

// "03:00", "Sun 03:00", "every 15m". Throws invalid.
Cadence parse_cadence(std::string_view text);
// What the policy's key `at` takes: "03:00" or "Sun 03:00". Throws invalid.
Cadence parse_at(std::string_view text);
// What the policy's key `every` takes: "15m", from one minute to one day. Throws invalid.
Cadence parse_every(std::string_view text);

// As parse_cadence reads it.
std::string print_cadence(const Cadence& cadence);

// The usual time from one slot to the next: a day, a week, or the interval.
base::Duration period(const Cadence& cadence);

// The slots in [from, to), in order.
std::vector<base::Instant> slots_between(const Cadence& cadence, const Zone& zone,
                                         base::Instant from, base::Instant to);
base::Instant last_slot_at_or_before(const Cadence& cadence, const Zone& zone,
                                     base::Instant instant);
base::Instant next_slot_after(const Cadence& cadence, const Zone& zone, base::Instant instant);

}  // namespace policy
