#include "base/rate_limit.h"

#include <algorithm>

#include "base/error.h"
#include "base/task_group.h"

namespace base {

RateLimit::RateLimit(uint64_t bytes_per_second)
    : bytes_per_second_(static_cast<double>(bytes_per_second)), paid_until_(0) {
  CHECK(bytes_per_second > 0);
}

Duration RateLimit::reserve(uint64_t bytes, Duration now) {
  const std::chrono::duration<double> price(static_cast<double>(bytes) / bytes_per_second_);
  const std::lock_guard lock(mutex_);
  const Duration begin = std::max(paid_until_, now);
  paid_until_ = begin + std::chrono::ceil<Duration>(price);
  return begin - now;
}

void RateLimit::take(uint64_t bytes, const std::stop_token& stop) {
  const Duration wait = reserve(bytes, clock_.elapsed());
  if (wait > Duration::zero()) sleep_for(wait, stop);
  throw_if_stopped(stop);
}

}  // namespace base
