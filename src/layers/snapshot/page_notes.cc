#include "layers/snapshot/page_notes.h"

namespace layers {

namespace {
constexpr uint64_t lsn_ahead_max =
    1024 * base::GiB;  // a backup in which more WAL is written has a page of noise instead
}  // namespace

bool page_is_sound(const RelationFile& relation, uint64_t block, const std::byte* page) {
  return postgres::page_is_new(page) ||
         postgres::page_checksum_matches(page, relation.first_block + static_cast<uint32_t>(block));
}

bool page_is_in_wal(const std::byte* page, postgres::Lsn start) {
  const postgres::Lsn lsn = postgres::page_lsn(page);
  return lsn > start && lsn.value < start.value + lsn_ahead_max;
}

bool page_is_suspect(const RelationFile& relation, base::ByteView page,
                     const repository::SnapshotRoot& base) {
  if (!base.checksums || base.from != "primary") return false;
  if (!relation.is_main_fork || page.size() != postgres::page_bytes ||
      postgres::page_is_new(page.data()))
    return false;
  return postgres::page_lsn(page.data()) <= base.start_lsn;
}

}  // namespace layers
