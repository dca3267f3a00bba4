// A moment as a person writes it on a command line, and as we say it back. Pure functions.
//
// A moment always names its zone: the machine's own zone, the server's and the reader's differ
// exactly when it matters.
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "policy/zone.h"

namespace policy {

// "2026-11-22 14:03:07 Asia/Singapore", "2026-11-22T14:03:07.25+08:00", "2026-11-22 14:03:07+08"
// (as psql prints), "2026-11-22T06:03:07Z", "2026-11-22 06:03 UTC". Seconds may be left out,
// fractions go to the microsecond, years from 1970 to 9999. Throws invalid: no zone, an
// abbreviation as zone, a date or time that does not exist, and a wall clock reading that happened
// twice or never there; the hint then names the two moments it could mean.
base::Instant parse_moment(std::string_view text);

// Both ways, so that the reader sees the one they think in:
// "2026-11-22 14:03:07+08:00 Asia/Singapore (2026-11-22T06:03:07Z)".
std::string describe_moment(base::Instant instant, const Zone& zone);

}  // namespace policy
