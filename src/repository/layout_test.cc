#include "repository/layout.h"

#include "testing/errors.h"

namespace repository {
namespace {

using postgres::parse_wal_file_name;

// The tables of docs/formats/repository.md and wal_archive.md.
TEST(Layout, names_objects_as_the_format_says) {
  const EpochNumber epoch{7};
  const base::Instant slot = base::from_rfc3339("2026-11-22T19:00:00Z");
  EXPECT_EQ(epoch_key(epoch).text(), "epochs/0007.json");
  EXPECT_EQ(wal_key(epoch, *parse_wal_file_name("0000000100000002000000FE")).text(),
            "wal/0007/00000001/00000002/0000000100000002000000FE.zst");
  EXPECT_EQ(wal_key(epoch, *parse_wal_file_name("0000000100000002000000FE.partial")).text(),
            "wal/0007/00000001/00000002/0000000100000002000000FE.partial.zst");
  EXPECT_EQ(wal_key(epoch, *parse_wal_file_name("0000000100000002000000FE.00000028.backup")).text(),
            "wal/0007/00000001/00000002/0000000100000002000000FE.00000028.backup.zst");
  EXPECT_EQ(wal_key(epoch, *parse_wal_file_name("0000000B.history")).text(),
            "wal/0007/history/0000000B.history.zst");
  EXPECT_EQ(wal_chunk_key(epoch, "0000000100000002000000FE", 0x2000, 0x1000000).text(),
            "wal/0007/00000001/00000002/0000000100000002000000FE.d/00002000-01000000.zst");
  EXPECT_EQ(shard_key(epoch, "20261122T190000Z-0011aabb", 12).text(),
            "shards/0007/20261122T190000Z-0011aabb/000012.zst");
  EXPECT_EQ(snapshot_key(epoch, "20261122T190000Z").text(), "snapshots/0007/20261122T190000Z.json");
  EXPECT_EQ(claim_key("snapshots-nightly", slot, 2).text(),
            "claims/snapshots-nightly/20261122T190000Z/02.json");
  EXPECT_EQ(run_key("snapshots-nightly", slot, 1).text(),
            "runs/snapshots-nightly/20261122T190000Z/01.json");
}

TEST(PackId, carries_the_moment_it_was_made_and_sorts_by_it) {
  const base::Instant now = base::from_rfc3339("2026-11-22T19:00:00.123456Z");
  const PackId one = new_pack_id(now);
  const PackId two = new_pack_id(now + std::chrono::milliseconds(1));
  EXPECT_EQ(one.made(), base::from_rfc3339("2026-11-22T19:00:00.123Z"));
  EXPECT_LT(one.hex(), two.hex());
  EXPECT_NE(one, new_pack_id(now));
  EXPECT_EQ(parse_pack_id(one.hex()), one);
  EXPECT_EQ(pack_key({1}, one).text(), "packs/0001/" + one.hex() + ".zst");
}

TEST(PackId, is_thirty_two_digits) {
  EXPECT_ERROR(corrupt, parse_pack_id(""));
  EXPECT_ERROR(corrupt, parse_pack_id(std::string(31, 'a')));
  EXPECT_ERROR(corrupt, parse_pack_id(std::string(34, 'a')));
  EXPECT_ERROR(corrupt, parse_pack_id(std::string(32, 'x')));
}

TEST(RunId, is_unlike_any_other_and_starts_with_its_start) {
  const base::Instant now = base::from_rfc3339("2026-11-22T19:00:00Z");
  const std::string id = new_run_id(now);
  EXPECT_EQ(id.size(), 16u + 1 + 8);
  EXPECT_TRUE(id.starts_with("20261122T190000Z-"));
  EXPECT_NE(id, new_run_id(now));
}

}  // namespace
}  // namespace repository
