#include "layers/snapshot/stream_capture.h"

#include <gmock/gmock.h>

#include <fstream>

#include "layers/snapshot/file_capture.h"
#include "testing/dice.h"
#include "testing/errors.h"
#include "testing/sample_repository.h"
#include "testing/tar_builder.h"

namespace layers {
namespace {

using base::Bytes;
using base::ByteView;
using repository::SnapshotRoot;
using testing::Dice;
using testing::TarBuilder;

constexpr uint32_t blocks_per_file = 131072;

struct SampleFile {
  std::string path;
  std::string content;
};

std::string noise(Dice& dice, size_t count) {
  const Bytes bytes = dice.noise(count);
  return std::string(base::as_text(bytes));
}

// A cluster's files, large and small, in the order in which a server happens to send them.
std::vector<SampleFile> sample_files(Dice& dice) {
  std::vector<SampleFile> files = {{"PG_VERSION", "15\n"}, {"empty", ""}};
  files.push_back({"base/5/16384", noise(dice, 3 * base::MiB + 40960)});
  files.push_back({"base/5/112", noise(dice, 8192) + std::string(16384, '\0') + noise(dice, 100)});
  files.push_back({"base/5/16390", noise(dice, base::MiB + 8192)});
  for (int i = 0; i < 300; ++i)
    files.push_back(
        {fmt::format("base/1/{}", 20000 + i * 7919 % 1000), noise(dice, dice.below(20000))});
  files.push_back({"base/5/16391", std::string(base::MiB, '\0')});
  return files;
}

std::vector<postgres::BaseBackup::Event> stream_of(const Bytes& tar, size_t piece) {
  std::vector<postgres::BaseBackup::Event> events = {postgres::BackupArchive{}};
  for (size_t at = 0; at < tar.size(); at += piece)
    events.push_back(
        postgres::ArchiveBytes{ByteView(tar).subspan(at, std::min(piece, tar.size() - at))});
  events.push_back(postgres::BaseBackup::End{.stop = {0x2000100}, .timeline = {1}, .damage = {}});
  return events;
}

Bytes tar_of(const std::vector<SampleFile>& files) {
  TarBuilder tar;
  tar.file("backup_label", "the label").file("tablespace_map", "the map");
  tar.folder("pg_wal")
      .folder("pg_wal/archive_status")
      .folder("base")
      .folder("base/1")
      .folder("base/5");
  for (const SampleFile& file : files) tar.file(file.path, file.content);
  tar.folder("global").file("standby.signal", "").file("base/5/t3_16400", "temporary");
  tar.file("global/pg_control", "the control file").end();
  return {tar.bytes().begin(), tar.bytes().end()};
}

class Capture {
 public:
  explicit Capture(testing::SampleRepository& sample) : sample_(sample) {}

  StreamCapture::Result stream(const Bytes& tar, const SnapshotRoot* base, std::string run,
                               size_t piece = 30011) {
    facts_ = facts(base, std::move(run));
    SnapshotProgress progress;
    StreamCapture capture(sample_.repository, facts_, {});
    size_t next = 0;
    const std::vector<postgres::BaseBackup::Event> events = stream_of(tar, piece);
    return capture.run(
        [&] {
          CHECK(next < events.size());
          return events[next++];
        },
        {}, blocks_per_file, progress, {});
  }

  CaptureResult files(const base::Path& folder, const SnapshotRoot* base, std::string run) {
    facts_ = facts(base, std::move(run));
    SnapshotProgress progress;
    return capture_files(DataFiles(folder, {}, "PG_15"), sample_.repository, facts_, progress, {});
  }

  SnapshotRoot root_of(const CaptureResult& captured, std::string run) {
    SnapshotRoot root{.id = run, .run = run};
    root.epoch = sample_.epoch.number;
    root.shards = captured.stored.shards;
    return root;
  }

  // Every file by its path, as it would be restored.
  std::map<std::string, std::string> restored(const CaptureResult& captured) {
    std::map<std::string, std::string> all;
    repository::FrameReader reader(sample_.repository, sample_.epoch.number);
    for (const repository::ShardRef& ref : captured.stored.shards) {
      const Bytes object =
          storage::read_all(sample_.store, repository::ObjectKey(ref.key), base::GiB, {});
      const auto shard =
          repository::Shard::parse(repository::unwrap_shard(sample_.repository, object));
      for (uint32_t i = 0; i < shard.file_count(); ++i) {
        const repository::FileRow& file = shard.file(i);
        std::string& content = all[std::string(shard.name(file))];
        for (const repository::ExtentRow& extent : shard.extents(file)) {
          for (uint32_t b = 0; b < extent.blocks; ++b) {
            const size_t bytes = repository::bytes_of_block(file.size, extent.block + b);
            Bytes block(bytes);
            if (extent.frame != repository::zero_frame) {
              Bytes raw;
              reader.read(address_of(shard, extent.frame), raw, {});
              std::copy_n(raw.begin() + extent.offset + b * std::ptrdiff_t{8192}, bytes,
                          block.begin());
            }
            EXPECT_EQ(sample_.repository.hash_key().digest(block),
                      shard.digests(file)[extent.block + b]);
            content += base::as_text(block);
          }
        }
      }
    }
    return all;
  }

 private:
  CaptureFacts facts(const SnapshotRoot* base, std::string run) {
    return {.epoch = sample_.epoch.number,
            .start = {0x2000028},
            .checksums = false,
            .blocks_per_file = blocks_per_file,
            .base = base,
            .packs_to_leave = {},
            .shards_to_leave = {},
            .run = std::move(run),
            .pack_bytes = 2 * base::MiB,
            .threads = 2,
            .compress_level = 1};
  }

  testing::SampleRepository& sample_;
  CaptureFacts facts_{};
};

std::map<std::string, std::string> wanted(const std::vector<SampleFile>& files) {
  std::map<std::string, std::string> all = {
      {"base/", ""}, {"base/1/", ""}, {"base/5/", ""}, {"global/", ""}, {"pg_wal/", ""}};
  for (const SampleFile& file : files) all[file.path] = file.content;
  return all;
}

TEST(StreamCapture, holds_every_file_whatever_the_order_it_came_in) {
  Dice dice;
  SCOPED_TRACE(dice.told());
  testing::SampleRepository sample;
  Capture capture(sample);
  const std::vector<SampleFile> files = sample_files(dice);
  const StreamCapture::Result result = capture.stream(tar_of(files), nullptr, "run-1");
  EXPECT_EQ(capture.restored(result.captured), wanted(files));
  EXPECT_EQ(result.received.backup_label, "the label");
  EXPECT_EQ(result.received.tablespace_map, "the map");
  EXPECT_EQ(base::as_text(result.received.control_file), "the control file");
  EXPECT_EQ(result.captured.stored.totals.files, files.size());
}

TEST(StreamCapture, stores_only_what_changed_and_names_the_rest) {
  Dice dice;
  SCOPED_TRACE(dice.told());
  testing::SampleRepository sample;
  Capture capture(sample);
  std::vector<SampleFile> files = sample_files(dice);
  const CaptureResult first = capture.stream(tar_of(files), nullptr, "run-1").captured;
  const SnapshotRoot base = capture.root_of(first, "run-1");

  const CaptureResult same = capture.stream(tar_of(files), &base, "run-2").captured;
  EXPECT_EQ(same.stored.totals.new_bytes, 0u);
  ASSERT_EQ(same.stored.shards.size(), first.stored.shards.size());
  EXPECT_EQ(same.stored.shards[0].key, first.stored.shards[0].key);

  files[2].content[819200] ^= 1;
  files[5].content += "longer";
  const CaptureResult changed = capture.stream(tar_of(files), &base, "run-3").captured;
  EXPECT_LE(changed.stored.totals.new_bytes, 3u * 8192);
  EXPECT_EQ(capture.restored(changed), wanted(files));
}

TEST(StreamCapture, and_a_capture_by_files_give_the_same_shards) {
  Dice dice;
  SCOPED_TRACE(dice.told());
  testing::SampleRepository sample;
  Capture capture(sample);
  const std::vector<SampleFile> files = sample_files(dice);
  const base::TemporaryFolder folder;
  for (const char* name : {"base", "base/1", "base/5", "global", "pg_wal"}) {
    std::filesystem::create_directory(folder.path() / name);
    std::filesystem::permissions(folder.path() / name, std::filesystem::perms(0700));
  }
  for (const SampleFile& file : files) {
    std::ofstream(folder.path() / file.path) << file.content;
    std::filesystem::permissions(folder.path() / file.path, std::filesystem::perms(0600));
  }
  const CaptureResult by_files = capture.files(folder.path(), nullptr, "run-1");
  const SnapshotRoot base = capture.root_of(by_files, "run-1");
  const CaptureResult streamed = capture.stream(tar_of(files), &base, "run-2").captured;
  EXPECT_EQ(streamed.stored.totals.new_bytes, 0u);
  EXPECT_EQ(streamed.stored.shards[0].key, by_files.stored.shards[0].key);
  const SnapshotRoot again = capture.root_of(streamed, "run-2");
  EXPECT_EQ(capture.files(folder.path(), &again, "run-3").stored.totals.new_bytes, 0u);
}

TEST(StreamCapture, takes_the_files_of_a_tablespace_under_its_number) {
  testing::SampleRepository sample;
  Capture capture(sample);
  TarBuilder space;
  space.folder("PG_15_202209061", 0750)
      .folder("PG_15_202209061/5")
      .file("PG_15_202209061/5/16401", "x");
  TarBuilder data;
  data.file("backup_label", "l").file("global/pg_control", "c");
  CaptureFacts facts{.epoch = sample.epoch.number,
                     .run = "r",
                     .pack_bytes = base::MiB,
                     .threads = 1,
                     .compress_level = 1};
  StreamCapture stream(sample.repository, facts, {});
  std::vector<postgres::BaseBackup::Event> events = {
      postgres::BackupArchive{16400, "/mnt/fast"}, postgres::ArchiveBytes{space.bytes()},
      postgres::BackupArchive{}, postgres::ArchiveBytes{data.bytes()}, postgres::BaseBackup::End{}};
  size_t next = 0;
  SnapshotProgress progress;
  const auto result = stream.run([&] { return events[next++]; }, {}, blocks_per_file, progress, {});
  std::vector<std::string> paths;
  for (const auto& [path, content] : capture.restored(result.captured)) paths.push_back(path);
  EXPECT_THAT(paths, testing::ElementsAre("pg_tblspc/16400/", "pg_tblspc/16400/PG_15_202209061/",
                                          "pg_tblspc/16400/PG_15_202209061/5/",
                                          "pg_tblspc/16400/PG_15_202209061/5/16401"));
}

TEST(StreamCapture, refuses_a_stream_that_is_cut_off_or_lacks_what_a_backup_has) {
  Dice dice;
  testing::SampleRepository sample;
  Capture capture(sample);
  Bytes tar = tar_of(sample_files(dice));
  tar.resize(tar.size() / 2);
  EXPECT_ERROR(corrupt, capture.stream(tar, nullptr, "run-1"));
  TarBuilder without_label;
  without_label.file("global/pg_control", "c");
  EXPECT_ERROR(corrupt, capture.stream({without_label.bytes().begin(), without_label.bytes().end()},
                                       nullptr, "run-2"));
}

TEST(StreamCapture, fails_when_the_store_does_and_goes_on_from_nothing) {
  Dice dice;
  const std::vector<SampleFile> files = sample_files(dice);
  const Bytes tar = tar_of(files);
  testing::SampleRepository sample;
  Capture capture(sample);
  for (uint64_t call = 1;; ++call) {
    sample.faulty.fail_call(call, testing::Fault::unavailable);
    try {
      capture.stream(tar, nullptr, fmt::format("run-{:04}", call));
      if (!sample.faulty.failed()) break;
      ADD_FAILURE() << "a failed call was not told";
    } catch (const base::Error& failure) {
      EXPECT_EQ(failure.kind(), base::ErrorKind::unavailable) << failure.message();
    }
  }
  sample.faulty.heal();
  EXPECT_EQ(capture.restored(capture.stream(tar, nullptr, "run-z").captured), wanted(files));
}

}  // namespace
}  // namespace layers
