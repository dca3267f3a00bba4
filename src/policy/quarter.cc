#include "policy/quarter.h"

#include <charconv>

#include "base/error.h"

namespace policy {

namespace {

constexpr int months = 3;  // of a quarter

std::chrono::year_month_day first_day(Quarter quarter) {
  return std::chrono::year(quarter.year) /
         std::chrono::month(static_cast<unsigned>((quarter.number - 1) * months + 1)) / 1;
}

}  // namespace

std::string to_string(Quarter quarter) {
  return fmt::format("{:04}Q{}", quarter.year, quarter.number);
}

Quarter parse_quarter(std::string_view text) {
  Quarter quarter;
  const bool form = text.size() == 6 && text[4] == 'Q' && text[5] >= '1' && text[5] <= '4';
  const auto [end, failed] =
      std::from_chars(text.data(), text.data() + (form ? 4 : 0), quarter.year);
  if (!form || failed != std::errc{} || end != text.data() + 4 || quarter.year < 1970) {
    throw base::Error(base::ErrorKind::invalid, fmt::format("'{}' is no quarter", text),
                      "write it as 2026Q4");
  }
  quarter.number = text[5] - '0';
  return quarter;
}

Quarter quarter_at(base::Instant instant, const Zone& zone) {
  const std::chrono::year_month_day day(local_day(instant, zone));
  const int month = static_cast<int>(static_cast<unsigned>(day.month()));
  return {static_cast<int>(day.year()), (month - 1) / months + 1};
}

Quarter next(Quarter quarter) {
  return quarter.number == 4 ? Quarter{quarter.year + 1, 1}
                             : Quarter{quarter.year, quarter.number + 1};
}

Quarter previous(Quarter quarter) {
  return quarter.number == 1 ? Quarter{quarter.year - 1, 4}
                             : Quarter{quarter.year, quarter.number - 1};
}

base::Instant begin_of(Quarter quarter, const Zone& zone) {
  return zone.read(LocalTime(LocalDay(first_day(quarter)))).first_valid;
}

std::string last_day(Quarter quarter) {
  const std::chrono::year_month_day day(std::chrono::sys_days(first_day(next(quarter))) -
                                        std::chrono::days(1));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

}  // namespace policy
