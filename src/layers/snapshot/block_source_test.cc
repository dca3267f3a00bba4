#include "layers/snapshot/block_source.h"

#include "layers/testing.h"

namespace layers {
namespace {

class BlockSourceTest : public ::testing::Test {
 protected:
  // The blocks from `first` on, as one piece.
  base::Bytes read(BlockSource& source, std::string_view path, uint32_t first, uint32_t count) {
    const repository::FileRow* file = shard_.find(path);
    if (file == nullptr) throw base::Error(base::ErrorKind::absent, std::string(path));
    base::Bytes all;
    source.read(shard_, *file, first, count,
                [&](base::ByteView piece) { base::append(all, piece); }, {});
    return all;
  }
  repository::Shard only_shard() {
    Snapshots snapshots(sample_);
    snapshots.threads = 1;  // so that its frames lie in one pack, in order
    const repository::SnapshotRoot root = snapshots.take(cluster_.files());
    EXPECT_EQ(root.shards.size(), 1u);
    return repository::Shard::parse(
        repository::unwrap_shard(sample_.repository, sample_.store.body(root.shards.at(0).key)));
  }
  base::Bytes of_file(const std::string& path, size_t offset, size_t count) {
    const base::Bytes all = base::read_file(cluster_.data() / path);
    return {all.begin() + static_cast<std::ptrdiff_t>(offset),
            all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), offset + count))};
  }

  base::TemporaryFolder folder_;
  SampleCluster cluster_{folder_.path() / "data"};
  testing::SampleRepository sample_;
  repository::Shard shard_ = only_shard();
  BlockSource source_{sample_.repository, sample_.epoch.number};
};

TEST_F(BlockSourceTest, gives_any_stretch_of_a_file) {
  const std::string path = "base/5/1000";
  for (const auto& stretch :
       {std::pair{0u, 300u}, {0u, 1u}, {299u, 1u}, {100u, 150u}, {127u, 2u}}) {
    EXPECT_TRUE(read(source_, path, stretch.first, stretch.second) ==
                of_file(path, size_t{stretch.first} * 8192, size_t{stretch.second} * 8192))
        << stretch.first;
  }
  EXPECT_TRUE(read(source_, path, 7, 0).empty());
}

TEST_F(BlockSourceTest, gives_a_short_last_block_and_zeros) {
  EXPECT_TRUE(read(source_, "pg_xact/0000", 0, 3) == of_file("pg_xact/0000", 0, 20'001));
  EXPECT_TRUE(read(source_, "base/5/1002", 1, 39) == base::Bytes(39 * size_t{8192}));
}

TEST_F(BlockSourceTest, fetches_a_frame_once_while_it_is_kept) {
  read(source_, "base/5/2000", 0, 3);
  const uint64_t before = source_.fetched_bytes();
  EXPECT_GT(before, 0u);
  read(source_, "base/5/2000", 1, 1);
  EXPECT_EQ(source_.fetched_bytes(), before);
}

TEST_F(BlockSourceTest, fetches_together_what_is_expected_and_lies_together) {
  std::vector<const repository::FileRow*> files;
  for (uint32_t i = 0; i < shard_.file_count(); ++i) {
    if (shard_.file(i).kind == repository::FileKind::file) files.push_back(&shard_.file(i));
  }
  const auto requests = [&](BlockSource& source) {
    const uint64_t before = sample_.faulty.calls();
    for (const repository::FileRow* file : files) {
      const std::string path(shard_.name(*file));
      const auto blocks = static_cast<uint32_t>(repository::blocks_of(file->size));
      EXPECT_TRUE(read(source, path, 0, blocks) == base::read_file(cluster_.data() / path)) << path;
    }
    return sample_.faulty.calls() - before;
  };
  BlockSource one_by_one(sample_.repository, sample_.epoch.number);
  source_.expect(shard_, files);
  const uint64_t together = requests(source_);
  EXPECT_LT(together, requests(one_by_one));
}

TEST_F(BlockSourceTest, does_not_keep_a_frame_that_failed) {
  sample_.faulty.fail_call(1, testing::Fault::unavailable);
  EXPECT_ERROR(unavailable, read(source_, "base/5/2000", 0, 3));
  EXPECT_TRUE(read(source_, "base/5/2000", 0, 3) == of_file("base/5/2000", 0, 3 * size_t{8192}));
}

}  // namespace
}  // namespace layers
