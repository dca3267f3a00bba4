// In which phase a piece of work is, and how long each took. Told by who does it, read by others:
// safe to share between threads.
#pragma once

#include <atomic>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace base {

class PhaseClock {
 public:
  // Names are literals: they are not copied.
  PhaseClock(const char* first) : now_(first) {}  // NOLINT(google-explicit-constructor): as a value

  // Begins this phase; the one that is begun already goes on.
  PhaseClock& operator=(const char* phase);
  const char* load() const { return now_; }
  // "[{phase, seconds}]", in the order in which they began, the present one up to now. A phase that
  // came again has all its time in its first place. At most 32.
  Json to_json() const;

 private:
  std::atomic<const char*> now_;
  mutable std::mutex mutex_;  // guards what follows
  Stopwatch since_;           // the present one began
  std::vector<std::pair<const char*, double>> ended_;
};

}  // namespace base
