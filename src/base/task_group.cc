#include "base/task_group.h"

#include <pthread.h>

#include <atomic>
#include <condition_variable>

#include "base/error.h"

namespace base {

TaskGroup::TaskGroup(std::stop_token outer)
    : outer_(outer, [this] { stop_.request_stop(); }), outer_token_(std::move(outer)) {}

TaskGroup::~TaskGroup() {
  stop_.request_stop();
  for (std::jthread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void TaskGroup::spawn(std::string name, unsigned count, std::function<void(std::stop_token)> work,
                      std::function<void()> when_all_done) {
  // Shared by the threads of this stage, which end one by one.
  auto left = std::make_shared<std::atomic<unsigned>>(count);
  for (unsigned i = 0; i < count; ++i) {
    threads_.emplace_back([this, name, work, when_all_done, left] {
      pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
      try {
        work(stop_.get_token());
        if (left->fetch_sub(1) == 1 && when_all_done) when_all_done();
      } catch (...) {
        fail(std::current_exception());
      }
    });
  }
}

void TaskGroup::fail(std::exception_ptr failure) {
  {
    const std::lock_guard lock(mutex_);
    if (!first_failure_) first_failure_ = failure;
  }
  stop_.request_stop();
}

void TaskGroup::join() {
  for (std::jthread& thread : threads_) thread.join();
  threads_.clear();
  const std::lock_guard lock(mutex_);
  if (outer_token_.stop_requested()) throw Error(ErrorKind::cancelled, "stopped");
  if (first_failure_) std::rethrow_exception(std::exchange(first_failure_, nullptr));
}

void throw_if_stopped(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "stopped");
}

bool sleep_for(std::chrono::microseconds duration, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace base
