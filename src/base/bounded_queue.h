// A queue between two stages of a pipeline, bounded in bytes. Safe to share between threads.
//
// Only success closes a queue, so pop() is empty only at the true end of the work; a stop is thrown
// (Error, cancelled) from push and pop alike.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>

#include "base/error.h"

namespace base {

template <typename Item>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Waits for room, then adds the item, which counts as `bytes`. One item larger than the bound
  // passes alone.
  void push(Item item, size_t bytes, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    CHECK(!closed_);
    if (!changed_.wait(lock, stop, [&] { return bytes_ == 0 || bytes_ + bytes <= bytes_max_; }))
      throw cancelled();
    items_.emplace_back(std::move(item), bytes);
    bytes_ += bytes;
    changed_.notify_all();
  }

  // The oldest item; nothing once the queue is closed and empty.
  std::optional<Item> pop(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [&] { return !items_.empty() || closed_; })) throw cancelled();
    if (items_.empty()) return std::nullopt;
    std::optional<Item> item(std::move(items_.front().first));
    bytes_ -= items_.front().second;
    items_.pop_front();
    changed_.notify_all();
    return item;
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  static Error cancelled() { return Error(ErrorKind::cancelled, "stopped"); }

  const size_t bytes_max_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::pair<Item, size_t>> items_;
  size_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace base
