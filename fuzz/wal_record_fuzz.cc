// Any bytes as what is behind a record's header, in a log where page, length and CRC are right: the
// first three bytes are resource manager, info and how full the page before is.
#include "fuzz.h"
#include "postgres/wal_reader.h"
#include "testing/wal_builder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3 || size > 40'000) return 0;
  constexpr uint64_t segment_bytes = 64 * base::KiB;  // no server's, but quick to read
  testing::WalBuilder wal({.segment_bytes = segment_bytes});
  wal.fill_page_up_to(data[2] % 128 * size_t{8});
  const testing::WalBuilder::Record record =
      wal.add_raw(data[0], data[1], fuzz::view(data, size).subspan(3), 1);
  postgres::WalReader reader(wal.source(), segment_bytes, record.begin);
  fuzz::refused_at_worst({base::ErrorKind::corrupt}, [&] {
    const std::optional<postgres::WalRecord> read = reader.next();
    if (!read) {
      CHECK(!reader.why_ended().empty());
      return;
    }
    CHECK(read->begin == record.begin && read->end >= record.begin);
    (void)read->backup_end_of();
    (void)read->commit_time();
    (void)read->restore_point();
    (void)read->new_wal_level();
    if (read->is_checkpoint()) (void)read->redo();
    (void)reader.next();
  });
  return 0;
}
