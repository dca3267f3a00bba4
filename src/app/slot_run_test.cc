#include "app/slot_run.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/version.h"
#include "testing/errors.h"
#include "testing/memory_store.h"

namespace app {
namespace {

using base::Error;
using base::ErrorKind;
using base::Instant;
using policy::TieredLayer;
using repository::RunRecord;
using std::chrono::hours;
using std::chrono::minutes;

policy::Tier tier(const char* name, const char* cadence) {
  return {.name = name,
          .cadence = policy::parse_cadence(cadence),
          .retain = hours(24 * 30),
          .start_within = minutes(15),
          .finish_within = hours(2)};
}

// Another store, in which things happen in between. Borrows it.
class Wrapped final : public storage::ObjectStore {
 public:
  explicit Wrapped(storage::ObjectStore& store) : store_(store) {}
  std::function<void(const std::string& key)> before_put;
  base::Duration ahead{};  // of its clock

  std::string url() const override { return store_.url(); }
  storage::PutOutcome put_if_absent(const storage::ObjectKey& key, base::ByteView body,
                                    std::stop_token stop) override {
    if (before_put) before_put(key.text());
    return store_.put_if_absent(key, body, stop);
  }
  std::unique_ptr<storage::ObjectWriter> begin_write(const storage::ObjectKey& key,
                                                     const storage::WriteOptions& options,
                                                     std::stop_token stop) override {
    return store_.begin_write(key, options, stop);
  }
  std::optional<storage::ObjectInfo> stat(const storage::ObjectKey& key,
                                          std::stop_token stop) override {
    return store_.stat(key, stop);
  }
  void read(const storage::ObjectKey& key, uint64_t offset, base::ByteSpan out,
            std::stop_token stop) override {
    store_.read(key, offset, out, stop);
  }
  void list(const std::string& prefix, const std::function<bool(const storage::ObjectInfo&)>& visit,
            std::stop_token stop) override {
    store_.list(prefix, visit, stop);
  }
  void remove(const storage::ObjectKey& key, std::stop_token stop) override {
    store_.remove(key, stop);
  }
  Instant now(std::stop_token stop) override { return store_.now(stop) + ahead; }

 private:
  storage::ObjectStore& store_;
};

class SlotRunTest : public testing::Test {
 protected:
  testing::MemoryStore store_;
  Instant now_ = base::system_clock().now();
  Instant slot_ = std::chrono::floor<std::chrono::seconds>(now_);
  repository::Repository repository_ =
      repository::Repository::create_or_open(store_, nullptr, now_, {});
  Slot two_ = {.due = slot_,
               .tiers = {"nightly", "weekly"},
               .rows = {{"snapshots-nightly", hours(2)}, {"snapshots-weekly", hours(3)}}};

  std::vector<RunRecord> records(const std::string& lane) const {
    return repository::read_runs(repository_, lane, {});
  }

  void claim(const std::string& lane, int attempt, Instant at) const {
    repository::Claim one = repository::new_claim(lane, slot_, attempt, "another", at);
    ASSERT_TRUE(repository::put_claim(repository_, one, {}));
  }

  testing::AssertionResult fails(ErrorKind kind, const Work& work,
                                 std::stop_token stop = {}) const {
    return testing::throws(kind, [&] { run_slot(repository_, two_, std::nullopt, work, stop); });
  }
};

base::Json well(const repository::Claim&) { return {{"what", "it"}}; }

TEST_F(SlotRunTest, writes_a_record_in_each_row_and_then_refuses_another_run) {
  EXPECT_FALSE(has_ended_well(repository_, two_, {}));
  run_slot(repository_, two_, std::nullopt, well, {});
  for (const char* lane : {"snapshots-nightly", "snapshots-weekly"}) {
    ASSERT_EQ(records(lane).size(), 1u);
    EXPECT_TRUE(records(lane)[0].ok);
    EXPECT_EQ(records(lane)[0].details,
              base::Json({{"what", "it"}, {"seawall", base::program_version}}));
  }
  EXPECT_EQ(records("snapshots-nightly")[0].run, records("snapshots-weekly")[0].run);
  EXPECT_TRUE(has_ended_well(repository_, two_, {}));
  EXPECT_TRUE(fails(ErrorKind::conflict, well));
}

TEST_F(SlotRunTest, tells_how_far_it_came_also_where_it_failed) {
  const SoFar so_far = [] { return base::Json{{"phases", "a list"}}; };
  const Work full = [](const auto&) -> base::Json { throw Error(ErrorKind::full, "no room"); };
  EXPECT_TRUE(testing::throws(
      ErrorKind::full, [&] { run_slot(repository_, two_, std::nullopt, full, so_far, {}); }));
  EXPECT_EQ(records("snapshots-nightly")[0].details.at("phases"), "a list");
}

TEST_F(SlotRunTest, a_failure_is_recorded_and_the_next_attempt_may_follow_at_once) {
  const auto full = [](const auto&) -> base::Json { throw Error(ErrorKind::full, "no room"); };
  const auto odd = [](const auto&) -> base::Json { throw std::runtime_error("odd"); };
  EXPECT_TRUE(fails(ErrorKind::full, full));
  EXPECT_TRUE(fails(ErrorKind::unavailable, odd));
  run_slot(repository_, two_, std::nullopt, well, {});
  const std::vector<RunRecord> all = records("snapshots-weekly");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].error, "no room");
  EXPECT_FALSE(all[0].ok || all[0].cancelled);
  EXPECT_EQ(all[1].error, "odd");
  EXPECT_EQ(all[2].attempt, 3);
  EXPECT_TRUE(all[2].ok);
}

TEST_F(SlotRunTest, a_run_that_is_stopped_says_so) {
  std::stop_source stop;
  const auto work = [&](const auto&) -> base::Json {
    stop.request_stop();
    throw Error(ErrorKind::cancelled, "stopped");
  };
  EXPECT_TRUE(fails(ErrorKind::cancelled, work, stop.get_token()));
  ASSERT_EQ(records("snapshots-nightly").size(), 1u);
  EXPECT_TRUE(records("snapshots-nightly")[0].cancelled);
  run_slot(repository_, two_, std::nullopt, well, {});
}

TEST_F(SlotRunTest, a_claim_is_waited_for_as_long_as_its_row_says_and_not_longer) {
  claim("snapshots-nightly", 1, now_ - hours(2) - minutes(1));
  claim("snapshots-weekly", 1, now_ - hours(2) - minutes(1));
  EXPECT_TRUE(fails(ErrorKind::conflict, well));  // weekly may take three hours
  two_.rows[1].finish_within = hours(2);
  run_slot(repository_, two_, std::nullopt, well, {});
  EXPECT_EQ(records("snapshots-nightly")[0].attempt, 2);
}

TEST_F(SlotRunTest, rows_have_attempts_of_their_own) {
  claim("snapshots-weekly", 1, now_ - hours(9));
  claim("snapshots-weekly", 2, now_ - hours(5));
  run_slot(repository_, two_, std::nullopt, well, {});
  EXPECT_EQ(records("snapshots-nightly")[0].attempt, 1);
  EXPECT_EQ(records("snapshots-weekly")[0].attempt, 3);
}

TEST_F(SlotRunTest, one_that_is_overtaken_at_a_later_row_gives_back_what_it_has) {
  Wrapped overtaken(store_);
  overtaken.before_put = [&](const std::string& key) {
    if (key.starts_with("claims/snapshots-weekly/")) claim("snapshots-weekly", 1, now_);
  };
  const auto ours = repository::Repository::open(overtaken, nullptr, {});
  const auto run_ours = [&] { run_slot(ours, two_, std::nullopt, well, {}); };
  EXPECT_TRUE(testing::throws(ErrorKind::conflict, run_ours));
  ASSERT_EQ(records("snapshots-nightly").size(), 1u);
  EXPECT_TRUE(records("snapshots-nightly")[0].cancelled);
  EXPECT_TRUE(records("snapshots-weekly").empty());  // that one is the other's
  // Once the other's claim of the second row has come to nothing, both are free.
  two_.rows[1].finish_within = base::Duration{};
  run_slot(repository_, two_, std::nullopt, well, {});
  EXPECT_EQ(records("snapshots-nightly")[1].attempt, 2);
}

TEST_F(SlotRunTest, a_host_whose_clock_is_off_may_claim_nothing) {
  Wrapped ahead(store_);
  ahead.ahead = minutes(2);
  const auto repository = repository::Repository::open(ahead, nullptr, {});
  const auto run_there = [&] { run_slot(repository, two_, std::nullopt, well, {}); };
  EXPECT_TRUE(testing::throws(ErrorKind::invalid, run_there));
  EXPECT_TRUE(repository::read_claims(repository_, "snapshots-nightly", {}).empty());
}

TEST(SlotOf, has_every_tier_that_shares_the_slot_in_order_of_lanes) {
  policy::Policy policy;
  policy.timezone = policy::Zone::named("Asia/Singapore");
  policy.layers.snapshots = {tier("weekly", "Sun 03:00"), tier("nightly", "03:00"),
                             tier("often", "every 6h")};
  const Instant sunday = base::from_rfc3339("2028-02-26T19:00:00Z");
  const Slot shared = slot_of(
      policy, {.layer = TieredLayer::snapshots, .slot = sunday, .tickets = {{"weekly", 2}}});
  EXPECT_EQ(shared.tiers, (std::vector<std::string>{"weekly", "nightly"}));
  ASSERT_EQ(shared.rows.size(), 2u);
  EXPECT_EQ(shared.rows[0].lane, "snapshots-nightly");
  EXPECT_EQ(newest_slot(policy, TieredLayer::snapshots, "weekly", sunday + hours(30)).due, sunday);
  const Slot monday = newest_slot(policy, TieredLayer::snapshots, "nightly", sunday + hours(30));
  EXPECT_EQ(monday.tiers, std::vector<std::string>{"nightly"});
  EXPECT_THROW(newest_slot(policy, TieredLayer::snapshots, "hourly", sunday), Error);
}

}  // namespace
}  // namespace app
