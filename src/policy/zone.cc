#include "policy/zone.h"

#include <date/tz.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "policy/spelling.h"

namespace policy {

namespace {

using base::Duration;
using base::ErrorKind;
using base::Instant;

const date::tzdb& system_zones() {
  try {
    return date::get_tzdb();
  } catch (const std::exception& failure) {
    throw base::Error(ErrorKind::unavailable,
                      fmt::format("the system's time zones cannot be read: {}", failure.what()),
                      "install the package tzdata");
  }
}

// The folder of zones holds more than IANA's names, all in lower case: the host's own choice
// (localtime), other copies (posix/), and one that counts leap seconds (right/).
bool is_iana_name(std::string_view name) {
  return !name.empty() && name.front() >= 'A' && name.front() <= 'Z' && name != "Factory";
}

const std::vector<std::string>& zone_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const date::time_zone& zone : system_zones().zones) {
      if (is_iana_name(zone.name())) all.push_back(zone.name());
    }
    return all;
  }();
  return names;
}

// Null when there is no such zone, or its file cannot be read: the library reads it at its first
// use.
const date::time_zone* look_up(std::string_view name) {
  for (const date::time_zone& zone : system_zones().zones) {
    if (zone.name() != name) continue;
    try {
      (void)zone.get_info(date::sys_seconds{});
      return &zone;
    } catch (const std::exception&) {
      return nullptr;
    }
  }
  return nullptr;
}

// EST, CET, PRC, EST5EDT: tzdata has some of these, but each means a fixed offset or another place
// to most readers.
bool is_abbreviation(std::string_view name) {
  const bool capitals = std::ranges::all_of(name, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '+';
  });
  return capitals && name != "UTC" && name != "GMT";
}

std::string zone_hint(std::string_view name) {
  constexpr std::string_view otherwise =
      "write the IANA name of a place, such as Asia/Singapore, or UTC";
  for (const std::string& known :
       zone_names()) {  // "Singapore" and "new_york" lack only the continent
    if (name.size() > 3 && known.size() > name.size() + 1 &&
        known[known.size() - name.size() - 1] == '/' &&
        edit_distance(known.substr(known.size() - name.size()), name) <= 1) {
      return fmt::format("did you mean '{}'?", known);
    }
  }
  if (const auto meant = nearest(name, zone_names()); meant && !is_abbreviation(*meant)) {
    return fmt::format("did you mean '{}'?", *meant);
  }
  return std::string(otherwise);
}

}  // namespace

Zone::Zone() : zone_(look_up("UTC")) {
  if (zone_ == nullptr) {
    throw base::Error(ErrorKind::unavailable, "the system's time zones lack UTC",
                      "install the package tzdata");
  }
}

std::optional<Zone> Zone::find(std::string_view name) {
  if (!is_iana_name(name) || is_abbreviation(name)) return std::nullopt;
  const date::time_zone* zone = look_up(name);
  return zone == nullptr ? std::nullopt : std::optional(Zone(zone));
}

Zone Zone::named(std::string_view name) {
  if (const std::optional<Zone> zone = find(name)) return *zone;
  const bool abbreviation = !name.empty() && is_abbreviation(name);
  throw base::Error(
      ErrorKind::invalid,
      fmt::format("{} is {}", shown(name),
                  abbreviation ? "an abbreviation, not a time zone" : "not a time zone"),
      zone_hint(name));
}

const std::string& Zone::name() const { return zone_->name(); }

std::chrono::seconds Zone::offset_at(Instant instant) const {
  return zone_->get_info(instant).offset;
}

LocalTime Zone::local(Instant instant) const {
  return LocalTime{instant.time_since_epoch() + offset_at(instant)};
}

WallReading Zone::read(LocalTime wall) const {
  const Instant as_if_utc{wall.time_since_epoch()};
  const date::local_info info =
      zone_->get_info(date::local_time<Duration>{wall.time_since_epoch()});
  const Instant first = as_if_utc - info.first.offset;
  if (info.result == date::local_info::unique) {
    return {WallReading::Kind::once, first, first, first};
  }
  const Instant second = as_if_utc - info.second.offset;
  if (info.result == date::local_info::ambiguous) {
    return {WallReading::Kind::fold, first, second, first};
  }
  return {WallReading::Kind::gap, second, first, info.first.end};
}

LocalDay local_day(Instant instant, const Zone& zone) {
  return std::chrono::floor<std::chrono::days>(zone.local(instant));
}

std::string local_date(Instant instant, const Zone& zone) {
  const std::chrono::year_month_day date{local_day(instant, zone)};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

}  // namespace policy
