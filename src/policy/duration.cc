#include "policy/duration.h"

#include <array>
#include <charconv>

#include "base/error.h"
#include "policy/spelling.h"

namespace policy {

namespace {

using base::Duration;
using base::ErrorKind;

struct Unit {
  char letter;
  std::string_view word;
  Duration length;
};

constexpr std::array<Unit, 6> units{{
    {'y', "year", one_year},
    {'w', "week", one_week},
    {'d', "day", one_day},
    {'h', "hour", std::chrono::hours{1}},
    {'m', "minute", std::chrono::minutes{1}},
    {'s', "second", std::chrono::seconds{1}},
}};

constexpr std::string_view how_to_write =
    "write a whole number and one unit: 90s, 15m, 2h, 7d, 12w or 5y";

std::string hint_for(std::string_view text) {
  if (text.find("mo") != std::string_view::npos || text.ends_with('M')) {
    return "m is minutes, and months do not exist, as they have no fixed length: write days, as "
           "30d";
  }
  return std::string(how_to_write);
}

struct Written {
  int64_t count;
  const Unit& unit;
};

// The largest unit that divides the duration; a single week is better known as 7 days.
Written write(Duration duration) {
  CHECK(duration > Duration::zero() && duration % std::chrono::seconds{1} == Duration::zero());
  for (const Unit& unit : units) {
    if (duration % unit.length == Duration::zero() && duration != one_week) {
      return {duration / unit.length, unit};
    }
  }
  return {7, units[2]};
}

}  // namespace

Duration parse_duration(std::string_view text) {
  const auto misfit = [&](std::string_view what) {
    return base::Error(ErrorKind::invalid, fmt::format("{} {}", shown(text), what), hint_for(text));
  };
  int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [after, outcome] = std::from_chars(text.data(), end, count);
  if (outcome == std::errc::result_out_of_range) throw misfit("is longer than 100 years");
  if (outcome != std::errc{} || count < 0 || text.front() == '-' || after + 1 != end) {
    throw misfit("is not a duration");
  }
  for (const Unit& unit : units) {
    if (unit.letter != *after) continue;
    if (count == 0) throw misfit("is no time at all");
    if (count > duration_max / unit.length) throw misfit("is longer than 100 years");
    return count * unit.length;
  }
  throw misfit("is not a duration");
}

std::string print_duration(Duration duration) {
  const Written written = write(duration);
  return fmt::format("{}{}", written.count, written.unit.letter);
}

std::string describe_duration(Duration duration) {
  const Written written = write(duration);
  return fmt::format("{} {}{}", written.count, written.unit.word, written.count == 1 ? "" : "s");
}

}  // namespace policy
