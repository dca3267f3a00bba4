#include "policy/due.h"

#include "policy/duration.h"
#include "policy/testing.h"

namespace policy {
namespace {

using base::Instant;
using std::chrono::hours;
using std::chrono::minutes;

const Zone singapore = Zone::named("Asia/Singapore");

Tier tier(const char* cadence, base::Duration retain = 30 * one_day) {
  return {.name = "nightly",
          .cadence = parse_cadence(cadence),
          .retain = retain,
          .start_within = minutes{15},
          .finish_within = hours{2}};
}

Instant sgt(const char* text) { return parse_moment(fmt::format("{} Asia/Singapore", text)); }

TierHistory since(const char* adopted) {
  return {.adopted = sgt(adopted), .cadence_since = sgt(adopted), .results = {}, .claims = {}};
}

AcceptedResult result(const char* slot) { return {sgt(slot), sgt(slot) + minutes{30}}; }

TierStatus at(const char* now, const TierHistory& history, const Tier& of = tier("03:00")) {
  return judge_tier(of, singapore, history, sgt(now));
}

TEST(Due, expects_nothing_of_the_time_before_a_tier_was_adopted) {
  const TierStatus status = at("2026-11-22 12:00", since("2026-11-22 09:00"));
  EXPECT_FALSE(status.last_slot.has_value());
  EXPECT_FALSE(status.last_success.has_value());
  EXPECT_EQ(status.expected, 0);
  EXPECT_EQ(status.next_slot, sgt("2026-11-23 03:00"));
}

TEST(Due, goes_from_due_to_late_to_missed) {
  const TierHistory history = since("2026-11-21 12:00");
  const auto state = [&](const char* now) { return *at(now, history).last_slot; };
  EXPECT_EQ(state("2026-11-22 03:00").state, SlotState::due);
  EXPECT_FALSE(state("2026-11-22 03:14:59").late);
  EXPECT_TRUE(state("2026-11-22 03:15").late);
  EXPECT_EQ(state("2026-11-22 04:59:59").state, SlotState::due);
  EXPECT_EQ(state("2026-11-22 04:59:59").attempt, 1);
  EXPECT_EQ(state("2026-11-22 05:00").state, SlotState::missed);
  EXPECT_EQ(state("2026-11-22 05:00").deadline, sgt("2026-11-22 05:00"));
  EXPECT_EQ(state("2026-11-22 05:00").attempt, std::nullopt);
  EXPECT_EQ(at("2026-11-22 05:00", history).missed, std::vector{sgt("2026-11-22 03:00")});
}

TEST(Due, is_done_by_an_accepted_result_however_late_it_came) {
  TierHistory history = since("2026-11-21 12:00");
  history.results = {{sgt("2026-11-22 03:00"), sgt("2026-11-22 09:00")}};
  const TierStatus status = at("2026-11-22 10:00", history);
  EXPECT_EQ(status.last_slot->state, SlotState::done);
  EXPECT_EQ(status.last_slot->attempt, std::nullopt);
  EXPECT_EQ(status.last_success->finished, sgt("2026-11-22 09:00"));
  EXPECT_TRUE(status.missed.empty());
}

TEST(Due, counts_what_is_kept_against_what_should_be) {
  TierHistory history = since("2026-10-01 00:00");
  for (const char* slot :
       {"2026-11-18 03:00", "2026-11-20 03:00", "2026-11-21 03:00", "2026-10-02 03:00"})
    history.results.push_back(result(slot));
  const TierStatus status = at("2026-11-22 03:10", history, tier("03:00", 5 * one_day));
  EXPECT_EQ(status.missed, std::vector{sgt("2026-11-19 03:00")});
  EXPECT_EQ(status.kept, 3);
  EXPECT_EQ(status.expected, 4);
  EXPECT_EQ(status.last_slot->state, SlotState::due);
  EXPECT_EQ(status.last_success->slot, sgt("2026-11-21 03:00"));
}

TEST(Due, lets_a_live_claim_run_and_a_failed_one_be_tried_again) {
  TierHistory history = since("2026-11-21 12:00");
  history.claims = {
      {.slot = sgt("2026-11-22 03:00"), .attempt = 1, .claimed = sgt("2026-11-22 03:05")}};
  EXPECT_EQ(at("2026-11-22 03:30", history).last_slot->state, SlotState::running);
  EXPECT_FALSE(at("2026-11-22 03:30", history).last_slot->late);
  EXPECT_EQ(at("2026-11-22 03:30", history).last_slot->attempt, std::nullopt);
  history.claims[0].failed = true;
  EXPECT_EQ(at("2026-11-22 03:30", history).last_slot->state, SlotState::due);
  EXPECT_FALSE(at("2026-11-22 03:30", history).last_slot->late);
  EXPECT_EQ(at("2026-11-22 03:30", history).last_slot->attempt, 2);
}

TEST(Due, lets_a_claim_that_came_to_nothing_be_taken_over_after_the_deadline) {
  TierHistory history = since("2026-11-21 12:00");
  history.claims = {
      {.slot = sgt("2026-11-22 03:00"), .attempt = 1, .claimed = sgt("2026-11-22 03:05")}};
  const SlotStatus dead = *at("2026-11-22 05:01", history).last_slot;
  EXPECT_EQ(dead.state, SlotState::missed);
  EXPECT_EQ(dead.attempt, std::nullopt);  // the claim is live until 05:05
  EXPECT_EQ(at("2026-11-22 05:05", history).last_slot->attempt, 2);
  EXPECT_EQ(at("2026-11-23 02:59", history).last_slot->attempt, 2);
  EXPECT_EQ(at("2026-11-23 03:00", history).last_slot->attempt, 1);  // the next slot's own
}

TEST(Due, does_not_run_today_again_when_the_time_moves_on) {
  TierHistory history = since("2026-11-01 12:00");
  history.results = {result("2026-11-21 03:00"), result("2026-11-22 03:00")};
  history.cadence_since = sgt("2026-11-22 04:00");
  const TierStatus status = at("2026-11-22 05:30", history, tier("05:00"));
  EXPECT_EQ(status.last_slot->slot, sgt("2026-11-22 05:00"));
  EXPECT_EQ(status.last_slot->state, SlotState::done);
  EXPECT_EQ(at("2026-11-22 04:30", history, tier("05:00")).next_slot, sgt("2026-11-23 05:00"));
  EXPECT_EQ(at("2026-11-23 05:00", history, tier("05:00")).last_slot->state, SlotState::due);
}

TEST(Due, leaves_a_run_alone_that_an_edit_overtook) {
  TierHistory history = since("2026-11-01 12:00");
  history.claims = {
      {.slot = sgt("2026-11-22 03:00"), .attempt = 1, .claimed = sgt("2026-11-22 03:50")}};
  history.cadence_since = sgt("2026-11-22 04:00");
  EXPECT_EQ(at("2026-11-22 05:00", history, tier("05:00")).last_slot->state, SlotState::running);
  EXPECT_EQ(at("2026-11-22 05:50", history, tier("05:00")).last_slot->attempt, 1);
}

TEST(Due, does_not_drop_today_when_the_time_moves_back) {
  TierHistory history = since("2026-11-01 12:00");
  history.results = {result("2026-11-21 14:00")};
  history.cadence_since = sgt("2026-11-22 12:00");
  const TierStatus status = at("2026-11-22 12:10", history, tier("03:00"));
  EXPECT_EQ(status.last_slot->slot, sgt("2026-11-22 03:00"));
  EXPECT_EQ(status.last_slot->state, SlotState::due);
  EXPECT_EQ(status.last_slot->deadline, sgt("2026-11-22 14:00"));
  EXPECT_EQ(at("2026-11-22 14:00", history, tier("03:00")).last_slot->state, SlotState::missed);
  history.results.push_back(result("2026-11-22 03:00"));
  EXPECT_EQ(at("2026-11-22 12:50", history, tier("03:00")).last_slot->state, SlotState::done);
}

TEST(Due, does_not_blame_the_time_before_an_edit_on_the_new_cadence) {
  TierHistory history = since("2026-09-01 12:00");
  for (const char* sunday : {"2026-11-08 03:00", "2026-11-15 03:00"})
    history.results.push_back(result(sunday));
  history.cadence_since = sgt("2026-11-18 12:00");
  const TierStatus status = at("2026-11-19 12:00", history, tier("Sat 03:00", 12 * one_week));
  EXPECT_TRUE(status.missed.empty());
  EXPECT_EQ(status.kept, 2);
  EXPECT_EQ(status.expected, 2);
  EXPECT_EQ(at("2026-11-19 12:00", history, tier("every 6h")).missed.size(),
            4u);  // of the 24 hours since
}

TEST(Due, matches_intervals_of_an_edited_cadence) {
  TierHistory history = since("2026-11-22 00:00");
  history.results = {result("2026-11-22 12:20")};  // of every 10m; in SGT and UTC the same minutes
  Tier every = tier("every 15m");
  every.finish_within = every.start_within = minutes{15};
  EXPECT_EQ(at("2026-11-22 12:29", history, every).last_slot->state, SlotState::done);
  EXPECT_EQ(at("2026-11-22 12:30", history, every).last_slot->state, SlotState::due);
}

TEST(Due, does_not_take_a_result_for_two_slots_where_a_gap_crosses_midnight) {
  // In Nuuk 23:00 became 00:00 on 2026-03-28: the slot of the 28th is the first moment of the 29th.
  const Zone nuuk = Zone::named("America/Nuuk");
  const Instant first = parse_moment("2026-03-29 00:00 America/Nuuk");
  const Instant second = parse_moment("2026-03-29 23:30 America/Nuuk");
  TierHistory history{.adopted = first - hours{5},
                      .cadence_since = first - hours{5},
                      .results = {{first, first + hours{1}}},
                      .claims = {}};
  const TierStatus before = judge_tier(tier("23:30"), nuuk, history, second - minutes{1});
  EXPECT_EQ(before.last_slot->slot, first);
  EXPECT_EQ(before.last_slot->state, SlotState::done);
  EXPECT_EQ(before.next_slot, second);
  EXPECT_EQ(judge_tier(tier("23:30"), nuuk, history, second).last_slot->state, SlotState::due);
}

TEST(Due, closes_a_slot_when_the_next_is_reached) {
  Tier often = tier("03:00");
  often.finish_within = one_day;  // and in New York the night of 2026-03-08 has an hour less
  const Zone new_york = Zone::named("America/New_York");
  const Instant adopted = utc("2026-03-07T00:00:00Z");
  const TierHistory history{
      .adopted = adopted, .cadence_since = adopted, .results = {}, .claims = {}};
  const TierStatus status = judge_tier(often, new_york, history, utc("2026-03-08T07:00:00Z"));
  EXPECT_EQ(status.last_slot->slot, utc("2026-03-08T07:00:00Z"));
  EXPECT_EQ(status.missed, std::vector{utc("2026-03-07T08:00:00Z")});
}

TEST(Due, judges_every_tier_and_shares_a_run_between_snapshots) {
  Policy policy{.name = "app", .timezone = singapore};
  Tier weekly = tier("Sun 03:00", 12 * one_week);
  weekly.name = "weekly";
  policy.layers.snapshots = {tier("03:00"), weekly};
  policy.layers.dumps = {DumpTier{.tier = tier("03:00")}, DumpTier{.tier = tier("02:30")}};
  policy.layers.dumps[1].tier.name = "early";
  std::map<TierKey, TierHistory> histories;
  for (const char* name : {"nightly", "weekly", "early"}) {
    for (const TieredLayer layer : {TieredLayer::snapshots, TieredLayer::dumps}) {
      histories[{layer, name}] = since("2026-11-20 12:00");
    }
  }
  histories[{TieredLayer::snapshots, "weekly"}].claims = {{.slot = sgt("2026-11-22 03:00"),
                                                           .attempt = 1,
                                                           .claimed = sgt("2026-11-22 03:00"),
                                                           .failed = true}};
  const auto reports = judge_policy(policy, histories, sgt("2026-11-22 03:05"));  // a Sunday
  ASSERT_EQ(reports.size(), 4u);
  EXPECT_EQ(reports[1].key, (TierKey{TieredLayer::snapshots, "weekly"}));
  const auto runs = runs_due(reports);
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[0].slot, sgt("2026-11-22 02:30"));
  EXPECT_EQ(runs[1].layer, TieredLayer::snapshots);
  ASSERT_EQ(runs[1].tickets.size(), 2u);
  EXPECT_EQ(runs[1].tickets[0].tier, "nightly");
  EXPECT_EQ(runs[1].tickets[0].attempt, 1);
  EXPECT_EQ(runs[1].tickets[1].attempt, 2);
  EXPECT_EQ(runs[2].layer, TieredLayer::dumps);
  EXPECT_TRUE(runs_due(judge_policy(policy, {}, sgt("2026-11-22 03:05"))).empty());
}

}  // namespace
}  // namespace policy
