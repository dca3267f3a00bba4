#include "testing/wal_builder.h"

#include "base/crc32c.h"
#include "base/error.h"
#include "postgres/wal_reader.h"

namespace testing {

using base::Bytes;
using base::ByteView;
using postgres::wal_page_bytes;

namespace {
constexpr uint16_t is_continuation = 1, is_long = 2, is_overwrite = 8;
constexpr uint8_t rm_xlog = 0, rm_transaction = 1;
constexpr size_t record_header = 24;

uint64_t aligned(uint64_t position) { return (position + 7) / 8 * 8; }
}  // namespace

WalBuilder::WalBuilder() : WalBuilder(Options{}) {}

WalBuilder::WalBuilder(const Options& options)
    : options_(options), position_(options.first_segment * options.segment_bytes) {}

std::byte& WalBuilder::byte_at(uint64_t position) {
  Bytes& segment = segments_[position / options_.segment_bytes];
  segment.resize(options_.segment_bytes);
  return segment[position % options_.segment_bytes];
}

void WalBuilder::begin_page(uint16_t flags, uint32_t remaining) {
  const bool first = position_ % options_.segment_bytes == 0;
  Bytes header;
  base::append<uint16_t>(header, options_.magic);
  base::append<uint16_t>(header, static_cast<uint16_t>(flags | (first ? is_long : 0)));
  base::append<uint32_t>(header, options_.timeline.value);
  base::append<uint64_t>(header, position_);
  base::append<uint32_t>(header, remaining);
  base::append<uint32_t>(header, 0);
  if (first) {
    base::append<uint64_t>(header, options_.system_identifier);
    base::append<uint32_t>(header, static_cast<uint32_t>(options_.segment_bytes));
    base::append<uint32_t>(header, wal_page_bytes);
  }
  for (const std::byte byte : header) byte_at(position_++) = byte;
}

// The bytes of one record, from the current position on.
void WalBuilder::put(ByteView bytes) {
  for (size_t done = 0; done < bytes.size(); ++done) {
    if (position_ % wal_page_bytes == 0)
      begin_page(is_continuation, static_cast<uint32_t>(bytes.size() - done));
    byte_at(position_++) = bytes[done];
  }
}

WalBuilder::Record WalBuilder::add_raw(uint8_t resource_manager, uint8_t info, ByteView body,
                                       uint32_t xid) {
  Bytes record;
  base::append<uint32_t>(record, static_cast<uint32_t>(record_header + body.size()));
  base::append<uint32_t>(record, xid);
  base::append<uint64_t>(record, 0);  // the record before, which nobody here asks for
  base::append<uint8_t>(record, info);
  base::append<uint8_t>(record, resource_manager);
  base::append<uint16_t>(record, 0);
  const uint32_t crc = base::crc32c(record, base::crc32c(body));
  base::append<uint32_t>(record, crc);
  base::append(record, body);

  if (position_ % wal_page_bytes == 0) begin_page(std::exchange(next_page_flags_, 0), 0);
  const postgres::Lsn begin{position_};
  put(record);
  position_ = aligned(position_);
  return {begin, {position_}};
}

WalBuilder::Record WalBuilder::add(uint8_t resource_manager, uint8_t info, ByteView main_data,
                                   uint32_t xid) {
  Bytes body;
  if (main_data.size() > 255) {
    base::append<uint8_t>(body, 254);
    base::append<uint32_t>(body, static_cast<uint32_t>(main_data.size()));
  } else if (!main_data.empty()) {
    base::append<uint8_t>(body, 255);
    base::append<uint8_t>(body, static_cast<uint8_t>(main_data.size()));
  }
  base::append(body, main_data);
  return add_raw(resource_manager, info, body, xid);
}

Bytes commit_data(base::Instant time) {
  Bytes data;
  base::append<int64_t>(data, postgres::to_postgres_time(time));
  return data;
}

WalBuilder::Record WalBuilder::commit(uint32_t xid, base::Instant time) {
  return add(rm_transaction, 0x00, commit_data(time), xid);
}

WalBuilder::Record WalBuilder::restore_point(const std::string& name, base::Instant time) {
  Bytes data = commit_data(time);
  base::append(data, base::as_bytes(name));
  data.resize(8 + 64);
  return add(rm_xlog, 0x70, data);
}

WalBuilder::Record WalBuilder::checkpoint(postgres::Lsn redo) {
  Bytes data(88);
  base::store<uint64_t>(data.data(), redo.value);
  base::store<uint32_t>(data.data() + 8, options_.timeline.value);
  return add(rm_xlog, 0x10, data);
}

WalBuilder::Record WalBuilder::backup_end(postgres::Lsn start) {
  Bytes data;
  base::append<uint64_t>(data, start.value);
  return add(rm_xlog, 0x50, data);
}

WalBuilder::Record WalBuilder::wal_level(int level) {
  Bytes data(28);
  base::store<int32_t>(data.data() + 20, level);
  return add(rm_xlog, 0x60, data);
}

WalBuilder::Record WalBuilder::switch_segment() {
  Record record = add(rm_xlog, 0x40, {});
  const uint64_t size = options_.segment_bytes;
  // The rest of the segment is pages with a header and nothing else, as the server leaves them.
  const uint64_t end = (record.begin.value / size + 1) * size;
  if (position_ % size != 0) {
    for (position_ = (position_ + wal_page_bytes - 1) / wal_page_bytes * wal_page_bytes;
         position_ < end; position_ = (position_ / wal_page_bytes + 1) * wal_page_bytes) {
      begin_page(0, 0);
    }
  }
  position_ = end;
  record.end = {end};
  return record;
}

void WalBuilder::fill_page_up_to(size_t room) {
  CHECK(room % 8 == 0);
  if (position_ % wal_page_bytes == 0) add(rm_xlog, 0x20, {});
  constexpr size_t smallest = 32;  // a record of one byte
  uint64_t left = wal_page_bytes - position_ % wal_page_bytes;
  if (left < room + smallest) {  // no room for one more: over to the next page
    add(rm_xlog, 0x20, Bytes(left + 100));
    left = wal_page_bytes - position_ % wal_page_bytes;
  }
  const size_t record_bytes = left - room;
  const size_t head = record_header + (record_bytes > 24 + 2 + 255 ? 5 : 2);
  add(rm_xlog, 0x20, Bytes(record_bytes - head, std::byte{0x5A}));
  CHECK(wal_page_bytes - position_ % wal_page_bytes == room || room == 0);
}

void WalBuilder::break_off_record() {
  if (position_ % wal_page_bytes == 0) begin_page(0, 0);
  const uint64_t left = wal_page_bytes - position_ % wal_page_bytes;
  Bytes part(left, std::byte{0x77});
  base::store<uint32_t>(part.data(), static_cast<uint32_t>(left + 500));
  put(part);
  next_page_flags_ = is_overwrite;
}

std::optional<Bytes> WalBuilder::segment(uint64_t number) const {
  const auto at = segments_.find(number);
  if (at == segments_.end()) return std::nullopt;
  return at->second;
}

}  // namespace testing
