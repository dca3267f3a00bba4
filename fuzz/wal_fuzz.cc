// Any bytes as WAL. They are laid over a small log whose records are whole: so that the reader gets
// beyond the first page, records with a wrong CRC are not all there is. The first byte says where.
#include "fuzz.h"
#include "postgres/wal_reader.h"
#include "testing/wal_builder.h"

namespace {

constexpr uint64_t segment_bytes = 64 * base::KiB;  // no server's, but quick to read

void read_all(const std::function<std::optional<base::Bytes>(uint64_t)>& source, bool from_start) {
  const postgres::Lsn from{segment_bytes + (from_start ? 40 : 4096)};
  postgres::WalReader reader =
      from_start ? postgres::WalReader(source, segment_bytes, from)
                 : postgres::WalReader::first_record_after(source, segment_bytes, from);
  postgres::Lsn last{};
  while (const std::optional<postgres::WalRecord> record = reader.next()) {
    CHECK(record->begin >= last && record->end > record->begin);
    last = record->end;
    (void)record->backup_end_of();
    (void)record->commit_time();
    (void)record->restore_point();
    (void)record->new_wal_level();
    if (record->is_checkpoint()) (void)record->redo();
  }
  CHECK(!reader.why_ended().empty());
}

base::Bytes whole_log() {
  testing::WalBuilder wal({.segment_bytes = segment_bytes});
  const base::Instant noon = base::from_rfc3339("2026-11-22T12:00:00Z");
  wal.checkpoint(wal.position());
  wal.commit(7, noon);
  wal.restore_point("before", noon);
  wal.wal_level(1);
  wal.backup_end({segment_bytes});
  wal.fill_page_up_to(16);
  wal.add(10, 0, base::Bytes(20'000, std::byte{1}), 8);
  wal.break_off_record();
  wal.commit(9, noon);
  return wal.segment(1).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const base::ByteView bytes = fuzz::view(data, size).subspan(1);
  fuzz::refused_at_worst({base::ErrorKind::corrupt}, [&] {
    const postgres::SegmentHeader header = postgres::parse_segment_header(bytes);
    CHECK(header.major >= 14 && header.major <= 18);
  });
  static const base::Bytes log = whole_log();
  base::Bytes segment = log;
  const size_t at = data[0] * segment.size() / 256;
  std::copy_n(bytes.begin(), std::min(bytes.size(), segment.size() - at),
              segment.begin() + static_cast<std::ptrdiff_t>(at));
  const auto source = [&](uint64_t number) -> std::optional<base::Bytes> {
    if (number != 1) return std::nullopt;
    return segment;
  };
  fuzz::refused_at_worst({base::ErrorKind::corrupt}, [&] { read_all(source, true); });
  fuzz::refused_at_worst({base::ErrorKind::corrupt}, [&] { read_all(source, false); });
  return 0;
}
