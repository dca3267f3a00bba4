#include "base/time.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"

namespace base {

namespace {

using namespace std::chrono;

struct SystemClock final : Clock {
  Instant now() const override {
    return time_point_cast<Duration>(std::chrono::system_clock::now());
  }
};

// The number written by exactly these digits of `text`.
int digits(std::string_view text, size_t from, size_t count, std::string_view whole) {
  int value = 0;
  if (from + count > text.size()) throw error(ErrorKind::invalid, "'{}' is not a time", whole);
  for (const char c : text.substr(from, count)) {
    if (c < '0' || c > '9') throw error(ErrorKind::invalid, "'{}' is not a time", whole);
    value = value * 10 + (c - '0');
  }
  return value;
}

Instant from_parts(int year_, int month_, int day_, int hour, int minute, int second,
                   std::string_view whole) {
  const year_month_day date{year{year_}, month{static_cast<unsigned>(month_)},
                            day{static_cast<unsigned>(day_)}};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) {
    throw error(ErrorKind::invalid, "'{}' is no moment that exists", whole);
  }
  return sys_days{date} + hours{hour} + minutes{minute} + seconds{second};
}

struct Parts {
  year_month_day date{};
  hh_mm_ss<Duration> time;
};

Parts split(Instant instant) {
  const sys_days midnight = floor<days>(instant);
  return {year_month_day{midnight}, hh_mm_ss<Duration>{instant - midnight}};
}

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

std::string to_rfc3339(Instant instant) {
  const Parts p = split(instant);
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(p.date.year()),
                  static_cast<unsigned>(p.date.month()), static_cast<unsigned>(p.date.day()),
                  p.time.hours().count(), p.time.minutes().count(), p.time.seconds().count());
  if (p.time.subseconds().count() != 0) text += fmt::format(".{:06}", p.time.subseconds().count());
  return text + "Z";
}

Instant from_rfc3339(std::string_view text) {
  const auto bad = [&] {
    return Error(ErrorKind::invalid, fmt::format("'{}' is not a time", text),
                 "write it as 2026-11-22T14:03:07+08:00");
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != ' ') || text[13] != ':' || text[16] != ':') {
    throw bad();
  }
  Instant instant = from_parts(digits(text, 0, 4, text), digits(text, 5, 2, text),
                               digits(text, 8, 2, text), digits(text, 11, 2, text),
                               digits(text, 14, 2, text), digits(text, 17, 2, text), text);
  size_t at = 19;
  if (text[at] == '.') {
    int64_t fraction = 0;
    int places = 0;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      if (places == 6) continue;  // finer than we keep
      fraction = fraction * 10 + (text[at] - '0');
      ++places;
    }
    if (places == 0) throw bad();
    for (; places < 6; ++places) fraction *= 10;
    instant += Duration{fraction};
  }
  const std::string_view zone = text.substr(at);
  if (zone == "Z") return instant;
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') throw bad();
  const int hour = digits(zone, 1, 2, text);
  const int minute = digits(zone, 4, 2, text);
  if (hour > 15 || minute > 59) throw bad();
  const minutes offset{hour * 60 + minute};
  return zone[0] == '+' ? instant - offset : instant + offset;
}

std::string to_compact(Instant instant) {
  const Parts p = split(floor<seconds>(instant));
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(p.date.year()),
                     static_cast<unsigned>(p.date.month()), static_cast<unsigned>(p.date.day()),
                     p.time.hours().count(), p.time.minutes().count(), p.time.seconds().count());
}

Instant from_compact(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') {
    throw error(ErrorKind::invalid, "'{}' is not a time like 20261122T140307Z", text);
  }
  return from_parts(digits(text, 0, 4, text), digits(text, 4, 2, text), digits(text, 6, 2, text),
                    digits(text, 9, 2, text), digits(text, 11, 2, text), digits(text, 13, 2, text),
                    text);
}

std::string human_duration(Duration duration) {
  if (duration < Duration::zero()) return "-" + human_duration(-duration);
  const int64_t total = duration_cast<seconds>(duration).count();
  if (duration < seconds{1})
    return fmt::format("{} ms", duration_cast<milliseconds>(duration).count());
  if (duration < seconds{10})
    return fmt::format("{:.1f} s", std::chrono::duration<double>(duration).count());
  if (total < 120) return fmt::format("{} s", total);
  if (total < 3600) return fmt::format("{} min {} s", total / 60, total % 60);
  if (total < 172'800) return fmt::format("{} h {} min", total / 3600, total % 3600 / 60);
  return fmt::format("{} d {} h", total / 86400, total % 86400 / 3600);
}

double to_unix_seconds(Instant instant) {
  return std::chrono::duration<double>(instant.time_since_epoch()).count();
}

}  // namespace base
