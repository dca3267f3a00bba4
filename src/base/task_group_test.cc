#include "base/task_group.h"

#include <atomic>

#include "base/bounded_queue.h"
#include "testing/errors.h"

namespace base {
namespace {

using namespace std::chrono_literals;

TEST(TaskGroup, runs_the_end_of_a_stage_once_after_all_its_threads) {
  std::atomic<int> worked{0};
  std::atomic<int> ended{0};
  TaskGroup tasks({});
  tasks.spawn(
      "work", 4, [&](std::stop_token) { ++worked; },
      [&] {
        EXPECT_EQ(worked, 4);
        ++ended;
      });
  tasks.join();
  EXPECT_EQ(ended, 1);
}

TEST(TaskGroup, tells_the_first_failure_and_stops_the_others) {
  TaskGroup tasks({});
  std::atomic<bool> ended{false};
  for (int i = 0; i < 3; ++i) {
    tasks.spawn(
        "wait", 1,
        [&](std::stop_token stop) {
          while (sleep_for(1h, stop)) {
          }
          throw_if_stopped(stop);  // later than the failure that stopped it
        },
        [&] { ended = true; });
  }
  tasks.spawn("fail", 1, [](std::stop_token) { throw Error(ErrorKind::full, "the disk is full"); });
  const Error failure = testing::error_of([&] { tasks.join(); });
  EXPECT_EQ(failure.kind(), ErrorKind::full);
  EXPECT_EQ(failure.message(), "the disk is full");
  EXPECT_FALSE(ended) << "only success ends a stage";
}

TEST(TaskGroup, does_not_end_a_stage_of_which_one_thread_failed) {
  std::atomic<int> number{0};
  std::atomic<bool> ended{false};
  TaskGroup tasks({});
  tasks.spawn(
      "half", 2,
      [&](std::stop_token) {
        if (number++ == 0) throw Error(ErrorKind::corrupt, "half of it");
      },
      [&] { ended = true; });
  EXPECT_ERROR(corrupt, tasks.join());
  EXPECT_FALSE(ended);
}

TEST(TaskGroup, passes_on_a_stop_from_outside_and_tells_it_at_join) {
  std::stop_source outer;
  TaskGroup tasks(outer.get_token());
  tasks.spawn("wait", 2, [](std::stop_token stop) {
    while (sleep_for(1h, stop)) {
    }
  });
  outer.request_stop();
  EXPECT_ERROR(cancelled, tasks.join());
}

TEST(TaskGroup, starts_stopped_where_the_outside_is) {
  std::stop_source outer;
  outer.request_stop();
  TaskGroup tasks(outer.get_token());
  EXPECT_TRUE(tasks.stop_token().stop_requested());
}

TEST(TaskGroup, stops_and_waits_when_it_is_dropped) {
  std::atomic<int> left{0};
  {
    TaskGroup tasks({});
    tasks.spawn("wait", 3, [&](std::stop_token stop) {
      while (sleep_for(1h, stop)) {
      }
      ++left;
    });
  }
  EXPECT_EQ(left, 3);
}

TEST(TaskGroup, keeps_a_failure_that_is_no_error_of_ours) {
  TaskGroup tasks({});
  tasks.spawn("throw", 1, [](std::stop_token) { throw std::out_of_range("strange"); });
  EXPECT_THROW(tasks.join(), std::out_of_range);
}

// A pipeline as STYLE.md draws it: a failure in the middle ends all stages, and nothing is closed.
TEST(TaskGroup, ends_a_pipeline_whose_middle_fails) {
  BoundedQueue<int> plain(10);
  BoundedQueue<int> sealed(10);
  std::atomic<bool> committed{false};
  const Error failure = testing::error_of([&] {
    TaskGroup tasks({});
    tasks.spawn(
        "read", 1,
        [&](std::stop_token stop) {
          for (int i = 0;; ++i) plain.push(i, 1, stop);
        },
        [&] { plain.close(); });
    tasks.spawn(
        "seal", 2,
        [&](std::stop_token stop) {
          while (const std::optional<int> item = plain.pop(stop)) {
            if (*item == 500) throw Error(ErrorKind::corrupt, "item 500");
            sealed.push(*item, 1, stop);
          }
        },
        [&] { sealed.close(); });
    tasks.spawn("put", 1, [&](std::stop_token stop) {
      while (sealed.pop(stop)) {
      }
    });
    tasks.join();
    committed = true;
  });
  EXPECT_EQ(failure.message(), "item 500");
  EXPECT_FALSE(committed);
}

TEST(SleepFor, says_whether_it_slept_to_the_end) {
  EXPECT_TRUE(sleep_for(1us, {}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(sleep_for(1h, stop.get_token()));
}

}  // namespace
}  // namespace base
