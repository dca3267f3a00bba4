#include "policy/zone.h"

#include <date/tz.h>

#include <algorithm>
#include <array>
#include <fstream>
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

// Whether the system has rules for the name. They are not read: what is there begins as such a file
// does.
bool is_known(std::string_view name) {
  if (name.find('.') != std::string_view::npos) return false;  // it is a path as well
  std::array<char, 4> magic{};
  std::ifstream file(fmt::format("/usr/share/zoneinfo/{}", name), std::ios::binary);
  return file.read(magic.data(), magic.size()) && std::string_view(magic.data(), 4) == "TZif";
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

Zone::Zone() : name_("UTC") {}

const date::time_zone& Zone::rules() const {
  const std::vector<date::time_zone>& zones = system_zones().zones;  // in order of names
  const auto at = std::ranges::lower_bound(zones, name_, {}, &date::time_zone::name);
  try {
    if (at == zones.end() || at->name() != name_) throw std::runtime_error("there are none");
    (void)at->get_info(date::sys_seconds{});  // reads its file, the first time
    return *at;
  } catch (const std::exception& failure) {
    throw base::Error(ErrorKind::unavailable,
                      fmt::format("the rules of {} cannot be read: {}", name_, failure.what()),
                      "install the package tzdata");
  }
}

std::optional<Zone> Zone::find(std::string_view name) {
  if (!is_iana_name(name) || is_abbreviation(name) || !is_known(name)) return std::nullopt;
  return Zone(name);
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

std::chrono::seconds Zone::offset_at(Instant instant) const {
  return rules().get_info(instant).offset;
}

LocalTime Zone::local(Instant instant) const {
  return LocalTime{instant.time_since_epoch() + offset_at(instant)};
}

WallReading Zone::read(LocalTime wall) const {
  const Instant as_if_utc{wall.time_since_epoch()};
  const date::local_info info =
      rules().get_info(date::local_time<Duration>{wall.time_since_epoch()});
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
