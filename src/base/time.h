// Instants in UTC and how they are written. Time zones are the policy room's business.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace base {

using Duration = std::chrono::microseconds;
using Instant = std::chrono::sys_time<Duration>;  // a moment in UTC, to the microsecond

// The source of "now", passed in so that tests can hold it. Safe to share between threads.
struct Clock {
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
};

// The system's clock.
const Clock& system_clock();

// "2026-11-22T14:03:07Z", with ".123456" when there is a fraction.
std::string to_rfc3339(Instant instant);
// The same, or with an offset ("+08:00"). Throws invalid; a missing offset is invalid too.
Instant from_rfc3339(std::string_view text);

// "20261122T140307Z": whole seconds, fit for object keys, sorting as time does.
std::string to_compact(Instant instant);
// Throws invalid.
Instant from_compact(std::string_view text);

// "3 h 12 min", "41 s", "820 ms": for people only.
std::string human_duration(Duration duration);

// Seconds since 1970 as a number, for metrics and JSON.
double to_unix_seconds(Instant instant);

// A stop-watch on the steady clock.
class Stopwatch {
 public:
  Stopwatch() : start_(std::chrono::steady_clock::now()) {}
  Duration elapsed() const {
    return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - start_);
  }
  double seconds() const { return std::chrono::duration<double>(elapsed()).count(); }

 private:
  std::chrono::steady_clock::time_point start_;
};

}  // namespace base
