#include "schedule/rounds.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/task_group.h"
#include "policy/testing.h"

namespace schedule {
namespace {

using base::Duration;
using base::Instant;
using policy::utc;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const Instant noon = utc("2028-02-29T12:00:00Z");

// Turns until nothing works any more; the clock stands.
void settle(Rounds& rounds, Instant now) {
  for (int i = 0; i < 5000 && !rounds.idle(now); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_TRUE(rounds.idle(now));
}

Round counting(std::variant<Duration, policy::Cadence> when, std::atomic<int>& count) {
  return {.name = "count", .when = when, .work = [&count](Instant, std::stop_token) { ++count; }};
}

TEST(Rounds, begins_at_once_and_then_each_interval) {
  std::atomic<int> count = 0;
  Rounds rounds({counting(minutes(1), count)}, {});
  for (int second = 0; second <= 180; ++second) {
    rounds.turn(noon + seconds(second));
    settle(rounds, noon + seconds(second));
  }
  EXPECT_EQ(count, 4);
  EXPECT_EQ(rounds.states()[0].turns, 4u);
  EXPECT_EQ(rounds.states()[0].went_well, noon + minutes(3));
}

TEST(Rounds, goes_on_when_the_clock_is_put_back) {
  std::atomic<int> count = 0;
  Rounds rounds({counting(minutes(1), count)}, {});
  for (const Instant now : {noon, noon - hours(5), noon - hours(5) + minutes(1)}) {
    rounds.turn(now);
    settle(rounds, now);
  }
  EXPECT_EQ(count, 3);
}

TEST(Rounds, is_given_its_slot_by_the_clock_on_the_wall_once) {
  std::vector<Instant> slots;
  Round round{.name = "drill",
              .when = policy::parse_cadence("Sun 06:00"),
              .work = [&](Instant slot, std::stop_token) { slots.push_back(slot); }};
  Rounds rounds({round}, policy::Zone::named("Asia/Singapore"));
  for (Instant now = noon; now < noon + hours(24 * 15); now += minutes(20)) {
    rounds.turn(now);
    settle(rounds, now);
  }
  EXPECT_EQ(slots, (std::vector{utc("2028-03-04T22:00:00Z"), utc("2028-03-11T22:00:00Z")}));
}

TEST(Rounds, takes_up_a_slot_of_before_the_start_only_if_it_may) {
  std::atomic<int> strict = 0;
  std::atomic<int> catching_up = 0;
  Round late = counting(policy::parse_cadence("11:00"), catching_up);
  late.catch_up = hours(2);
  Rounds rounds({counting(policy::parse_cadence("11:00"), strict), late}, {});
  rounds.turn(noon);
  settle(rounds, noon);
  EXPECT_EQ(strict, 0);
  EXPECT_EQ(catching_up, 1);
}

TEST(Rounds, one_that_fails_is_told_and_the_others_go_on) {
  std::atomic<int> count = 0;
  std::atomic<bool> fails = true;
  Round bad{.name = "bad", .when = hours(1), .work = [&](Instant, std::stop_token) {
              if (fails) throw base::Error(base::ErrorKind::denied, "no entry");
            }};
  bad.retry_after = minutes(5);
  Rounds rounds({bad, counting(minutes(1), count)}, {});
  Instant now = noon;
  for (; now < noon + minutes(12); now += minutes(1)) {
    rounds.turn(now);
    settle(rounds, now);
  }
  RoundState state = rounds.states()[0];
  EXPECT_EQ(state.turns, 3u);  // again behind 5 and 10 minutes
  EXPECT_EQ(state.failures, 3u);
  EXPECT_EQ(state.error, "no entry");
  EXPECT_EQ(state.failing_since, noon);
  EXPECT_FALSE(state.went_well);
  EXPECT_EQ(count, 12);
  fails = false;
  for (; now < noon + minutes(20); now += minutes(1)) {
    rounds.turn(now);
    settle(rounds, now);
  }
  state = rounds.states()[0];
  EXPECT_EQ(state.error, "");
  EXPECT_FALSE(state.failing_since);
  EXPECT_EQ(state.went_well, noon + minutes(15));
}

TEST(Rounds, what_is_no_error_of_ours_is_told_as_well) {
  Round bad{.name = "bad", .when = hours(1), .work = [](Instant, std::stop_token) {
              throw std::runtime_error("out of something");
            }};
  Rounds rounds({bad}, {});
  rounds.turn(noon);
  settle(rounds, noon);
  EXPECT_EQ(rounds.states()[0].error, "out of something");
}

TEST(Rounds, one_that_hangs_is_told_is_not_begun_again_and_holds_up_nobody) {
  std::atomic<int> count = 0;
  Round hanging{.name = "stuck", .when = minutes(1), .work = [](Instant, std::stop_token stop) {
                  base::sleep_for(hours(1), stop);
                }};
  Rounds rounds({hanging, counting(minutes(1), count)}, {});
  for (int minute = 0; minute <= 12; ++minute) {
    rounds.turn(noon + minutes(minute));
    for (int i = 0; i < 5000 && rounds.states()[1].working; ++i) {
      rounds.idle(noon + minutes(minute));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  const std::vector<RoundState> states = rounds.states();
  EXPECT_TRUE(states[0].hangs);
  EXPECT_EQ(states[0].turns, 1u);
  EXPECT_EQ(count, 13);
  EXPECT_FALSE(rounds.idle(noon));
  rounds.stop();
  settle(rounds, noon + minutes(13));
  rounds.turn(noon + hours(2));
  EXPECT_EQ(count, 13);  // nothing begins any more
}

TEST(Rounds, what_goes_on_until_it_is_stopped_never_hangs) {
  Round lasting{.name = "receiver",
                .when = seconds(30),
                .work = [](Instant, std::stop_token stop) { base::sleep_for(hours(1), stop); },
                .hangs_after = Duration::max()};
  Rounds rounds({lasting}, {});
  rounds.turn(noon);
  rounds.turn(noon + hours(24 * 365));
  EXPECT_FALSE(rounds.states()[0].hangs);
  EXPECT_TRUE(rounds.states()[0].working);
}

}  // namespace
}  // namespace schedule
