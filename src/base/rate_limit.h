// So many bytes in a second, over time: who goes ahead of it waits. Safe to share between threads,
// whose bytes count together.
//
// What is asked for goes at once when all before it is paid for, however large it is, and is paid
// for by who comes next. So a rate is kept over any stretch longer than one request, and the time
// that nobody used is not saved up.
#pragma once

#include <mutex>
#include <stop_token>

#include "base/time.h"

namespace base {

class RateLimit {
 public:
  explicit RateLimit(uint64_t bytes_per_second);

  // Waits until these bytes may go. Throws cancelled.
  void take(uint64_t bytes, const std::stop_token& stop);
  // How long to wait for them at `now`, on any clock that only goes forward; they count from then
  // on.
  Duration reserve(uint64_t bytes, Duration now);

 private:
  const double bytes_per_second_;
  const Stopwatch clock_;
  std::mutex mutex_;     // guards what follows
  Duration paid_until_;  // when all that was asked for is paid for
};

}  // namespace base
