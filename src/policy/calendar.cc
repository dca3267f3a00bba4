#include "policy/calendar.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "policy/duration.h"
#include "policy/spelling.h"

namespace policy {

namespace {

using base::Duration;
using base::ErrorKind;
using base::Instant;
using std::chrono::days;

constexpr std::string_view how_to_write =
    "write \"03:00\" for each day or \"Sun 03:00\" for each week, from 00:00 to 23:59";

const std::vector<std::string> weekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The minutes since midnight that "HH:MM" says.
std::optional<std::chrono::minutes> time_of_day(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  for (const size_t i : {0, 1, 3, 4}) {
    if (!is_digit(text[i])) return std::nullopt;
  }
  const int hour = (text[0] - '0') * 10 + (text[1] - '0');
  const int minute = (text[3] - '0') * 10 + (text[4] - '0');
  if (hour > 23 || minute > 59) return std::nullopt;
  return std::chrono::minutes{hour * 60 + minute};
}

std::string hint_for_time(std::string_view text) {
  if (text.size() == 4 && time_of_day(fmt::format("0{}", text))) {
    return fmt::format("did you mean '0{}'?", text);
  }
  if (text.size() == 8 && text.ends_with(":00") && time_of_day(text.substr(0, 5))) {
    return fmt::format("did you mean '{}'? Seconds are not given", text.substr(0, 5));
  }
  return std::string(how_to_write);
}

std::string hint_for_weekday(std::string_view word) {
  for (const std::string& known : weekdays) {
    if (word.size() >= 3 && edit_distance(known, word.substr(0, 3)) <= 1) {
      return fmt::format("did you mean '{}'?", known);
    }
  }
  return spelling_hint(word, weekdays);
}

// One slot of a daily or weekly cadence: that of the day `date`.
Instant slot_on(LocalDay date, const Cadence& cadence, const Zone& zone) {
  return zone.read(LocalTime{date.time_since_epoch()} + cadence.time_of_day).first_valid;
}

std::vector<Instant> multiples_between(Duration interval, Instant from, Instant to) {
  std::vector<Instant> slots;
  const auto below = [&](Instant instant) {
    const int64_t count = instant.time_since_epoch() / interval;
    return count - (instant.time_since_epoch() % interval < Duration::zero() ? 1 : 0);
  };
  Instant slot{below(from) * interval};
  if (slot < from) slot += interval;
  for (; slot < to; slot += interval) slots.push_back(slot);
  return slots;
}

// Around any instant so long a stretch holds a slot before and after it, whatever a zone did to its
// calendar: it may have skipped a whole day (Pacific/Apia, 2011-12-30).
Duration stretch_with_a_slot(const Cadence& cadence) {
  if (cadence.kind == Cadence::Kind::every) return 2 * cadence.interval;
  return 2 * period(cadence) + days{3};
}

}  // namespace

Cadence parse_at(std::string_view text) {
  const size_t space = text.find(' ');
  if (space == std::string_view::npos) {
    const auto time = time_of_day(text);
    if (!time) {
      throw base::Error(ErrorKind::invalid, fmt::format("{} is not a time of day", shown(text)),
                        hint_for_time(text));
    }
    return {.kind = Cadence::Kind::daily, .time_of_day = *time};
  }
  const std::string_view word = text.substr(0, space);
  const auto found = std::ranges::find(weekdays, word);
  if (found == weekdays.end()) {
    throw base::Error(ErrorKind::invalid, fmt::format("{} is not a day of the week", shown(word)),
                      hint_for_weekday(word));
  }
  const std::string_view clock = text.substr(space + 1);
  const auto time = time_of_day(clock);
  if (!time) {
    throw base::Error(ErrorKind::invalid, fmt::format("{} is not a time of day", shown(clock)),
                      hint_for_time(clock));
  }
  return {.kind = Cadence::Kind::weekly,
          .time_of_day = *time,
          .weekday = std::chrono::weekday{static_cast<unsigned>(found - weekdays.begin())}};
}

Cadence parse_every(std::string_view text) {
  const Duration interval = parse_duration(text);
  if (interval < std::chrono::minutes{1} || interval > one_day) {
    throw base::Error(ErrorKind::invalid,
                      fmt::format("{} is not an interval from 1m to 1d", shown(text)),
                      "for a longer cadence give a time of day: at: \"Sun 03:00\"");
  }
  return {.kind = Cadence::Kind::every, .interval = interval};
}

Cadence parse_cadence(std::string_view text) {
  constexpr std::string_view every = "every ";
  return text.starts_with(every) ? parse_every(text.substr(every.size())) : parse_at(text);
}

std::string print_cadence(const Cadence& cadence) {
  if (cadence.kind == Cadence::Kind::every) {
    return fmt::format("every {}", print_duration(cadence.interval));
  }
  std::string clock = fmt::format("{:02}:{:02}", cadence.time_of_day.count() / 60,
                                  cadence.time_of_day.count() % 60);
  if (cadence.kind == Cadence::Kind::daily) return clock;
  return fmt::format("{} {}", weekdays[cadence.weekday.c_encoding()], clock);
}

Duration period(const Cadence& cadence) {
  switch (cadence.kind) {
    case Cadence::Kind::daily:
      return one_day;
    case Cadence::Kind::weekly:
      return one_week;
    case Cadence::Kind::every:
      return cadence.interval;
  }
  return one_day;
}

std::vector<Instant> slots_between(const Cadence& cadence, const Zone& zone, Instant from,
                                   Instant to) {
  if (from >= to) return {};
  if (cadence.kind == Cadence::Kind::every) return multiples_between(cadence.interval, from, to);
  std::vector<Instant> slots;
  const LocalDay last = local_day(to, zone) + days{1};
  for (LocalDay at = local_day(from, zone) - days{2}; at <= last; at += days{1}) {
    if (cadence.kind == Cadence::Kind::weekly && std::chrono::weekday{at} != cadence.weekday)
      continue;
    const Instant slot = slot_on(at, cadence, zone);
    // Two days can share a slot, where a zone skipped a whole one.
    if (slot >= from && slot < to && (slots.empty() || slots.back() < slot)) slots.push_back(slot);
  }
  return slots;
}

Instant last_slot_at_or_before(const Cadence& cadence, const Zone& zone, Instant instant) {
  const auto slots =
      slots_between(cadence, zone, instant - stretch_with_a_slot(cadence), instant + Duration{1});
  CHECK(!slots.empty());
  return slots.back();
}

Instant next_slot_after(const Cadence& cadence, const Zone& zone, Instant instant) {
  const auto slots =
      slots_between(cadence, zone, instant + Duration{1}, instant + stretch_with_a_slot(cadence));
  CHECK(!slots.empty());
  return slots.front();
}

}  // namespace policy
