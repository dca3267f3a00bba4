#include "schedule/run_queue.h"

#include <gtest/gtest.h>

#include "policy/testing.h"

namespace schedule {
namespace {

using base::Instant;
using policy::DueRun;
using policy::TieredLayer;
using policy::utc;
using std::chrono::minutes;
using std::chrono::seconds;

const Instant three = utc("2028-02-29T03:00:00Z");

DueRun snapshots(Instant slot = three, int attempt = 1, const char* tier = "nightly") {
  return {.layer = TieredLayer::snapshots, .slot = slot, .tickets = {{tier, attempt}}};
}

DueRun dumps(Instant slot = three, const char* tier = "nightly") {
  return {.layer = TieredLayer::dumps, .slot = slot, .tickets = {{tier, 1}}};
}

Offer due(std::vector<DueRun> runs) {
  return {.due = std::move(runs), .running = {}, .failed = {}};
}

class RunQueueTest : public testing::Test {
 protected:
  Gate gate_{2};
  RunQueue queue_{gate_, minutes(5)};

  // A look that takes no time.
  void look(Offer offer) { queue_.offer(queue_.begin_look(), std::move(offer)); }
  size_t choose(Instant now) { return queue_.choose(now).size(); }
};

TEST_F(RunQueueTest, starts_what_is_due_once) {
  look(due({snapshots()}));
  EXPECT_EQ(choose(three), 1u);
  EXPECT_EQ(choose(three), 0u);
  look(due({snapshots()}));
  EXPECT_EQ(choose(three), 0u);
  EXPECT_EQ(queue_.under_way(), 1u);
}

TEST_F(RunQueueTest, does_not_start_again_from_a_look_that_began_before_the_end) {
  look(due({snapshots()}));
  ASSERT_EQ(choose(three), 1u);
  const RunQueue::Look before = queue_.begin_look();
  queue_.ended(snapshots(), RunEnd::cancelled, three);
  queue_.offer(before, due({snapshots(three, 2)}));
  EXPECT_EQ(choose(three + minutes(30)), 0u);
  look(due({snapshots(three, 2)}));
  EXPECT_EQ(choose(three), 1u);
}

TEST_F(RunQueueTest, drops_a_look_that_is_older_than_the_last) {
  const RunQueue::Look old = queue_.begin_look();
  look(due({}));
  queue_.offer(old, due({snapshots()}));
  EXPECT_EQ(choose(three), 0u);
}

TEST_F(RunQueueTest, waits_twice_as_long_behind_each_failure_and_looks_when_that_is_over) {
  Instant now = three;
  for (const int pause : {5, 10, 20, 40, 60, 60}) {
    look(due({snapshots()}));
    ASSERT_EQ(choose(now), 1u) << pause;
    queue_.ended(snapshots(), RunEnd::over, now);
    look(due({snapshots()}));
    EXPECT_EQ(choose(now + minutes(pause) - seconds(1)), 0u) << pause;
    EXPECT_LE(queue_.next_look(now + minutes(pause) - seconds(1)), now + minutes(pause));
    now += minutes(pause);
  }
}

TEST_F(RunQueueTest, does_not_wait_behind_what_it_was_told_to_stop) {
  look(due({snapshots()}));
  ASSERT_EQ(choose(three), 1u);
  queue_.ended(snapshots(), RunEnd::cancelled, three);
  look(due({snapshots(three, 2)}));
  EXPECT_EQ(choose(three), 1u);
}

TEST_F(RunQueueTest, waits_behind_a_failure_that_only_the_store_tells_of) {
  Offer offer = due({snapshots(three, 3)});
  offer.failed[{TieredLayer::snapshots, "nightly"}] = {
      .slot = three, .attempt = 2, .ended = three + minutes(4)};
  look(offer);
  EXPECT_EQ(choose(three + minutes(13)), 0u);
  EXPECT_EQ(choose(three + minutes(14)), 1u);
}

TEST_F(RunQueueTest, does_not_wait_behind_a_failure_of_another_slot_or_of_days_to_come) {
  Offer offer = due({snapshots()});
  offer.failed[{TieredLayer::snapshots, "nightly"}] = {
      .slot = three - minutes(1440), .attempt = 9, .ended = three};
  look(offer);
  EXPECT_EQ(choose(three), 1u);
  queue_.ended(snapshots(), RunEnd::cancelled, three);
  // The record is of a clock that was ahead by a day.
  offer.failed[{TieredLayer::snapshots, "nightly"}] = {
      .slot = three, .attempt = 1, .ended = three + minutes(1440)};
  look(offer);
  EXPECT_LE(queue_.next_look(three), three + minutes(5));
}

TEST_F(RunQueueTest, what_settled_begins_with_a_short_pause_again) {
  for (int i = 0; i < 3; ++i) {
    look(due({snapshots()}));
    ASSERT_EQ(choose(three + minutes(200 * i)), 1u);
    queue_.ended(snapshots(), RunEnd::over, three + minutes(200 * i));
  }
  look(due({}));             // done
  look(due({snapshots()}));  // and damaged, some time later
  EXPECT_EQ(choose(three + minutes(401)), 1u);
}

TEST_F(RunQueueTest, runs_the_slots_of_one_tier_one_after_the_other) {
  look(due({snapshots(three)}));
  ASSERT_EQ(choose(three), 1u);
  look(due({snapshots(three + minutes(15))}));
  EXPECT_EQ(choose(three + minutes(15)), 0u);
  queue_.ended(snapshots(three), RunEnd::over, three + minutes(16));
  look(due({snapshots(three + minutes(15))}));
  EXPECT_EQ(choose(three + minutes(16)), 1u);
}

TEST_F(RunQueueTest, looks_at_the_next_slot_now_and_then_and_soon_while_others_work) {
  Offer offer;
  offer.next_slot = three;
  look(offer);
  EXPECT_EQ(queue_.next_look(three - minutes(3)), three);
  EXPECT_EQ(queue_.next_look(three - minutes(60)), three - minutes(50));
  offer.running = {{TieredLayer::dumps, three - minutes(100)}};
  look(offer);
  EXPECT_EQ(queue_.next_look(three - minutes(60)), three - minutes(59));
}

TEST_F(RunQueueTest, its_own_runs_are_no_reason_to_look) {
  look(due({snapshots()}));
  ASSERT_EQ(choose(three), 1u);
  Offer offer;
  offer.running = {{TieredLayer::snapshots, three}};
  look(offer);
  EXPECT_EQ(queue_.next_look(three), three + minutes(10));
}

TEST(Gate, leaves_dumps_a_place_of_their_own) {
  for (int at_once = 1; at_once <= 9; ++at_once) {
    Gate gate(at_once);
    while (gate.has_room(TieredLayer::snapshots)) gate.enter(TieredLayer::snapshots);
    EXPECT_TRUE(gate.has_room(TieredLayer::dumps)) << at_once;
    while (gate.has_room(TieredLayer::dumps)) gate.enter(TieredLayer::dumps);
    EXPECT_EQ(gate.inside(), std::max(at_once, 2)) << at_once;
  }
}

TEST(Gate, gives_dumps_what_snapshots_do_not_use_and_takes_it_back) {
  Gate gate(4);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(gate.has_room(TieredLayer::dumps));
    gate.enter(TieredLayer::dumps);
  }
  EXPECT_FALSE(gate.has_room(TieredLayer::snapshots));
  gate.leave(TieredLayer::dumps);
  EXPECT_TRUE(gate.has_room(TieredLayer::snapshots));
  gate.set_at_once(2);
  EXPECT_FALSE(gate.has_room(TieredLayer::snapshots));
}

TEST_F(RunQueueTest, a_run_that_found_no_room_starts_when_there_is) {
  look(due({snapshots(three, 1, "nightly"), snapshots(three + minutes(1), 1, "hourly"), dumps()}));
  const std::vector<DueRun> first = queue_.choose(three + minutes(1));
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[1].layer, TieredLayer::dumps);
  EXPECT_TRUE(queue_.waits_for_room(three + minutes(1)));
  EXPECT_EQ(queue_.next_look(three + minutes(1)), three + minutes(2));
  queue_.ended(first[0], RunEnd::over, three + minutes(1));
  look(due({snapshots(three + minutes(1), 1, "hourly")}));
  EXPECT_EQ(choose(three + minutes(1)), 1u);
}

}  // namespace
}  // namespace schedule
