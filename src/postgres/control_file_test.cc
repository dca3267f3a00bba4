#include "postgres/control_file.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "base/crc32c.h"
#include "testing/dice.h"
#include "testing/errors.h"

namespace postgres {
namespace {

// As initdb of PostgreSQL 15 wrote it (with -k), without the zeros behind it.
base::Bytes real_control_file() {
  base::Bytes bytes = base::from_hex(
      "cdab9628fb3f036b1405000025770d0c0100000000000000fc3f036b00000000b029750100000000b02975010000"
      "0000"
      "01000000010000000100000000000000d402000000000000053500000100000000000000cc020000010000000100"
      "0000"
      "0100000000000000fc3f036b0000000000000000000000000000000000000000e803000000000000000000000000"
      "0000"
      "00000000000000000000000000000000000000000000000000000000010000000000000064000000080000000a00"
      "0000"
      "000000004000000000000000080000000000000087d6324100200000000002000020000000000001400000002000"
      "0000"
      "cc070000000800000100000001000000bc494568c08bf526f216b774961522ed03eefdf8e308e5983679850784c4"
      "d962"
      "90888305");
  bytes.resize(8192);
  return bytes;
}

constexpr size_t covered_bytes = 292;  // up to and with the CRC

TEST(ControlFile, says_what_pg_controldata_says) {
  const ControlFile file = parse_control_file(real_control_file());
  EXPECT_EQ(file.system_identifier, 7711077334938725325u);
  EXPECT_EQ(file.control_version, 1300u);
  EXPECT_EQ(file.catalog_version, 202209061u);
  EXPECT_EQ(file.major(), 15);
  EXPECT_EQ(file.state, ClusterState::shut_down);
  EXPECT_EQ(file.checkpoint, parse_lsn("0/17529B0"));
  EXPECT_EQ(file.redo, parse_lsn("0/17529B0"));
  EXPECT_EQ(file.timeline, Timeline{1});
  EXPECT_TRUE(file.full_page_writes);
  EXPECT_EQ(file.minimum_recovery_end, Lsn{});
  EXPECT_EQ(file.wal_level, 1);
  EXPECT_EQ(file.max_connections, 100);
  EXPECT_EQ(file.max_worker_processes, 8);
  EXPECT_EQ(file.max_wal_senders, 10);
  EXPECT_EQ(file.max_prepared_transactions, 0);
  EXPECT_EQ(file.max_locks_per_transaction, 64);
  EXPECT_EQ(file.block_bytes, 8192u);
  EXPECT_EQ(file.blocks_per_file, 131072u);
  EXPECT_EQ(file.segment_bytes, 16 * base::MiB);
  EXPECT_TRUE(file.checksums);
}

TEST(ControlFile, is_refused_whichever_bit_is_flipped) {
  base::Bytes bytes = real_control_file();
  for (uint64_t bit = 0; bit < covered_bytes * 8; ++bit) {
    testing::Dice::flip_bit(bytes, bit);
    const bool version = bit / 8 >= 8 && bit / 8 < 12;
    if (version) {  // another version has its CRC elsewhere
      EXPECT_ERROR(invalid, parse_control_file(bytes)) << bit;
    } else {
      EXPECT_ERROR(corrupt, parse_control_file(bytes)) << bit;
    }
    testing::Dice::flip_bit(bytes, bit);
  }
  parse_control_file(bytes);
}

TEST(ControlFile, is_refused_when_cut_short) {
  const base::Bytes bytes = real_control_file();
  for (size_t size = 0; size < 296; ++size)
    EXPECT_ERROR(corrupt, parse_control_file(base::ByteView(bytes).first(size))) << size;
}

TEST(ControlFile, is_refused_with_a_segment_size_that_cannot_be) {
  base::Bytes bytes = real_control_file();
  base::store<uint32_t>(bytes.data() + 228, 3 * base::MiB);
  base::store<uint32_t>(bytes.data() + 288, base::crc32c(base::ByteView(bytes).first(288)));
  EXPECT_ERROR(corrupt, parse_control_file(bytes));
}

TEST(ControlFile, names_no_major_for_a_catalog_that_is_not_known) {
  base::Bytes bytes = real_control_file();
  base::store<uint32_t>(bytes.data() + 12, 201909212);
  base::store<uint32_t>(bytes.data() + 288, base::crc32c(base::ByteView(bytes).first(288)));
  EXPECT_ERROR(invalid, parse_control_file(bytes).major());
}

TEST(ControlFile, is_read_again_while_it_is_torn) {
  const base::TemporaryFolder folder;
  base::create_folders_durably(folder.path() / "global");
  base::Bytes bytes = real_control_file();
  const base::Bytes good = bytes;
  testing::Dice::flip_bit(bytes, 1000);
  const base::Path path = folder.path() / "global/pg_control";
  base::write_file_durably(path, bytes);
  const base::Error failure = testing::error_of([&] { read_control_file(folder.path()); });
  EXPECT_EQ(failure.kind(), base::ErrorKind::corrupt);
  EXPECT_THAT(failure.message(), ::testing::HasSubstr(folder.path().string()));

  std::atomic<bool> reading{false};
  std::jthread server([&] {  // mends it while it is being read
    while (!reading) std::this_thread::yield();
    base::write_file_durably(path, good);
  });
  reading = true;
  EXPECT_TRUE(read_control_file(folder.path()).bytes == good);
}

}  // namespace
}  // namespace postgres
