// What is wrong, how bad it is, and what to do. Values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace monitor {

enum class Severity { notice, warning, critical };
std::string_view name(Severity severity);

// A difference between policy and reality.
struct Finding {
  Severity severity;
  std::string what;    // where and what is wrong
  std::string remedy;  // what to do
  // What it is about, the same at each look for as long as it lasts: "missed:snapshots-nightly".
  // Before the colon stands the kind of trouble. Findings of one key are one alert.
  std::string key;
  std::string section;                 // of the runbooks that tells more: "missed-run"
  std::optional<base::Instant> since;  // where it is known
  int times = 1;                       // in a row: of missed runs
  bool told = true;  // false: of what is past, so that nobody need be woken for it
};

}  // namespace monitor
