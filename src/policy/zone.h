// IANA time zones: from instants to what a clock on the wall says there, and back. The zones are
// the system's tzdata.
//
// A wall clock is not a function of time. When it is put forward, some readings never happen (a
// gap); when it is put back, some happen twice (a fold). WallReading tells which, so that nobody
// guesses.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace date {
class time_zone;
}

namespace policy {

using LocalTime = std::chrono::local_time<base::Duration>;
using LocalDay = std::chrono::local_days;

// What a reading of the wall clock means. In a gap, `earlier` and `later` read it with the offset
// in force after and before the gap: moments that exist, but whose wall clock says something else.
struct WallReading {
  enum class Kind { once, gap, fold };
  Kind kind{};
  base::Instant earlier;  // the moment; in a fold, the first of the two
  base::Instant later;    // the same moment, or the second of the two
  base::Instant
      first_valid;  // the first moment at or after this reading: in a gap, the end of the gap
};

// A value, cheap to copy; safe to share between threads. The system's rules are read at their first
// use: a name alone, as `wal push` meets it in a policy, costs one look at a file. Daylight saving
// is known through 2037, as far as tzdata's compiled files list it; later moments are taken in
// standard time.
class Zone {
 public:
  Zone();  // UTC
  // "Asia/Singapore", "UTC". Throws invalid, with the nearest spelling as hint. Abbreviations such
  // as EST are refused, even those that tzdata knows as zones of their own: they do not follow
  // daylight saving as their readers think.
  static Zone named(std::string_view name);
  // The same, or nothing where named() throws invalid.
  static std::optional<Zone> find(std::string_view name);

  const std::string& name() const { return name_; }
  std::chrono::seconds offset_at(base::Instant instant) const;  // east of UTC is positive
  LocalTime local(base::Instant instant) const;
  WallReading read(LocalTime wall) const;

  bool operator==(const Zone&) const = default;

 private:
  explicit Zone(std::string_view name) : name_(name) {}
  const date::time_zone& rules() const;

  std::string name_;
};

// The day on the zone's calendar: "2026-11-22", as the names of dumps carry it.
std::string local_date(base::Instant instant, const Zone& zone);
LocalDay local_day(base::Instant instant, const Zone& zone);

}  // namespace policy
