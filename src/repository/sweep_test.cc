#include "repository/sweep.h"

#include "testing/errors.h"
#include "testing/sample_repository.h"

namespace repository {
namespace {

// A snapshot whose one shard is a difference from another's, and a shard that nobody names.
class Sweep : public ::testing::Test {
 protected:
  Sweep() {
    root_.epoch = sample_.epoch.number;
    root_.shards = {{.key = difference_.text(),
                     .first = "",
                     .files = 1,
                     .blocks = 1,
                     .size = 1,
                     .digest = {},
                     .prefix = whole_.text()}};
    for (const ObjectKey& key : {difference_, whole_, stray_})
      sample_.store.put_if_absent(key, base::as_bytes("x"), {});
    sample_.repository.put_json(snapshot_key(root_.epoch, root_.id), "snapshot", to_json(root_),
                                {});
  }
  SweepPlan plan() const {
    const SweepRules rules{.keep_snapshot = [](const SnapshotRoot&, std::string&) { return true; },
                           .keep_wal = [](const Epoch&, postgres::Timeline, postgres::Lsn,
                                          postgres::Lsn, std::string&) { return true; }};
    return plan_sweep(sample_.repository, rules, base::system_clock().now() + std::chrono::hours(1),
                      {});
  }

  testing::SampleRepository sample_;
  SnapshotRoot root_{.id = "20261123T000000Z", .run = "20261123T000001Z-00000000"};
  ObjectKey difference_ = shard_key(sample_.epoch.number, "20261123T000001Z-00000000", 0);
  ObjectKey whole_ = shard_key(sample_.epoch.number, "20261122T000001Z-00000000", 0);
  ObjectKey stray_ = shard_key(sample_.epoch.number, "20261121T000001Z-00000000", 0);
};

TEST_F(Sweep, keeps_what_a_kept_shard_is_a_difference_from) {
  const SweepPlan found = plan();
  ASSERT_EQ(found.condemn.size(), 1u);
  EXPECT_EQ(found.condemn[0].key, stray_.text());
}

TEST_F(Sweep, leaves_what_is_locked) {
  SweepRules rules{.keep_snapshot = [](const SnapshotRoot&, std::string&) { return false; },
                   .keep_wal = [](const Epoch&, postgres::Timeline, postgres::Lsn, postgres::Lsn,
                                  std::string&) { return true; }};
  const base::Instant later = base::system_clock().now() + std::chrono::hours(1);
  EXPECT_EQ(plan_sweep(sample_.repository, rules, later, {}).condemn.size(), 4u);
  rules.locked = std::chrono::hours(2);
  const SweepPlan locked = plan_sweep(sample_.repository, rules, later, {});
  EXPECT_TRUE(locked.condemn.empty());
  ASSERT_EQ(locked.keep.size(), 4u);
  EXPECT_NE(locked.keep[0].reason.find("locked until"), std::string::npos);
}

TEST_F(Sweep, is_noticed_by_a_run_that_made_a_difference_from_what_it_condemned) {
  EXPECT_NO_THROW(require_not_condemned(sample_.repository, root_, {}));
  const base::Json body = {{"at", base::to_rfc3339(base::system_clock().now())},
                           {"not_before", base::to_rfc3339(base::system_clock().now())},
                           {"keys", {whole_.text()}}};
  sample_.repository.put_json(condemned_key("20261123T000002Z-00000000"), "condemned", body, {});
  EXPECT_ERROR(unavailable, require_not_condemned(sample_.repository, root_, {}));
}

}  // namespace
}  // namespace repository
