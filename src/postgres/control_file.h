// global/pg_control: who this cluster is, where it stands, what recovery of it needs.
// Source: PostgreSQL src/include/catalog/pg_control.h, versions 14 to 18 (the layout up to the
// checksum version is the same in all of them).
#pragma once

#include "base/file.h"
#include "postgres/lsn.h"

namespace postgres {

enum class ClusterState : uint32_t {  // DBState
  starting_up,
  shut_down,
  shut_down_in_recovery,
  shutting_down,
  in_crash_recovery,
  in_archive_recovery,
  in_production,
};

struct ControlFile {
  uint64_t system_identifier = 0;
  uint32_t control_version = 0;
  uint32_t catalog_version = 0;
  ClusterState state{};
  Lsn checkpoint;  // the latest checkpoint's record
  Lsn redo;        // where replay from it starts
  Timeline timeline;
  Lsn minimum_recovery_end;  // a standby is consistent from here; 0 on a primary
  Timeline minimum_recovery_timeline;
  bool full_page_writes = false;
  int wal_level = 0;  // 0 minimal, 1 replica, 2 logical
  int max_connections = 0;
  int max_worker_processes = 0;
  int max_wal_senders = 0;
  int max_prepared_transactions = 0;
  int max_locks_per_transaction = 0;
  uint32_t block_bytes = 0;
  uint32_t blocks_per_file = 0;  // of a relation
  uint32_t segment_bytes = 0;
  bool checksums = false;

  // The major version that wrote it, by its catalog version: 14 .. 18.
  int major() const;
};

// Throws corrupt when the CRC does not match, invalid when the version is not one we know.
ControlFile parse_control_file(base::ByteView bytes);

// Reads global/pg_control of a data directory that may be live: a torn read is read again, up to
// ten times.
struct ControlFileCopy {
  base::Bytes bytes;
  ControlFile facts;
};
ControlFileCopy read_control_file(const base::Path& data_directory);

}  // namespace postgres
