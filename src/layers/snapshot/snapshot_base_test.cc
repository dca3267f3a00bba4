#include "layers/snapshot/snapshot_base.h"

#include "layers/testing.h"

namespace layers {
namespace {

using postgres::Timeline;
using postgres::TimelineHistory;
using repository::SnapshotRoot;

class SnapshotBaseTest : public ::testing::Test {
 protected:
  SnapshotRoot put(const std::string& id, uint32_t timeline, uint64_t stop) {
    SnapshotRoot root{.id = id, .run = id + "-00000000"};
    root.epoch = sample_.epoch.number;
    root.timeline = {timeline};
    root.stop_lsn = {stop};
    sample_.repository.put_json(repository::snapshot_key(root.epoch, id), "snapshot", to_json(root),
                                {});
    return root;
  }
  std::string chosen(const TimelineHistory& history) {
    const auto base = choose_base(sample_.repository, sample_.epoch.number, history, {});
    return base ? base->id : "";
  }
  // Timeline 2, which left timeline 1 at 0x3000000.
  static TimelineHistory forked() {
    return TimelineHistory::parse(Timeline{2}, "1\t0/3000000\tno recovery target specified\n");
  }

  testing::SampleRepository sample_;
};

TEST_F(SnapshotBaseTest, is_none_in_an_empty_repository) {
  EXPECT_EQ(chosen(TimelineHistory(Timeline{1})), "");
}

TEST_F(SnapshotBaseTest, is_the_newest) {
  put("20261120T000000Z", 1, 0x1000000);
  put("20261121T000000Z", 1, 0x2000000);
  EXPECT_EQ(chosen(TimelineHistory(Timeline{1})), "20261121T000000Z");
}

TEST_F(SnapshotBaseTest, is_never_of_a_branch_that_was_left) {
  put("20261120T000000Z", 1, 0x2000000);
  put("20261121T000000Z", 1, 0x4000000);  // after the fork
  EXPECT_EQ(chosen(forked()), "20261120T000000Z");
  put("20261122T000000Z", 2, 0x5000000);
  EXPECT_EQ(chosen(forked()), "20261122T000000Z");
  EXPECT_EQ(chosen(TimelineHistory(Timeline{1})), "20261121T000000Z");
}

TEST_F(SnapshotBaseTest, passes_over_one_that_cannot_be_read) {
  put("20261120T000000Z", 1, 0x1000000);
  const SnapshotRoot newer = put("20261121T000000Z", 1, 0x2000000);
  sample_.store.replace(repository::snapshot_key(newer.epoch, newer.id).text(),
                        base::to_bytes("damage"));
  EXPECT_EQ(chosen(TimelineHistory(Timeline{1})), "20261120T000000Z");
}

TEST_F(SnapshotBaseTest, does_not_take_a_store_that_is_away_for_an_empty_one) {
  put("20261120T000000Z", 1, 0x1000000);
  for (uint64_t call = 1; call <= 2; ++call) {
    sample_.faulty.fail_call(call, testing::Fault::unavailable);
    EXPECT_ERROR(unavailable, chosen(TimelineHistory(Timeline{1})));
  }
}

TEST(PacksToLeave, are_the_condemned_the_old_and_the_sparse_within_a_budget) {
  const base::Instant now = base::from_rfc3339("2026-11-22T00:00:00Z");
  const auto pack = [&](int days, uint64_t raw, uint64_t live) {
    return repository::PackRef{.id = repository::new_pack_id(now - std::chrono::days(days)),
                               .size = raw,
                               .raw_bytes = raw,
                               .live_bytes = live};
  };
  SnapshotRoot base{.id = "20261121T000000Z", .run = {}};
  base.totals.bytes = 1000;  // so the budget is 50
  base.packs = {pack(1, 100, 100), pack(100, 100, 30), pack(1, 100, 15), pack(100, 100, 90)};
  const std::string condemned =
      repository::pack_key(repository::EpochNumber{1}, base.packs[0].id).text();
  EXPECT_EQ(packs_to_leave(&base, {condemned, "wal/0001/x"}, now),
            (std::set{base.packs[0].id, base.packs[1].id, base.packs[2].id}));
  EXPECT_TRUE(packs_to_leave(nullptr, {}, now).empty());
}

TEST(PacksToLeave, are_those_whose_lock_ends_too_soon) {
  const base::Instant now = base::from_rfc3339("2026-11-22T00:00:00Z");
  const PacksToLeave leave{.ids = {}, .made_before = now - std::chrono::days(30)};
  EXPECT_TRUE(leave.contains(repository::new_pack_id(now - std::chrono::days(31))));
  EXPECT_FALSE(leave.contains(repository::new_pack_id(now - std::chrono::days(29))));
  EXPECT_TRUE(PacksToLeave{}.empty());
  EXPECT_FALSE(PacksToLeave{}.contains(repository::new_pack_id(now)));
}

TEST(ShardsMadeBefore, are_told_by_the_run_that_stored_them) {
  SnapshotRoot base{.id = "20261121T000000Z", .run = {}};
  base.epoch = repository::EpochNumber{1};
  const std::string prefix = repository::shard_prefix(base.epoch);
  const std::string old = prefix + "20261001T000000Z-0a0b0c0d/a",
                    young = prefix + "20261120T000000Z-0a0b0c0d/b";
  base.shards = {{.key = old}, {.key = young, .prefix = old}, {.key = young}};
  EXPECT_EQ(shards_made_before(base, base::from_rfc3339("2026-11-01T00:00:00Z")), (std::set{old}));
  EXPECT_TRUE(shards_made_before(base, base::Instant{}).empty());
}

}  // namespace
}  // namespace layers
