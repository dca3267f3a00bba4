#include "postgres/control_file.h"

#include <thread>

#include "base/crc32c.h"
#include "base/error.h"

namespace postgres {

using base::ErrorKind;
using base::load;

namespace {

// Offsets in ControlFileData; CheckPoint is at 40.
constexpr size_t at_system_identifier = 0, at_control_version = 8, at_catalog_version = 12,
                 at_state = 16, at_checkpoint = 32, at_redo = 40, at_timeline = 48,
                 at_full_page_writes = 56, at_minimum_recovery_end = 136,
                 at_minimum_recovery_timeline = 144, at_wal_level = 172, at_max_connections = 180,
                 at_max_worker_processes = 184, at_max_wal_senders = 188, at_max_prepared = 192,
                 at_max_locks = 196, at_block_bytes = 216, at_blocks_per_file = 220,
                 at_segment_bytes = 228, at_checksum_version = 252;

// Where the CRC stands: behind the 32-byte nonce, before which version 1800 has one more bool.
size_t crc_offset(uint32_t control_version) { return control_version >= 1800 ? 292 : 288; }

}  // namespace

int ControlFile::major() const {
  switch (catalog_version / 100) {
    case 2021071:
      return 14;
    case 2022090:
      return 15;
    case 2023070:
      return 16;
    case 2024062:
      return 17;
    case 2025062:
      return 18;
    default:
      break;
  }
  throw base::Error(
      ErrorKind::invalid,
      fmt::format("catalog version {} is of no PostgreSQL release known here", catalog_version),
      "PostgreSQL 14 to 18 are supported");
}

ControlFile parse_control_file(base::ByteView bytes) {
  if (bytes.size() < 296)
    throw base::error(ErrorKind::corrupt, "pg_control has only {} bytes", bytes.size());
  const std::byte* at = bytes.data();
  ControlFile file{};
  file.control_version = load<uint32_t>(at + at_control_version);
  if (file.control_version != 1300 && file.control_version != 1700 &&
      file.control_version != 1800) {
    throw base::Error(
        ErrorKind::invalid,
        fmt::format("pg_control is of version {}, which is not known here", file.control_version),
        "PostgreSQL 14 to 18 are supported");
  }
  const size_t crc_at = crc_offset(file.control_version);
  if (base::crc32c(bytes.first(crc_at)) != load<uint32_t>(at + crc_at)) {
    throw base::error(ErrorKind::corrupt, "pg_control does not match its CRC");
  }
  file.system_identifier = load<uint64_t>(at + at_system_identifier);
  file.catalog_version = load<uint32_t>(at + at_catalog_version);
  file.state = static_cast<ClusterState>(load<uint32_t>(at + at_state));
  file.checkpoint = {load<uint64_t>(at + at_checkpoint)};
  file.redo = {load<uint64_t>(at + at_redo)};
  file.timeline = {load<uint32_t>(at + at_timeline)};
  file.full_page_writes = load<uint8_t>(at + at_full_page_writes) != 0;
  file.minimum_recovery_end = {load<uint64_t>(at + at_minimum_recovery_end)};
  file.minimum_recovery_timeline = {load<uint32_t>(at + at_minimum_recovery_timeline)};
  file.wal_level = load<int32_t>(at + at_wal_level);
  file.max_connections = load<int32_t>(at + at_max_connections);
  file.max_worker_processes = load<int32_t>(at + at_max_worker_processes);
  file.max_wal_senders = load<int32_t>(at + at_max_wal_senders);
  file.max_prepared_transactions = load<int32_t>(at + at_max_prepared);
  file.max_locks_per_transaction = load<int32_t>(at + at_max_locks);
  file.block_bytes = load<uint32_t>(at + at_block_bytes);
  file.blocks_per_file = load<uint32_t>(at + at_blocks_per_file);
  file.segment_bytes = load<uint32_t>(at + at_segment_bytes);
  file.checksums = load<uint32_t>(at + at_checksum_version) != 0;
  if (!is_segment_size(file.segment_bytes)) {
    throw base::error(ErrorKind::corrupt, "pg_control says a WAL segment has {} bytes",
                      file.segment_bytes);
  }
  return file;
}

ControlFileCopy read_control_file(const base::Path& data_directory) {
  for (int attempt = 1;; ++attempt) {
    base::Bytes bytes = base::read_file(data_directory / "global/pg_control", base::MiB);
    try {
      const ControlFile facts = parse_control_file(bytes);
      return {std::move(bytes), facts};
    } catch (const base::Error& failure) {
      if (failure.kind() != ErrorKind::corrupt || attempt == 10)
        throw failure.while_doing(data_directory.string());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace postgres
