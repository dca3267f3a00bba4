#include "layers/snapshot/shard_work.h"

#include "layers/snapshot/shard_committer.h"
#include "layers/testing.h"

namespace layers {
namespace {

using repository::FileKind;

DataFile file_of(std::string path, uint64_t blocks) {
  return {std::move(path), FileKind::file, 0600, blocks * repository::block_bytes, {}};
}

std::vector<ReadTask> tasks_of(const std::vector<DataFile>& files) {
  ShardWork work(0, files.empty() ? "" : files[0].path);
  for (const DataFile& file : files) work.add(file, 131072);
  work.plan_tasks();
  return work.tasks();
}

TEST(ShardWork, cuts_a_large_file_into_tasks_that_cover_it) {
  uint64_t next = 0;
  for (const ReadTask& task : tasks_of({file_of("base/5/1", 300)})) {
    EXPECT_EQ(task.first_block, next);
    EXPECT_LE(task.blocks, 128u);
    next += task.blocks;
  }
  EXPECT_EQ(next, 300u);
}

TEST(ShardWork, reads_small_files_together) {
  std::vector<DataFile> files;
  for (int i = 0; i < 100; ++i) files.push_back(file_of(fmt::format("base/5/{:03}", i), 1));
  const std::vector<ReadTask> tasks = tasks_of(files);
  EXPECT_EQ(tasks.size(), 2u);
  uint32_t next = 0;
  for (const ReadTask& task : tasks) {
    EXPECT_EQ(task.first_file, next);
    next += task.files;
  }
  EXPECT_EQ(next, 100u);
}

TEST(ShardWork, has_a_task_even_when_there_is_nothing_to_read) {
  EXPECT_EQ(tasks_of({{"base/", FileKind::folder, 0700, 0, {}}}).size(), 1u);
  EXPECT_EQ(tasks_of({file_of("base/5/1", 0)}).size(), 1u);
}

TEST(ShardWork, is_finished_by_whoever_ends_the_last_task) {
  ShardWork work(0, "base/5/1");
  work.add(file_of("base/5/1", 300), 131072);
  work.plan_tasks();
  EXPECT_EQ(work.tasks().size(), 3u);
  while (work.next_task() != nullptr) {
  }
  EXPECT_FALSE(work.task_done(1));
  EXPECT_FALSE(work.task_done(0));
  EXPECT_TRUE(work.task_done(2));
}

TEST(ShardWork, leaves_out_what_vanished_and_shortens_what_shrank) {
  ShardWork work(0, "base/5/1");
  for (const char* path : {"base/5/1", "base/5/2", "base/5/3"}) work.add(file_of(path, 2), 131072);
  work.plan_tasks();
  work.files()[0]->vanished = true;
  work.files()[1]->size = 100;
  const ShardContent content = work.serialise();
  EXPECT_EQ(content.files, 2u);
  EXPECT_EQ(content.blocks, 3u);
  const repository::Shard shard = repository::Shard::parse(content.bytes);
  EXPECT_EQ(shard.find("base/5/1"), nullptr);
  EXPECT_EQ(shard.find("base/5/2")->size, 100u);
}

class ShardCommitterTest : public ::testing::Test {
 protected:
  // A shard of one file whose one block is in `pack`.
  std::unique_ptr<ShardWork> shard_in(uint32_t number, const repository::PackId& pack) {
    auto work = std::make_unique<ShardWork>(number, fmt::format("base/5/{}", number));
    work->add(file_of(fmt::format("base/5/{}", number), 1), 131072);
    work->plan_tasks();
    WorkFile& file = *work->files()[0];
    work->place(file, 0) = {work->add_frame({pack, 144, 100, 8192}), 0};
    return work;
  }
  // A shard of one long file; `salt` changes a block in each hundred.
  std::unique_ptr<ShardWork> long_shard(uint8_t salt) {
    constexpr uint64_t blocks = 5000;
    auto work = std::make_unique<ShardWork>(0, "base/5/1");
    work->add(file_of("base/5/1", blocks), 131072);
    work->plan_tasks();
    WorkFile& file = *work->files()[0];
    testing::Dice dice(7);
    for (uint64_t block = 0; block < blocks; ++block) {
      std::ranges::copy(dice.noise(16), work->digest(file, block).bytes.begin());
      if (block % 100 == 0) work->digest(file, block).bytes[0] = std::byte{salt};
    }
    return work;
  }
  static void finish(ShardCommitter& committer, ShardWork& work) {
    committer.finish(work.number(), work.first_path(), work.serialise(), {});
  }
  size_t stored() const {
    size_t count = 0;
    for (const std::string& key : sample_.store.keys()) count += key.starts_with("shards/") ? 1 : 0;
    return count;
  }

  testing::SampleRepository sample_;
  ShardCommitter committer_{
      sample_.repository, sample_.epoch.number, "20261122T000001Z-00000000", {}};
  repository::PackId pack_ = repository::new_pack_id(base::from_rfc3339("2026-11-22T00:00:00Z"));
};

TEST_F(ShardCommitterTest, waits_until_the_pack_of_a_shard_is_durable) {
  finish(committer_, *shard_in(0, pack_));
  EXPECT_EQ(stored(), 0u);
  committer_.pack_committed({pack_, 1000, 8192}, {});
  EXPECT_EQ(stored(), 1u);
  finish(committer_, *shard_in(1, pack_));
  EXPECT_EQ(stored(), 2u);
  const ShardCommitter::Result result = committer_.take();
  ASSERT_EQ(result.shards.size(), 2u);
  EXPECT_EQ(result.shards[1].first, "base/5/1");
  EXPECT_EQ(result.live_bytes.at(pack_), 2u * 8192);
  EXPECT_EQ(result.totals.files, 2u);
}

TEST_F(ShardCommitterTest, names_a_shard_of_the_base_instead_of_storing_its_equal) {
  committer_.pack_committed({pack_, 1000, 8192}, {});
  finish(committer_, *shard_in(0, pack_));
  const std::vector<repository::ShardRef> base = committer_.take().shards;
  ShardCommitter second(sample_.repository, sample_.epoch.number, "20261123T000001Z-00000000",
                        base);
  second.pack_committed({pack_, 1000, 8192}, {});
  finish(second, *shard_in(0, pack_));
  EXPECT_EQ(second.take().shards.at(0).key, base.at(0).key);
  EXPECT_EQ(stored(), 1u);
}

class ShardDifferenceTest : public ShardCommitterTest {
 protected:
  std::vector<repository::ShardRef> store(uint8_t salt, int day,
                                          std::vector<repository::ShardRef> base) {
    ShardCommitter committer(sample_.repository, sample_.epoch.number,
                             fmt::format("202611{:02}T000001Z-00000000", day), std::move(base));
    finish(committer, *long_shard(salt));
    return committer.take().shards;
  }
  base::Bytes read(const repository::ShardRef& shard) const {
    return repository::read_shard(sample_.repository, repository::ObjectKey(shard.key), {});
  }
};

TEST_F(ShardDifferenceTest, is_small_is_read_as_the_whole_and_never_built_upon_itself) {
  const std::vector<repository::ShardRef> first = store(1, 22, {});
  const std::vector<repository::ShardRef> second = store(2, 23, first);
  const std::vector<repository::ShardRef> third = store(3, 24, second);
  EXPECT_EQ(first.at(0).prefix, "");
  EXPECT_EQ(second.at(0).prefix, first.at(0).key);
  EXPECT_EQ(third.at(0).prefix, first.at(0).key);
  EXPECT_LT(third.at(0).size, first.at(0).size / 10);
  EXPECT_TRUE(read(first.at(0)) == long_shard(1)->serialise().bytes);
  EXPECT_TRUE(read(second.at(0)) == long_shard(2)->serialise().bytes);
  EXPECT_TRUE(read(third.at(0)) == long_shard(3)->serialise().bytes);
}

TEST_F(ShardDifferenceTest, is_not_made_from_what_is_gone_and_is_corrupt_or_absent_without_it) {
  const std::vector<repository::ShardRef> first = store(1, 22, {});
  const std::vector<repository::ShardRef> second = store(2, 23, first);
  sample_.store.remove(repository::ObjectKey(first.at(0).key), {});
  EXPECT_ERROR(absent, read(second.at(0)));
  const std::vector<repository::ShardRef> third = store(3, 24, second);
  EXPECT_EQ(third.at(0).prefix, "");
  EXPECT_TRUE(read(third.at(0)) == long_shard(3)->serialise().bytes);
}

}  // namespace
}  // namespace layers
