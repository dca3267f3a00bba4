// A written maximum for a piece of work: what blocks in it ends when it has passed.
#pragma once

#include <atomic>
#include <functional>
#include <stop_token>
#include <thread>

#include "base/time.h"

namespace drill {

class Deadline {
 public:
  // Its token is stopped after `limit`, or when `outer` is.
  Deadline(base::Duration limit, const std::stop_token& outer);

  std::stop_token token() const { return stop_.get_token(); }
  // Whether the time is over, and not somebody told us to stop.
  bool passed() const { return passed_; }

 private:
  std::stop_source stop_;
  std::atomic<bool> passed_{false};
  std::stop_callback<std::function<void()>> outer_;
  std::jthread timer_;
};

}  // namespace drill
