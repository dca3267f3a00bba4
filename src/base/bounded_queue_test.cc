#include "base/bounded_queue.h"

#include <atomic>
#include <thread>

#include "testing/errors.h"

namespace base {
namespace {

TEST(BoundedQueue, gives_items_in_the_order_they_came_and_ends_when_closed) {
  BoundedQueue<int> queue(100);
  for (int i = 0; i < 3; ++i) queue.push(i, 10, {});
  queue.close();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(queue.pop({}), i);
  EXPECT_EQ(queue.pop({}), std::nullopt);
  EXPECT_EQ(queue.pop({}), std::nullopt);
}

TEST(BoundedQueue, lets_one_item_pass_that_is_larger_than_the_bound) {
  BoundedQueue<int> queue(10);
  queue.push(1, 1000, {});
  EXPECT_EQ(queue.pop({}), 1);
  queue.push(2, 1000, {});
  EXPECT_EQ(queue.pop({}), 2);
}

TEST(BoundedQueue, loses_nothing_between_many_threads) {
  constexpr int items = 20'000;
  BoundedQueue<int> queue(50);
  std::atomic<int64_t> sum{0};
  std::atomic<int> next{0};
  std::atomic<int> writers{2};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        for (int item = next++; item < items; item = next++) {
          queue.push(item, static_cast<size_t>(1 + item % 7), {});
        }
        if (--writers == 0) queue.close();
      });
    }
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        while (const std::optional<int> item = queue.pop({})) sum += *item;
      });
    }
  }
  EXPECT_EQ(sum, int64_t{items} * (items - 1) / 2);
}

TEST(BoundedQueue, waits_for_room) {
  BoundedQueue<int> queue(10);
  queue.push(1, 10, {});
  std::atomic<bool> pushed{false};
  std::jthread writer([&] {
    queue.push(2, 1, {});
    pushed = true;
  });
  for (int i = 0; i < 100; ++i) {
    std::this_thread::yield();
    ASSERT_FALSE(pushed);
  }
  EXPECT_EQ(queue.pop({}), 1);
  writer.join();
  EXPECT_TRUE(pushed);
}

TEST(BoundedQueue, throws_the_stop_from_push_and_pop) {
  BoundedQueue<int> empty(10);
  BoundedQueue<int> full(10);
  full.push(1, 10, {});
  std::stop_source stop;
  std::jthread popper([&] { EXPECT_ERROR(cancelled, empty.pop(stop.get_token())); });
  std::jthread pusher([&] { EXPECT_ERROR(cancelled, full.push(2, 1, stop.get_token())); });
  stop.request_stop();
}

TEST(BoundedQueueDeathTest, takes_nothing_more_once_it_is_closed) {
  BoundedQueue<int> queue(10);
  queue.close();
  EXPECT_DEATH(queue.push(1, 1, {}), "closed_");
}

}  // namespace
}  // namespace base
