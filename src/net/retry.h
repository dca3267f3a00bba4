// Trying again what may succeed later: pauses that grow and are drawn at random, so that many
// clients of one service do not come back together, and a deadline.
#pragma once

#include <stop_token>

#include "base/error.h"
#include "base/time.h"

namespace net {

struct RetryLimits {
  base::Duration deadline = std::chrono::minutes(5);  // no new attempt begins after it
  base::Duration first_pause = std::chrono::milliseconds(100);
  base::Duration longest_pause = std::chrono::seconds(20);
  unsigned attempts_max = 100;
};

// The pauses of one operation. Belongs to one thread.
class Retry {
 public:
  explicit Retry(const RetryLimits& limits) : limits_(limits) {}
  // Waits before the next attempt: anything between nothing and the pause that doubles each time.
  // False when there is none left. Throws cancelled.
  bool wait(std::stop_token stop);
  unsigned attempts() const { return attempts_; }  // that were made so far, the first included
  // What came of waiting is progress: the next pauses are short again, and the deadline is new.
  void reset();

 private:
  RetryLimits limits_;  // a copy: it may come from a temporary
  base::Stopwatch watch_;
  unsigned attempts_ = 1;
  base::Duration pause_{0};
};

// Runs `work` until it does not throw unavailable, or there is no attempt left: then what it threw
// last. `work` takes the number of the attempt, 1 for the first.
template <typename Work>
auto retrying(const RetryLimits& limits, const std::stop_token& stop, Work&& work)
    -> decltype(work(1u)) {
  for (Retry retry(limits);;) {
    try {
      return work(retry.attempts());
    } catch (const base::Error& failure) {
      if (failure.kind() != base::ErrorKind::unavailable || !retry.wait(stop)) throw;
    }
  }
}

}  // namespace net
