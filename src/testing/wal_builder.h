// Writes WAL as a server would, page by page, for tests of what reads it. Source: PostgreSQL
// src/include/access/{xlog_internal,xlogrecord}.h.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "base/bytes.h"
#include "base/time.h"
#include "postgres/lsn.h"

namespace testing {

class WalBuilder {
 public:
  struct Options {
    uint64_t segment_bytes = base::MiB;
    uint64_t first_segment = 1;
    postgres::Timeline timeline{1};
    uint64_t system_identifier = 7711077334938725325;
    uint16_t magic = 0xD110;  // PostgreSQL 15
  };
  WalBuilder();
  explicit WalBuilder(const Options& options);

  struct Record {
    postgres::Lsn begin;
    postgres::Lsn end;  // where the next may begin
  };
  // A record whose only content is main data.
  Record add(uint8_t resource_manager, uint8_t info, base::ByteView main_data, uint32_t xid = 0);
  // A record with these bytes behind its header.
  Record add_raw(uint8_t resource_manager, uint8_t info, base::ByteView body, uint32_t xid = 0);
  // The records whose meaning matters.
  Record commit(uint32_t xid, base::Instant time);
  Record restore_point(const std::string& name, base::Instant time);
  Record checkpoint(postgres::Lsn redo);
  Record backup_end(postgres::Lsn start);
  Record wal_level(int level);
  // Ends the segment as pg_switch_wal() does.
  Record switch_segment();
  // Goes on to where `room` bytes are left on the page, with one record in between.
  void fill_page_up_to(size_t room);
  // A record begun and never finished, because the server crashed: its first page is written, and
  // the next page says that what it continued is overwritten.
  void break_off_record();

  postgres::Lsn position() const { return {position_}; }
  // The segment's bytes, zeros where nothing is written yet; nothing where none is begun.
  std::optional<base::Bytes> segment(uint64_t number) const;
  // For WalReader.
  std::function<std::optional<base::Bytes>(uint64_t)> source() const {
    return [this](uint64_t number) { return segment(number); };
  }
  void damage(postgres::Lsn at) { byte_at(at.value) ^= std::byte{0x10}; }

 private:
  std::byte& byte_at(uint64_t position);
  void put(base::ByteView bytes);
  void begin_page(uint16_t flags, uint32_t remaining);

  Options options_;
  uint64_t position_;
  uint16_t next_page_flags_ = 0;
  std::map<uint64_t, base::Bytes> segments_;
};

// The main data of the records above, for those who build their own.
base::Bytes commit_data(base::Instant time);

}  // namespace testing
