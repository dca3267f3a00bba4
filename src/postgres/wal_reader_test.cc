#include "postgres/wal_reader.h"

#include <algorithm>

#include "testing/dice.h"
#include "testing/errors.h"
#include "testing/wal_builder.h"

namespace postgres {
namespace {

using testing::WalBuilder;

constexpr uint64_t segment_bytes = base::MiB;
const base::Instant noon = base::from_rfc3339("2026-11-22T12:00:00.123456Z");

WalReader reader_of(const WalBuilder& wal, Lsn from) {
  return WalReader(wal.source(), segment_bytes, from);
}

std::vector<WalRecord> all_records(WalReader& reader) {
  std::vector<WalRecord> all;
  while (std::optional<WalRecord> record = reader.next()) all.push_back(std::move(*record));
  return all;
}

TEST(WalReader, reads_records_of_every_size_over_pages_and_segments) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  WalBuilder wal;
  const Lsn start{segment_bytes};
  struct Written {
    WalBuilder::Record place;
    base::Bytes data;
  };
  std::vector<Written> written;
  while (wal.position().value < 4 * segment_bytes) {
    const size_t size = dice.one_in(50)  ? dice.below(300'000)
                        : dice.one_in(5) ? dice.below(30'000)
                                         : dice.below(400);
    Written one{{}, dice.noise(size)};
    one.place = wal.add(10, 0x20, one.data, static_cast<uint32_t>(written.size()));
    written.push_back(std::move(one));
  }
  WalReader reader = reader_of(wal, start);
  for (size_t i = 0; i < written.size(); ++i) {
    const std::optional<WalRecord> record = reader.next();
    ASSERT_TRUE(record) << reader.why_ended() << " at record " << i;
    EXPECT_EQ(record->begin, written[i].place.begin);
    EXPECT_EQ(record->end, written[i].place.end);
    EXPECT_EQ(record->xid, i);
    EXPECT_EQ(record->resource_manager, 10);
    EXPECT_EQ(record->info, 0x20);
    ASSERT_TRUE(record->main_data == written[i].data) << i;
  }
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.position(), wal.position());

  // From any place, the first record that begins there or later.
  for (uint64_t round = 0; round < testing::rounds(200); ++round) {
    const Lsn from{dice.between(start.value, wal.position().value - 1)};
    WalReader later = WalReader::first_record_after(wal.source(), segment_bytes, from);
    const auto next =
        std::ranges::find_if(written, [&](const Written& one) { return one.place.begin >= from; });
    const std::optional<WalRecord> record = later.next();
    ASSERT_EQ(record.has_value(), next != written.end()) << to_string(from);
    if (record) {
      EXPECT_EQ(record->begin, next->place.begin) << to_string(from);
    }
  }
}

// Where a page has no room left, or just room for the length, or for a part of the header.
TEST(WalReader, reads_a_record_begun_at_the_very_end_of_a_page) {
  for (const size_t room : {0u, 8u, 16u, 24u, 32u, 40u}) {
    WalBuilder wal;
    wal.fill_page_up_to(room);
    const WalBuilder::Record record = wal.commit(7, noon);
    WalReader reader(wal.source(), segment_bytes, {segment_bytes});
    const std::vector<WalRecord> all = all_records(reader);
    ASSERT_FALSE(all.empty());
    EXPECT_EQ(all.back().begin, record.begin) << room;
    EXPECT_EQ(all.back().xid, 7u) << room;
    EXPECT_EQ(all.back().commit_time(), noon) << room;
  }
}

TEST(WalReader, knows_the_records_that_matter) {
  WalBuilder wal;
  const Lsn redo = wal.position();
  wal.checkpoint({redo.value + 40});
  wal.commit(711, noon);
  wal.add(1, 0x20 | 0x80, testing::commit_data(noon), 712);  // an abort, with more behind it
  wal.restore_point("before the migration", noon);
  wal.backup_end({0x2000028});
  wal.wal_level(0);
  wal.add(1, 0x10, testing::commit_data(noon));  // a prepare: no end of a transaction
  WalReader reader = reader_of(wal, redo);
  const std::vector<WalRecord> all = all_records(reader);
  ASSERT_EQ(all.size(), 7u);
  EXPECT_TRUE(all[0].is_checkpoint());
  EXPECT_EQ(all[0].redo(), Lsn{redo.value + 40});
  EXPECT_EQ(all[1].commit_time(), noon);
  EXPECT_EQ(all[1].xid, 711u);
  EXPECT_FALSE(all[1].is_checkpoint());
  EXPECT_FALSE(all[1].restore_point());
  EXPECT_EQ(all[2].commit_time(), noon);
  EXPECT_EQ(all[3].restore_point()->name, "before the migration");
  EXPECT_EQ(all[3].restore_point()->time, noon);
  EXPECT_FALSE(all[3].commit_time());
  EXPECT_EQ(all[4].backup_end_of(), Lsn{0x2000028});
  EXPECT_EQ(all[5].new_wal_level(), 0);
  EXPECT_FALSE(all[6].commit_time());
}

TEST(WalReader, finds_the_main_data_behind_blocks_and_their_images) {
  WalBuilder wal;
  base::Bytes body;
  base::append<uint8_t>(body, 0);            // block 0,
  base::append<uint8_t>(body, 0x30);         // with an image and data,
  base::append<uint16_t>(body, 5);           // of 5 bytes;
  base::append<uint16_t>(body, 100);         // the image: 100 bytes,
  base::append<uint16_t>(body, 40);          // where its hole is,
  base::append<uint8_t>(body, 0x01 | 0x08);  // a hole, and compressed by lz4:
  base::append<uint16_t>(body, 4000);        // so the hole's length follows
  body.resize(body.size() + 12);             // the relation
  base::append<uint32_t>(body, 9);           // the block's number
  base::append<uint8_t>(body, 1);            // block 1,
  base::append<uint8_t>(body, 0x80);         // of the same relation
  base::append<uint16_t>(body, 0);
  base::append<uint32_t>(body, 10);
  base::append<uint8_t>(body, 253);  // an origin
  base::append<uint16_t>(body, 3);
  base::append<uint8_t>(body, 252);  // a top-level transaction
  base::append<uint32_t>(body, 5);
  base::append<uint8_t>(body, 255);
  base::append<uint8_t>(body, 4);
  body.resize(body.size() + 105, std::byte{0xEE});
  base::append(body, base::as_bytes("main"));
  wal.add_raw(10, 0, body);
  WalReader reader = reader_of(wal, {segment_bytes});
  const std::optional<WalRecord> record = reader.next();
  ASSERT_TRUE(record) << reader.why_ended();
  EXPECT_EQ(base::as_text(record->main_data), "main");
}

TEST(WalReader, goes_on_in_the_next_segment_after_a_switch) {
  WalBuilder wal;
  wal.commit(1, noon);
  const WalBuilder::Record change = wal.switch_segment();
  EXPECT_EQ(change.end, Lsn{2 * segment_bytes});
  wal.commit(2, noon);
  WalReader reader = reader_of(wal, {segment_bytes});
  const std::vector<WalRecord> all = all_records(reader);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1].end, change.end);
  EXPECT_EQ(all[2].xid, 2u);
}

TEST(WalReader, goes_on_behind_a_record_that_a_crash_cut_off) {
  WalBuilder wal;
  wal.commit(1, noon);
  const Lsn broken = wal.position();
  wal.break_off_record();
  const WalBuilder::Record told = wal.add(0, 0xD0, base::Bytes(16));  // says what was overwritten
  wal.commit(2, noon);
  WalReader reader = reader_of(wal, {segment_bytes});
  const std::vector<WalRecord> all = all_records(reader);
  ASSERT_EQ(all.size(), 3u) << reader.why_ended();
  EXPECT_EQ(all[1].begin, told.begin);
  EXPECT_EQ(all[2].xid, 2u);
  // And from the broken record itself on.
  WalReader later = WalReader::first_record_after(wal.source(), segment_bytes, broken);
  const std::optional<WalRecord> next = later.next();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->begin, told.begin);
}

TEST(WalReader, ends_where_the_log_does_and_says_why) {
  WalBuilder wal;
  wal.commit(1, noon);
  const WalBuilder::Record second = wal.add(10, 0, base::Bytes(20'000, std::byte{3}));
  WalReader reader = reader_of(wal, {segment_bytes});
  EXPECT_EQ(all_records(reader).size(), 2u);
  EXPECT_EQ(reader.why_ended(), "zeros follow");
  EXPECT_EQ(reader.position(), second.end);

  WalReader beyond = reader_of(wal, {5 * segment_bytes});
  EXPECT_FALSE(beyond.next());
  EXPECT_EQ(beyond.why_ended(), "there is no later segment");

  wal.damage({second.begin.value + 9'000});
  WalReader damaged = reader_of(wal, {segment_bytes});
  EXPECT_EQ(all_records(damaged).size(), 1u);
  EXPECT_EQ(damaged.why_ended(), "the record's CRC does not match");
  EXPECT_EQ(damaged.position(), second.begin);
}

TEST(WalReader, takes_no_page_of_a_recycled_file_for_the_log) {
  WalBuilder old({.first_segment = 3});
  old.add(10, 0, base::Bytes(100'000));
  WalBuilder wal({.first_segment = 7});
  wal.fill_page_up_to(0);  // its first page is full, the second is the old file's
  base::Bytes segment = *wal.segment(7);
  std::ranges::copy(base::ByteView(*old.segment(3)).subspan(wal_page_bytes),
                    segment.begin() + wal_page_bytes);
  WalReader reader([&](uint64_t) { return std::optional(segment); }, segment_bytes,
                   {7 * segment_bytes});
  EXPECT_FALSE(all_records(reader).empty());
  EXPECT_EQ(reader.position(), Lsn{7 * segment_bytes + wal_page_bytes});
  EXPECT_EQ(reader.why_ended(), "the page here is not of this log");
}

TEST(WalReader, waits_for_the_rest_of_a_record_whose_segment_is_not_there_yet) {
  WalBuilder wal;
  while (wal.position().value < 2 * segment_bytes - 3000) wal.commit(1, noon);
  const WalBuilder::Record last = wal.add(10, 0, base::Bytes(10'000));
  WalReader reader([&](uint64_t number) { return number == 1 ? wal.segment(1) : std::nullopt; },
                   segment_bytes, {segment_bytes});
  all_records(reader);
  EXPECT_EQ(reader.position(), last.begin);
  EXPECT_EQ(reader.why_ended(), "there is no later segment");
}

// Every bit of one record: it is never given back changed.
TEST(WalReader, gives_no_record_with_a_flipped_bit) {
  WalBuilder wal;
  const WalBuilder::Record record = wal.commit(9, noon);
  const base::Bytes good = *wal.segment(1);
  const uint64_t from = record.begin.value % segment_bytes;
  const uint64_t bytes = 24 + 2 + 8;
  for (uint64_t bit = from * 8; bit < (from + bytes) * 8; ++bit) {
    base::Bytes segment = good;
    testing::Dice::flip_bit(segment, bit);
    WalReader reader(
        [&](uint64_t number) { return number == 1 ? std::optional(segment) : std::nullopt; },
        segment_bytes, record.begin);
    EXPECT_FALSE(reader.next()) << bit;
    EXPECT_FALSE(reader.why_ended().empty());
  }
}

TEST(SegmentHeader, says_whose_segment_it_is) {
  WalBuilder wal({.segment_bytes = 64 * base::MiB, .first_segment = 5, .timeline = {3}});
  wal.commit(1, noon);
  const SegmentHeader header = parse_segment_header(*wal.segment(5));
  EXPECT_EQ(header.major, 15);
  EXPECT_EQ(header.timeline, Timeline{3});
  EXPECT_EQ(header.start, Lsn{320 * base::MiB});
  EXPECT_EQ(header.system_identifier, 7711077334938725325u);
  EXPECT_EQ(header.segment_bytes, 64 * base::MiB);
}

TEST(SegmentHeader, refuses_what_is_no_first_page) {
  WalBuilder wal;
  wal.add(10, 0, base::Bytes(20'000));
  const base::Bytes segment = *wal.segment(1);
  const base::ByteView view(segment);
  EXPECT_ERROR(corrupt, parse_segment_header(view.first(39)));
  EXPECT_ERROR(corrupt, parse_segment_header(view.subspan(wal_page_bytes)));
  EXPECT_ERROR(corrupt, parse_segment_header(base::Bytes(wal_page_bytes)));
  base::Bytes strange = segment;
  base::store<uint32_t>(strange.data() + 32, 3);
  EXPECT_ERROR(corrupt, parse_segment_header(strange));
  strange = segment;
  base::store<uint64_t>(strange.data() + 8, segment_bytes + 8192);
  EXPECT_ERROR(corrupt, parse_segment_header(strange));
}

TEST(PostgresTime, is_counted_from_2000) {
  EXPECT_EQ(from_postgres_time(0), base::from_rfc3339("2000-01-01T00:00:00Z"));
  EXPECT_EQ(from_postgres_time(to_postgres_time(noon)), noon);
  EXPECT_LT(to_postgres_time(base::Instant{}), 0);
}

}  // namespace
}  // namespace postgres
