// A synthetic cluster and its repository, for tests of this room. Included by tests only.
#pragma once

#include <fcntl.h>

#include <set>

#include "layers/snapshot/file_capture.h"
#include "layers/snapshot/restore_files.h"
#include "postgres/page.h"
#include "repository/verify.h"
#include "testing/dice.h"
#include "testing/errors.h"
#include "testing/sample_repository.h"

namespace layers {

inline void write_file(const base::Path& path, base::ByteView bytes) {
  std::filesystem::create_directories(path.parent_path());
  base::File file = base::File::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  file.write_all(bytes);
}

// A page as a server writes it: a position, a checksum, and something in it.
inline base::Bytes page(testing::Dice& dice, uint64_t lsn, uint32_t block) {
  base::Bytes bytes = dice.compressible(postgres::page_bytes);
  base::store<uint32_t>(bytes.data(), static_cast<uint32_t>(lsn >> 32));
  base::store<uint32_t>(bytes.data() + 4, static_cast<uint32_t>(lsn));
  base::store<uint16_t>(bytes.data() + 14, 8000);  // pd_upper: it is in use
  base::store<uint16_t>(bytes.data() + 8, postgres::page_checksum(bytes.data(), block));
  return bytes;
}

inline base::Bytes relation(testing::Dice& dice, uint32_t pages) {
  base::Bytes bytes;
  for (uint32_t block = 0; block < pages; ++block)
    base::append(bytes, page(dice, 0x1000 + block, block));
  return bytes;
}

// Files below `folder` that are no folders, with their content.
inline std::map<std::string, base::Bytes> files_below(const base::Path& folder) {
  std::map<std::string, base::Bytes> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      files[entry.path().lexically_relative(folder).string()] = base::read_file(entry.path());
    }
  }
  return files;
}

class SampleCluster {
 public:
  // Relations large and small, empty files, zeros, a short last block.
  explicit SampleCluster(base::Path folder) : data_(std::move(folder)) {
    testing::Dice dice(1);
    write_file(data_ / "PG_VERSION", base::as_bytes("15\n"));
    write_file(data_ / "base/5/1000", relation(dice, 300));
    write_file(data_ / "base/5/1000_vm", relation(dice, 1));
    write_file(data_ / "base/5/1001", {});
    write_file(data_ / "base/5/1002", base::Bytes(40 * postgres::page_bytes));
    for (int i = 2000; i < 2040; ++i)
      write_file(data_ / "base/5" / std::to_string(i), relation(dice, 3));
    write_file(data_ / "pg_xact/0000", dice.noise(20'001));
    write_file(data_ / "global/pg_control", dice.noise(8192));  // in the root, not among the files
    std::filesystem::create_directories(data_ / "pg_wal");
  }

  const base::Path& data() const { return data_; }
  DataFiles files() const { return DataFiles(data_, {}, "PG_15_202209061"); }

  // What a restore must bring back.
  std::map<std::string, base::Bytes> content() const {
    std::map<std::string, base::Bytes> all = files_below(data_);
    all.erase("global/pg_control");
    return all;
  }

 private:
  base::Path data_;
};

// What take_snapshot does around capture_files, without a server.
class Snapshots {
 public:
  explicit Snapshots(testing::SampleRepository& sample) : sample_(sample) {}

  uint64_t pack_bytes = 256 * base::KiB;
  unsigned threads = 2;
  uint64_t bytes_new = 0;  // of the last take()

  // Takes and commits a snapshot.
  repository::SnapshotRoot take(const DataFiles& files) {
    const int number = ++taken_;  // a failed one's id is never used again
    SnapshotProgress progress;
    const repository::EpochNumber epoch = sample_.epoch.number;
    const std::optional<repository::SnapshotRoot> base = choose_base(
        sample_.repository, epoch, postgres::TimelineHistory(postgres::Timeline{1}), {});
    repository::SnapshotRoot root{.id = fmt::format("20261122T{:06}Z", number),
                                  .run = fmt::format("20261122T{:06}Z-00000000", number)};
    root.epoch = epoch;
    root.system_identifier = sample_.epoch.system_identifier;
    root.major = 15;
    root.segment_bytes = sample_.epoch.segment_bytes;
    root.timeline = {1};
    root.start_lsn = root.checkpoint_lsn = {2 * base::MiB};
    root.stop_lsn = {2 * base::MiB + 100};
    root.backup_label = "a label\n";
    root.control_file = base::to_bytes("control");
    const CaptureFacts facts{.epoch = epoch,
                             .start = root.start_lsn,
                             .checksums = true,
                             .blocks_per_file = 131072,
                             .base = base ? &*base : nullptr,
                             .packs_to_leave = {},
                             .shards_to_leave = {},
                             .run = root.run,
                             .pack_bytes = pack_bytes,
                             .threads = threads,
                             .compress_level = 1};
    const CaptureResult captured = capture_files(files, sample_.repository, facts, progress, {});
    bytes_new = progress.bytes_new;
    root.shards = captured.stored.shards;
    root.totals = captured.stored.totals;
    root.damaged = captured.damaged;
    root.suspects = captured.suspects;
    for (const auto& [id, live] : captured.stored.live_bytes) {
      repository::PackRef pack{.id = id, .live_bytes = live};
      pack.size = sample_.repository.store().stat(repository::pack_key(epoch, id), {}).value().size;
      for (const auto& frame :
           repository::read_pack_index(sample_.repository, epoch, id, {}).frames)
        pack.raw_bytes += frame.address.raw_bytes;
      root.packs.push_back(pack);
    }
    sample_.repository.put_json(repository::snapshot_key(epoch, root.id), "snapshot", to_json(root),
                                {});
    return root;
  }

 private:
  testing::SampleRepository& sample_;
  int taken_ = 0;
};

// What is wrong in the repository, one per line.
inline std::string damage_in(const repository::Repository& repository) {
  repository::VerifyProgress progress;
  std::string all;
  for (const repository::Damage& damage : repository::verify(repository, 1, progress, {}).damage)
    all += damage.key + ": " + damage.what + "\n";
  return all;
}

}  // namespace layers
