// One piece of work in a thread of its own, and how it ended. Whoever holds it asks now and then;
// nobody waits for it but its destructor.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/error.h"

namespace schedule {

class Task {
 public:
  explicit Task(std::function<void(std::stop_token)> work);
  ~Task();  // stops it and waits
  Task(Task&&) = delete;

  void request_stop() { thread_.request_stop(); }
  bool stop_requested() const { return thread_.get_stop_token().stop_requested(); }
  bool ended() const { return ended_; }
  // What it ended with: any exception is an Error here. Nothing while it runs, and when it ended
  // well.
  std::optional<base::Error> failure() const;

 private:
  std::atomic<bool> ended_{false};
  std::optional<base::Error> failure_;  // written before ended_
  std::jthread thread_;                 // last: it uses what is above
};

}  // namespace schedule
