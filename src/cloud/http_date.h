// Dates as HTTP writes them: "Sun, 06 Nov 1994 08:49:37 GMT".
#pragma once

#include <string_view>

#include "base/time.h"

namespace cloud {

// Throws corrupt.
base::Instant parse_http_date(std::string_view text);

}  // namespace cloud
