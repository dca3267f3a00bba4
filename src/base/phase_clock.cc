#include "base/phase_clock.h"

#include <algorithm>
#include <cmath>

namespace base {

namespace {

constexpr size_t phases_max = 32;
using Times = std::vector<std::pair<const char*, double>>;

void add(Times& times, const char* phase, double seconds) {
  const auto same = [&](const auto& one) { return std::string_view(one.first) == phase; };
  const auto at = std::ranges::find_if(times, same);
  if (at != times.end()) {
    at->second += seconds;
  } else if (times.size() < phases_max) {
    times.emplace_back(phase, seconds);
  }
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

PhaseClock& PhaseClock::operator=(const char* phase) {
  const std::lock_guard lock(mutex_);
  const char* before = now_.exchange(phase);
  if (std::string_view(before) == phase) return *this;
  add(ended_, before, seconds(since_.elapsed()));
  since_ = Stopwatch();
  return *this;
}

Json PhaseClock::to_json() const {
  Times times;
  {
    const std::lock_guard lock(mutex_);
    times = ended_;
    add(times, now_, seconds(since_.elapsed()));
  }
  Json phases = Json::array();
  for (const auto& [phase, took] : times)
    phases.push_back({{"phase", phase}, {"seconds", std::round(took * 1000) / 1000}});
  return phases;
}

}  // namespace base
