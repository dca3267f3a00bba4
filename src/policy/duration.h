// Lengths of time as a policy writes them: a whole number and one unit. Pure functions.
//
//   s second   m minute   h hour   d day = 24 h   w week = 7 d   y year = 365 d
//
// There are no months: nobody agrees how long one is. A year is 365 days, always: `5y` is 1825
// days, one day short of five calendar years that hold a leap day; who must keep something through
// a whole calendar year adds a day.
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"

namespace policy {

inline constexpr base::Duration one_day = std::chrono::hours{24};
inline constexpr base::Duration one_week = 7 * one_day;
inline constexpr base::Duration one_year = 365 * one_day;
inline constexpr base::Duration duration_max = 100 * one_year;

// "7d", "12w", "5y", "15m", "2h", "90s". Throws invalid: zero, more than 100y, anything else that
// is not one number and one unit.
base::Duration parse_duration(std::string_view text);

// The shortest way to write it that parse_duration reads back as the same; one week is "7d". For
// whole positive seconds.
std::string print_duration(base::Duration duration);

// The same in words, for sentences: "7 days", "12 weeks", "1 hour".
std::string describe_duration(base::Duration duration);

}  // namespace policy
