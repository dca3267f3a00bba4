#include "cloud/http_date.h"

#include <algorithm>
#include <string>

#include "base/error.h"

namespace cloud {

base::Instant parse_http_date(std::string_view text) {
  static constexpr std::string_view months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto fail = [] { throw base::Error(base::ErrorKind::corrupt, "this is no date of HTTP"); };
  if (text.size() != 29 || text.substr(25) != " GMT" || text[3] != ',') fail();
  const auto* const month = std::ranges::find(months, text.substr(8, 3));
  if (month == std::end(months)) fail();
  // As RFC 3339 has it, whose reader checks the numbers.
  return base::corrupt_if_invalid([&] {
    return base::from_rfc3339(fmt::format("{}-{:02}-{}T{}Z", text.substr(12, 4),
                                          month - std::begin(months) + 1, text.substr(5, 2),
                                          text.substr(17, 8)));
  });
}

}  // namespace cloud
