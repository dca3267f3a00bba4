// Reading the write-ahead log itself: pages, records, and the few records whose meaning matters to
// a backup. Source: PostgreSQL src/include/access/{xlog_internal,xlogrecord,xact}.h and
// src/backend/access/transam/xlogreader.c.
#pragma once

#include <functional>
#include <optional>

#include "base/bytes.h"
#include "base/time.h"
#include "postgres/lsn.h"

namespace postgres {

inline constexpr size_t wal_page_bytes = 8192;  // XLOG_BLCKSZ

// What the first page of a segment says of it.
struct SegmentHeader {
  int major = 0;  // the server version that wrote it, by the page magic: 14 .. 18
  Timeline timeline;
  Lsn start;
  uint64_t system_identifier = 0;
  uint64_t segment_bytes = 0;
};
// Throws corrupt when this is not the first page of a segment of PostgreSQL 14 to 18.
SegmentHeader parse_segment_header(base::ByteView first_page);

// Microseconds since 2000-01-01 UTC, PostgreSQL's way of writing times, to ours.
base::Instant from_postgres_time(int64_t microseconds);
int64_t to_postgres_time(base::Instant instant);

// The file that a relation's rows are in: pg_class.relfilenode, and where it lies.
struct RelationFile {
  uint32_t tablespace = 0;
  uint32_t database = 0;
  uint32_t file = 0;
  auto operator<=>(const RelationFile&) const = default;
};

struct WalRecord {
  Lsn begin;
  Lsn end;  // of its last byte, plus one, rounded up to where the next may begin
  uint32_t xid;
  uint8_t resource_manager;
  uint8_t info;
  int major = 15;
  base::Bytes main_data;
  std::optional<RelationFile> relation{};  // of the first block that it is about

  bool is_checkpoint() const;  // online or shutdown
  // The start position that an end-of-backup record names.
  std::optional<Lsn> backup_end_of() const;
  // When the transaction that this record commits (or aborts) ended.
  std::optional<base::Instant> commit_time() const;
  struct RestorePoint {
    std::string name;
    base::Instant time;
  };
  std::optional<RestorePoint> restore_point() const;
  // wal_level, if this record says that it changed: 0 is minimal.
  std::optional<int> new_wal_level() const;
  // For a checkpoint record: where its replay starts.
  Lsn redo() const;
};

// Reads records one after another. Belongs to one thread.
class WalReader {
 public:
  // Gives a segment's bytes by its number, or nothing where there is no more; the reader keeps one
  // at a time.
  using Source = std::function<std::optional<base::Bytes>(uint64_t segment_number)>;

  // Starts with the record at `from`, or with `first_record_after`, the first that begins there or
  // later.
  WalReader(Source source, uint64_t segment_bytes, Lsn from);
  static WalReader first_record_after(Source source, uint64_t segment_bytes, Lsn from);

  // The next record; nothing where the log ends: no segment, zeros, an old page of a recycled file,
  // a bad CRC. why_ended() tells which.
  std::optional<WalRecord> next();
  const std::string& why_ended() const { return why_ended_; }
  Lsn position() const { return position_; }

 private:
  struct Page {
    const std::byte* data;
    size_t header;
    uint16_t info;
    uint32_t remaining;  // bytes of a record begun on an earlier page
  };
  // The page that holds `at`; nothing (and why_ended_) where it is not a page of this log at this
  // place.
  std::optional<Page> page_at(Lsn at);
  bool take(base::Bytes& record, size_t count);
  std::optional<WalRecord> read();
  std::optional<WalRecord> end(std::string why);
  bool skip_to_first_record();

  Source source_;
  uint64_t segment_bytes_;
  Lsn position_;
  uint64_t loaded_number_ = UINT64_MAX;
  base::Bytes loaded_;
  bool overwritten_ = false;  // the record begun ends with its page: another was begun on the next
  std::string why_ended_;
};

}  // namespace postgres
