// Threads that do one piece of work together: the first that fails stops the rest.
#pragma once

#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace base {

class TaskGroup {
 public:
  // Stops its threads when `outer` is stopped.
  explicit TaskGroup(std::stop_token outer);
  ~TaskGroup();  // stops and waits; a failure not yet told by join() is dropped

  // Starts `count` threads that run `work`; the last of them to succeed runs `when_all_done`.
  void spawn(std::string name, unsigned count, std::function<void(std::stop_token)> work,
             std::function<void()> when_all_done = {});

  // Waits for all threads, then rethrows the first failure, or the stop as Error(cancelled):
  // what follows it may commit.
  void join();

  std::stop_token stop_token() const { return stop_.get_token(); }

 private:
  void fail(std::exception_ptr failure);

  std::stop_source stop_;
  std::stop_callback<std::function<void()>> outer_;
  std::stop_token outer_token_;
  std::mutex mutex_;
  std::exception_ptr first_failure_;
  std::vector<std::jthread> threads_;
};

// Throws Error(cancelled) when `stop` is requested.
void throw_if_stopped(const std::stop_token& stop);

// Sleeps, or returns false as soon as `stop` is requested.
bool sleep_for(std::chrono::microseconds duration, std::stop_token stop);

}  // namespace base
