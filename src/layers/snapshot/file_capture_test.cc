// Capture and restore of a synthetic data directory: whole, again, and with each call to the store
// failing once.
#include "layers/snapshot/file_capture.h"

#include "layers/testing.h"

namespace layers {
namespace {

using base::ErrorKind;
using repository::SnapshotRoot;
using testing::Fault;

class FileCaptureTest : public ::testing::Test {
 protected:
  void restore(const SnapshotRoot& root, bool delta = false) {
    RestoreRequest request{.target = target(), .tablespaces = {}, .configuration = {}};
    request.delta = delta;
    RestoreProgress progress;
    restore_files(sample_.repository, root, request, progress, {});
    bytes_fetched_ = progress.bytes_fetched;
  }
  base::Path target() const { return folder_.path() / "restored"; }
  void expect_restored_whole() {
    std::map<std::string, base::Bytes> files = files_below(target());
    EXPECT_EQ(files.erase("backup_label"), 1u);
    EXPECT_EQ(files.erase("global/pg_control"), 1u);
    EXPECT_TRUE(files == cluster_.content());
  }
  size_t snapshots() const {
    return repository::snapshot_ids(sample_.repository, sample_.epoch.number, {}).size();
  }
  uint64_t stored_bytes() const {
    uint64_t all = 0;
    for (const std::string& key : sample_.store.keys()) all += sample_.store.body(key).size();
    return all;
  }
  void change_a_page(const std::string& path, uint32_t block, uint64_t lsn) {
    testing::Dice dice(lsn);
    const base::File file = base::File::open(cluster_.data() / path, O_WRONLY);
    file.write_all_at(uint64_t{block} * postgres::page_bytes, page(dice, lsn, block));
  }

  base::TemporaryFolder folder_;
  SampleCluster cluster_{folder_.path() / "data"};
  testing::SampleRepository sample_;
  Snapshots snapshots_{sample_};
  uint64_t bytes_fetched_ = 0;
};

TEST_F(FileCaptureTest, is_restored_as_it_was) {
  const SnapshotRoot root = snapshots_.take(cluster_.files());
  EXPECT_EQ(damage_in(sample_.repository), "");
  EXPECT_TRUE(root.damaged.empty());
  restore(root);
  expect_restored_whole();
}

TEST_F(FileCaptureTest, stores_nothing_again_that_did_not_change) {
  const SnapshotRoot first = snapshots_.take(cluster_.files());
  const uint64_t before = stored_bytes();
  const SnapshotRoot second = snapshots_.take(cluster_.files());
  EXPECT_EQ(snapshots_.bytes_new, 0u);
  ASSERT_EQ(second.shards.size(), first.shards.size());
  for (size_t i = 0; i < first.shards.size(); ++i)
    EXPECT_EQ(second.shards[i].key, first.shards[i].key);
  EXPECT_LT(stored_bytes() - before, 16 * base::KiB);  // a root
}

TEST_F(FileCaptureTest, stores_the_pages_that_changed) {
  snapshots_.take(cluster_.files());
  change_a_page("base/5/1000", 7, 0x900000);
  change_a_page("base/5/2001", 1, 0x900000);
  const SnapshotRoot root = snapshots_.take(cluster_.files());
  EXPECT_EQ(snapshots_.bytes_new, 2 * postgres::page_bytes);
  EXPECT_TRUE(root.suspects.empty());
  restore(root);
  expect_restored_whole();
}

TEST_F(FileCaptureTest, names_a_page_whose_checksum_is_wrong_and_keeps_its_bytes) {
  const base::File file = base::File::open(cluster_.data() / "base/5/1000", O_WRONLY);
  file.write_all_at(5 * postgres::page_bytes + 4000, base::to_bytes("damage"));
  const SnapshotRoot root = snapshots_.take(cluster_.files());
  ASSERT_EQ(root.damaged.size(), 1u);
  EXPECT_EQ(root.damaged[0].path, "base/5/1000");
  EXPECT_EQ(root.damaged[0].block, 5u);
  restore(root);
  expect_restored_whole();
}

TEST_F(FileCaptureTest, leaves_no_snapshot_whichever_call_fails_and_the_next_run_goes_on) {
  snapshots_.threads = 1;
  snapshots_.pack_bytes = 64 * base::KiB;
  uint64_t number = 1;
  bool done = false;
  for (; !done; ++number) {
    SCOPED_TRACE(number);
    testing::SampleRepository sample;
    Snapshots snapshots(sample);
    snapshots.threads = 1;
    snapshots.pack_bytes = 64 * base::KiB;
    const Fault fault = testing::all_faults[number % std::size(testing::all_faults)];
    sample.faulty.fail_call(number, fault);
    std::optional<SnapshotRoot> root;
    try {
      root = snapshots.take(cluster_.files());
    } catch (const base::Error&) {
      EXPECT_TRUE(sample.faulty.failed());
    }
    done = !sample.faulty.failed();
    sample.faulty.heal();
    EXPECT_EQ(damage_in(sample.repository), "");
    if (root) continue;  // a failure that does not matter, or none
    // Only the root's own put may have had its effect and lost the reply.
    const size_t there =
        repository::snapshot_ids(sample.repository, sample.epoch.number, {}).size();
    EXPECT_TRUE(there == 0 || (there == 1 && fault == Fault::reply_lost));
    snapshots.take(cluster_.files());
    EXPECT_EQ(damage_in(sample.repository), "");
  }
  EXPECT_GT(number, 20u);  // it did fail, and often
}

TEST_F(FileCaptureTest, reuses_what_a_failed_run_has_stored) {
  snapshots_.threads = 1;
  snapshots_.take(cluster_.files());
  const uint64_t whole = snapshots_.bytes_new;
  // The root is the last call: one before it every pack and shard is there.
  testing::SampleRepository sample;
  Snapshots snapshots(sample);
  snapshots.threads = 1;
  sample.faulty.fail_call(UINT64_MAX, Fault::unavailable);
  snapshots.take(cluster_.files());
  const uint64_t calls = sample.faulty.calls();

  testing::SampleRepository again;
  Snapshots retried(again);
  retried.threads = 1;
  again.faulty.fail_call(calls, Fault::full);
  EXPECT_ERROR(full, retried.take(cluster_.files()));
  again.faulty.heal();
  retried.take(cluster_.files());
  EXPECT_EQ(retried.bytes_new, 0u) << "of " << whole;
  EXPECT_EQ(damage_in(again.repository), "");
}

TEST_F(FileCaptureTest, is_restored_whichever_call_fails_once_it_is_run_again) {
  const SnapshotRoot root = snapshots_.take(cluster_.files());
  bool done = false;
  for (uint64_t number = 1; !done; ++number) {
    SCOPED_TRACE(number);
    std::filesystem::remove_all(target());
    sample_.faulty.fail_call(number, Fault::unavailable);
    try {
      restore(root);
      done = !sample_.faulty.failed();
    } catch (const base::Error& failure) {
      EXPECT_EQ(failure.kind(), ErrorKind::unavailable);
      EXPECT_FALSE(std::filesystem::exists(target() / "global/pg_control"));
    }
    sample_.faulty.heal();
    if (done) break;
    // What is there is gone on from, or thrown away.
    std::filesystem::remove_all(target());
    restore(root);
    expect_restored_whole();
  }
}

TEST_F(FileCaptureTest, is_not_restored_from_a_damaged_pack) {
  const SnapshotRoot root = snapshots_.take(cluster_.files());
  for (const std::string& key : sample_.store.keys()) {
    if (!key.starts_with("packs/")) continue;
    base::Bytes body = sample_.store.body(key);
    body[repository::header_bytes + 100] ^= std::byte{1};
    sample_.store.replace(key, body);
  }
  EXPECT_ERROR(corrupt, restore(root));
  EXPECT_FALSE(std::filesystem::exists(target() / "global/pg_control"));
  EXPECT_NE(damage_in(sample_.repository), "");
}

}  // namespace
}  // namespace layers
