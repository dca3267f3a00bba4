#include "postgres/wal_reader.h"

#include "base/crc32c.h"
#include "base/error.h"

namespace postgres {

using base::Bytes;
using base::ByteView;
using base::ErrorKind;
using base::load;

namespace {

// XLogPageHeaderData: magic u16, info u16, timeline u32, address u64, remaining u32; a long one
// adds system identifier u64 at 24, segment size u32 at 32, page size u32 at 36.
constexpr size_t short_header = 24, long_header = 40;
constexpr uint16_t first_is_continuation = 1, has_long_header = 2, first_is_overwrite = 8;

// XLogRecord: length u32, xid u32, prev u64, info u8, resource manager u8, crc u32 at 20.
constexpr size_t record_header = 24;
constexpr uint32_t record_bytes_max = 1020 * base::MiB;

constexpr uint8_t rm_xlog = 0, rm_transaction = 1;
constexpr uint8_t xlog_checkpoint_shutdown = 0x00, xlog_checkpoint_online = 0x10,
                  xlog_switch = 0x40, xlog_backup_end = 0x50, xlog_parameter_change = 0x60,
                  xlog_restore_point = 0x70;
constexpr uint8_t xact_commit = 0x00, xact_abort = 0x20, xact_commit_prepared = 0x30,
                  xact_abort_prepared = 0x40;

std::optional<int> major_of_magic(uint16_t magic) {
  switch (magic) {
    case 0xD10D:
      return 14;
    case 0xD110:
      return 15;
    case 0xD113:
      return 16;
    case 0xD116:
      return 17;
    case 0xD118:
      return 18;
    default:
      return std::nullopt;
  }
}

Lsn align(Lsn lsn) { return {(lsn.value + 7) & ~uint64_t{7}}; }

// Walks the block headers of a whole record to its main data; the first block's relation goes to
// `relation`. Throws corrupt.
Bytes main_data_of(ByteView record, int major, std::optional<RelationFile>& relation) {
  const uint8_t compressed =
      major >= 15 ? 0x1C : 0x02;  // bimg_info: pglz, lz4, zstd; before 15 one bit
  const auto fail = [] {
    return base::error(ErrorKind::corrupt, "a WAL record's headers do not fit its length");
  };
  size_t at = record_header;
  size_t payload = 0;  // of blocks, which comes before the main data
  const auto need = [&](size_t count) {
    if (at + count > record.size()) throw fail();
  };
  while (at + payload < record.size()) {
    need(1);
    const uint8_t id = load<uint8_t>(record.data() + at++);
    if (id == 255 || id == 254) {
      const size_t width = id == 255 ? 1 : 4;
      need(width);
      const uint32_t length =
          id == 255 ? load<uint8_t>(record.data() + at) : load<uint32_t>(record.data() + at);
      at += width;
      if (at + payload + length != record.size()) throw fail();
      const ByteView data = record.subspan(at + payload);
      return {data.begin(), data.end()};
    }
    if (id == 253) {  // replication origin
      need(2);
      at += 2;
    } else if (id == 252) {  // top-level transaction
      need(4);
      at += 4;
    } else if (id <= 32) {
      need(3);
      const uint8_t flags = load<uint8_t>(record.data() + at);
      payload += load<uint16_t>(record.data() + at + 1);
      at += 3;
      if ((flags & 0x10) != 0) {  // an image of the block
        need(5);
        payload += load<uint16_t>(record.data() + at);
        const uint8_t image = load<uint8_t>(record.data() + at + 4);
        at += 5;
        if ((image & 0x01) != 0 && (image & compressed) != 0) at += 2;  // the hole's length
      }
      if ((flags & 0x80) == 0) {  // the relation, unless the one before
        need(12);
        const std::byte* of = record.data() + at;
        if (!relation)
          relation =
              RelationFile{load<uint32_t>(of), load<uint32_t>(of + 4), load<uint32_t>(of + 8)};
        at += 12;
      }
      at += 4;  // the block number
      need(0);
    } else {
      throw fail();
    }
  }
  return {};
}

}  // namespace

SegmentHeader parse_segment_header(ByteView first_page) {
  const auto fail = [](std::string why) { return base::Error(ErrorKind::corrupt, std::move(why)); };
  if (first_page.size() < long_header) throw fail("a WAL segment of fewer bytes than its header");
  const std::byte* at = first_page.data();
  const uint16_t magic = load<uint16_t>(at);
  const std::optional<int> major = major_of_magic(magic);
  if (!major) throw fail(fmt::format("page magic {:04X} is of no PostgreSQL from 14 to 18", magic));
  if ((load<uint16_t>(at + 2) & has_long_header) == 0)
    throw fail("the first page of the segment has no long header");
  SegmentHeader header{.major = *major,
                       .timeline = {load<uint32_t>(at + 4)},
                       .start = {load<uint64_t>(at + 8)},
                       .system_identifier = load<uint64_t>(at + 24),
                       .segment_bytes = load<uint32_t>(at + 32)};
  if (!is_segment_size(header.segment_bytes)) {
    throw fail(fmt::format("the header says a segment has {} bytes", header.segment_bytes));
  }
  if (header.start.value % header.segment_bytes != 0)
    throw fail("the segment does not start at a segment's boundary");
  return header;
}

namespace {
constexpr base::Instant postgres_epoch = std::chrono::sys_days{std::chrono::year{2000} / 1 / 1};
}

base::Instant from_postgres_time(int64_t microseconds) {
  return postgres_epoch + base::Duration{microseconds};
}
int64_t to_postgres_time(base::Instant instant) { return (instant - postgres_epoch).count(); }

bool WalRecord::is_checkpoint() const {
  const uint8_t operation = info & 0xF0;
  return resource_manager == rm_xlog &&
         (operation == xlog_checkpoint_shutdown || operation == xlog_checkpoint_online);
}

std::optional<Lsn> WalRecord::backup_end_of() const {
  if (resource_manager != rm_xlog || (info & 0xF0) != xlog_backup_end || main_data.size() < 8)
    return std::nullopt;
  return Lsn{load<uint64_t>(main_data.data())};
}

std::optional<base::Instant> WalRecord::commit_time() const {
  if (resource_manager != rm_transaction || main_data.size() < 8) return std::nullopt;
  const uint8_t operation = info & 0x70;
  if (operation != xact_commit && operation != xact_abort && operation != xact_commit_prepared &&
      operation != xact_abort_prepared) {
    return std::nullopt;
  }
  return from_postgres_time(load<int64_t>(main_data.data()));
}

std::optional<WalRecord::RestorePoint> WalRecord::restore_point() const {
  if (resource_manager != rm_xlog || (info & 0xF0) != xlog_restore_point || main_data.size() < 9)
    return std::nullopt;
  const std::string_view text = base::as_text(ByteView(main_data).subspan(8));
  return RestorePoint{std::string(text.substr(0, text.find('\0'))),
                      from_postgres_time(load<int64_t>(main_data.data()))};
}

std::optional<int> WalRecord::new_wal_level() const {
  // xl_parameter_change: MaxConnections, max_worker_processes, max_wal_senders, max_prepared_xacts,
  // max_locks, wal_level
  if (resource_manager != rm_xlog || (info & 0xF0) != xlog_parameter_change ||
      main_data.size() < 24) {
    return std::nullopt;
  }
  return load<int32_t>(main_data.data() + 20);
}

Lsn WalRecord::redo() const {
  CHECK(is_checkpoint());
  if (main_data.size() < 8)
    throw base::error(ErrorKind::corrupt, "the checkpoint record at {} is too short",
                      to_string(begin));
  return {load<uint64_t>(main_data.data())};
}

WalReader::WalReader(Source source, uint64_t segment_bytes, Lsn from)
    : source_(std::move(source)), segment_bytes_(segment_bytes), position_(from) {}

WalReader WalReader::first_record_after(Source source, uint64_t segment_bytes, Lsn from) {
  WalReader reader(std::move(source), segment_bytes,
                   {from.value / wal_page_bytes * wal_page_bytes});
  if (!reader.skip_to_first_record()) return reader;
  while (reader.position_ < from && reader.next()) {
  }
  return reader;
}

std::optional<WalRecord> WalReader::end(std::string why) {
  why_ended_ = std::move(why);
  return std::nullopt;
}

std::optional<WalReader::Page> WalReader::page_at(Lsn at) {
  const uint64_t number = at.value / segment_bytes_;
  if (number != loaded_number_) {
    std::optional<Bytes> bytes = source_(number);
    if (!bytes) {
      why_ended_ = "there is no later segment";
      return std::nullopt;
    }
    loaded_ = std::move(*bytes);
    loaded_number_ = number;
  }
  const size_t offset = at.value % segment_bytes_ / wal_page_bytes * wal_page_bytes;
  if (offset + wal_page_bytes > loaded_.size()) {
    why_ended_ = "the segment ends here";
    return std::nullopt;
  }
  const std::byte* data = loaded_.data() + offset;
  const uint64_t address = at.value / wal_page_bytes * wal_page_bytes;
  if (!major_of_magic(load<uint16_t>(data)) || load<uint64_t>(data + 8) != address) {
    why_ended_ = "the page here is not of this log";
    return std::nullopt;
  }
  const uint16_t info = load<uint16_t>(data + 2);
  return Page{data, (info & has_long_header) != 0 ? long_header : short_header, info,
              load<uint32_t>(data + 16)};
}

// From the start of a page: past what continues a record begun before it.
bool WalReader::skip_to_first_record() {
  for (;;) {
    const std::optional<Page> page = page_at(position_);
    if (!page) return false;
    const uint64_t start = position_.value / wal_page_bytes * wal_page_bytes;
    const bool continues = (page->info & first_is_continuation) != 0;
    const uint64_t room = wal_page_bytes - page->header;
    if (continues && page->remaining >= room) {  // the whole page is of that record
      position_ = {start + wal_page_bytes};
      continue;
    }
    position_ = align({start + page->header + (continues ? page->remaining : 0)});
    return true;
  }
}

// Appends `count` bytes from the current position on, going over page headers.
bool WalReader::take(Bytes& record, size_t count) {
  while (count > 0) {
    const std::optional<Page> page = page_at(position_);
    if (!page) return false;
    size_t in_page = position_.value % wal_page_bytes;
    if (in_page == 0) {
      overwritten_ = (page->info & first_is_overwrite) != 0;
      if (overwritten_ || (page->info & first_is_continuation) == 0 || page->remaining != count) {
        why_ended_ = "the record is not continued on the next page";
        return false;
      }
      in_page = page->header;
      position_.value += page->header;
    }
    const size_t now = std::min(count, wal_page_bytes - in_page);
    record.insert(record.end(), page->data + in_page, page->data + in_page + now);
    position_.value += now;
    count -= now;
  }
  return true;
}

std::optional<WalRecord> WalReader::next() {
  for (;;) {
    overwritten_ = false;
    std::optional<WalRecord> record = read();
    // A server that crashed while it wrote a record over several pages goes on behind it.
    if (record || !overwritten_) return record;
  }
}

std::optional<WalRecord> WalReader::read() {
  if (position_.value % wal_page_bytes == 0) {
    const std::optional<Page> page = page_at(position_);
    if (!page) return std::nullopt;
    position_.value += page->header;
  }
  const Lsn begin = position_;
  const std::optional<Page> page = page_at(position_);
  if (!page) return std::nullopt;
  const int major = *major_of_magic(load<uint16_t>(page->data));
  const uint32_t length =
      load<uint32_t>(page->data + position_.value % wal_page_bytes);  // never split across pages
  if (length == 0) return end("zeros follow");
  if (length < record_header || length > record_bytes_max) return end("what follows is no record");

  Bytes record;
  const size_t on_this_page =
      std::min<size_t>(length, wal_page_bytes - position_.value % wal_page_bytes);
  const auto give_up = [&](Lsn at) {
    if (!overwritten_) position_ = at;
    return std::nullopt;
  };
  record.reserve(std::min<size_t>(length, base::MiB));
  if (!take(record, on_this_page) || !take(record, length - on_this_page)) return give_up(begin);

  const ByteView whole(record);
  const uint32_t crc = base::crc32c(whole.first(20), base::crc32c(whole.subspan(record_header)));
  if (crc != load<uint32_t>(record.data() + 20)) {
    why_ended_ = "the record's CRC does not match";
    return give_up(begin);
  }
  WalRecord result{.begin = begin,
                   .end = align(position_),
                   .xid = load<uint32_t>(record.data() + 4),
                   .resource_manager = load<uint8_t>(record.data() + 17),
                   .info = load<uint8_t>(record.data() + 16),
                   .major = major,
                   .main_data = {}};
  result.main_data = main_data_of(record, major, result.relation);
  if (result.resource_manager == rm_xlog && (result.info & 0xF0) == xlog_switch) {
    result.end = {(result.begin.value / segment_bytes_ + 1) * segment_bytes_};
  }
  position_ = result.end;
  return result;
}

}  // namespace postgres
