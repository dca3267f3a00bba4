#include "net/retry.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/task_group.h"

namespace net {

namespace {

base::Duration anything_up_to(base::Duration most) {
  uint64_t dice = 0;
  base::fill_random(std::as_writable_bytes(std::span(&dice, 1)));
  return base::Duration(dice % static_cast<uint64_t>(most.count() + 1));
}

}  // namespace

bool Retry::wait(std::stop_token stop) {
  if (attempts_ >= limits_.attempts_max) return false;
  pause_ = pause_.count() == 0 ? limits_.first_pause : std::min(2 * pause_, limits_.longest_pause);
  const base::Duration pause = anything_up_to(pause_);
  if (watch_.elapsed() + pause >= limits_.deadline) return false;
  if (!base::sleep_for(pause, stop)) throw base::Error(base::ErrorKind::cancelled, "stopped");
  ++attempts_;
  return true;
}

void Retry::reset() {
  watch_ = base::Stopwatch();
  attempts_ = 1;
  pause_ = base::Duration(0);
}

}  // namespace net
