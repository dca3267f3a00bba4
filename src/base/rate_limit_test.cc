#include "base/rate_limit.h"

#include <thread>
#include <vector>

#include "testing/dice.h"
#include "testing/errors.h"

namespace base {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RateLimit, lets_the_first_go_and_the_next_pay_for_it) {
  RateLimit limit(1000);
  EXPECT_EQ(limit.reserve(500, seconds(10)), Duration::zero());
  EXPECT_EQ(limit.reserve(100, seconds(10)), milliseconds(500));
  EXPECT_EQ(limit.reserve(0, seconds(10)), milliseconds(600));
  EXPECT_EQ(limit.reserve(5000, milliseconds(10'600)), Duration::zero());
  EXPECT_EQ(limit.reserve(1, seconds(12)), milliseconds(3600));
}

TEST(RateLimit, does_not_save_up_what_nobody_used) {
  RateLimit limit(1000);
  limit.reserve(1, seconds(0));
  EXPECT_EQ(limit.reserve(1000, seconds(3600)), Duration::zero());
  EXPECT_EQ(limit.reserve(1000, seconds(3600)), seconds(1));
}

TEST(RateLimit, keeps_the_rate_whatever_the_sizes_and_pauses) {
  testing::Dice dice;
  RateLimit limit(10 * MiB);
  Duration now{};
  uint64_t before_last = 0;
  uint64_t sum = 0;
  for (int i = 0; i < 2000; ++i) {
    before_last = sum;
    const uint64_t bytes = dice.below(3 * MiB);
    sum += bytes;
    now += limit.reserve(bytes, now);
    if (dice.below(4) == 0) now += milliseconds(dice.below(300));
    EXPECT_LE(static_cast<double>(before_last),
              10.0 * MiB * std::chrono::duration<double>(now).count() + 1);
  }
}

TEST(RateLimit, makes_threads_wait_together_and_ends_with_a_stop) {
  RateLimit limit(MiB);
  const Stopwatch watch;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 4; ++j) limit.take(MiB / 32, {});
    });
  }
  threads.clear();
  EXPECT_GE(watch.elapsed(), milliseconds(450));  // 15 of 16 are paid for
  limit.take(1000 * MiB, {});
  std::stop_source stop;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(milliseconds(50));
    stop.request_stop();
  });
  EXPECT_ERROR(cancelled, limit.take(1, stop.get_token()));
  EXPECT_LT(watch.elapsed(), seconds(60));
}

}  // namespace
}  // namespace base
