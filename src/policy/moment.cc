#include "policy/moment.h"

#include <optional>

#include "base/error.h"
#include "policy/spelling.h"

namespace policy {

namespace {

using base::Duration;
using base::ErrorKind;
using base::Instant;

constexpr std::string_view how_to_write =
    "write it as \"2026-11-22 14:03:07 Asia/Singapore\" or 2026-11-22T14:03:07+08:00";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads a moment from left to right. `text` is the whole of it, for messages.
class MomentReader {
 public:
  explicit MomentReader(std::string_view text) : text_(text), rest_(text) {}

  Instant read() {
    const LocalTime wall = read_wall();
    const std::string_view zone = trimmed(rest_);
    if (zone.empty()) {
      throw misfit("names no time zone", fmt::format("add one: \"{} Asia/Singapore\" or \"{}Z\"",
                                                     trimmed(text_), trimmed(text_)));
    }
    if (zone == "Z" || zone == "z") return Instant{wall.time_since_epoch()};
    if (zone.front() == '+' || zone.front() == '-') {
      return Instant{wall.time_since_epoch()} - read_offset(zone);
    }
    if (rest_.front() != ' ') throw misfit("is not a moment", how_to_write);
    return in_zone(wall, Zone::named(zone));
  }

 private:
  LocalTime read_wall() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
    const int year_number = number(4);
    expect('-');
    const int month_number = number(2);
    expect('-');
    const int day_number = number(2);
    if (!take('T') && !take(' ')) throw misfit("is not a moment", how_to_write);
    const int hour = number(2);
    expect(':');
    const int minute = number(2);
    const int second = take(':') ? number(2) : 0;
    const Duration fraction = take('.') ? read_fraction() : Duration::zero();
    const std::chrono::year_month_day date{std::chrono::year{year_number},
                                           std::chrono::month{static_cast<unsigned>(month_number)},
                                           std::chrono::day{static_cast<unsigned>(day_number)}};
    if (!date.ok() || year_number < 1970) {
      throw misfit("is on a day that does not exist", "days are YYYY-MM-DD, from the year 1970 on");
    }
    if (hour > 23 || minute > 59 || second > 59) {
      throw misfit("is at a time that does not exist",
                   "times go from 00:00:00 to 23:59:59, without am and pm");
    }
    return LocalTime{LocalDay{date}.time_since_epoch()} + std::chrono::hours{hour} +
           std::chrono::minutes{minute} + std::chrono::seconds{second} + fraction;
  }

  Duration read_fraction() {
    int64_t value = 0;
    int places = 0;
    for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1), ++places) {
      if (places == 6) throw misfit("is finer than a microsecond", "give at most six decimals");
      value = value * 10 + (rest_.front() - '0');
    }
    if (places == 0) throw misfit("is not a moment", how_to_write);
    for (; places < 6; ++places) value *= 10;
    return Duration{value};
  }

  // "+08:00", "+0800", "+08".
  Duration read_offset(std::string_view zone) {
    std::string digits;
    for (size_t i = 1; i < zone.size(); ++i) {
      if (zone[i] == ':' && i == 3) continue;
      if (!is_digit(zone[i])) throw misfit("has no offset from UTC that can be read", how_to_write);
      digits += zone[i];
    }
    const bool whole = digits.size() == 2 && zone.size() == 3;
    if (!whole && digits.size() != 4) {
      throw misfit("has no offset from UTC that can be read", how_to_write);
    }
    const int hour = (digits[0] - '0') * 10 + (digits[1] - '0');
    const int minute = whole ? 0 : (digits[2] - '0') * 10 + (digits[3] - '0');
    if (hour > 15 || minute > 59) {
      throw misfit("has an offset that no place has", "offsets go from -12:00 to +14:00");
    }
    const Duration offset = std::chrono::minutes{hour * 60 + minute};
    return zone.front() == '+' ? offset : -offset;
  }

  Instant in_zone(LocalTime wall, const Zone& zone) {
    const WallReading reading = zone.read(wall);
    if (reading.kind == WallReading::Kind::once) return reading.earlier;
    const bool fold = reading.kind == WallReading::Kind::fold;
    throw misfit(fold ? "happened twice, as the clocks there were put back"
                      : "never happened, as the clocks there were put forward",
                 fmt::format("say which you mean: {} or {}", base::to_rfc3339(reading.earlier),
                             base::to_rfc3339(reading.later)));
  }

  int number(size_t digits) {
    int value = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (rest_.empty() || !is_digit(rest_.front())) throw misfit("is not a moment", how_to_write);
      value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return value;
  }

  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!take(c)) throw misfit("is not a moment", how_to_write);
  }

  static std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
  }

  base::Error misfit(std::string_view what, std::string_view hint) const {
    return base::Error(ErrorKind::invalid, fmt::format("{} {}", shown(text_), what),
                       std::string(hint));
  }

  std::string_view text_;
  std::string_view rest_;
};

}  // namespace

Instant parse_moment(std::string_view text) { return MomentReader(text).read(); }

std::string describe_moment(Instant instant, const Zone& zone) {
  const std::chrono::seconds offset = zone.offset_at(instant);
  std::string wall = base::to_rfc3339(Instant{zone.local(instant).time_since_epoch()});
  wall.pop_back();  // the Z, which is not true of a wall clock
  wall[10] = ' ';
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(
      offset < std::chrono::seconds{0} ? -offset : offset);
  return fmt::format("{}{}{:02}:{:02} {} ({})", wall, offset < std::chrono::seconds{0} ? '-' : '+',
                     minutes.count() / 60, minutes.count() % 60, zone.name(),
                     base::to_rfc3339(instant));
}

}  // namespace policy
