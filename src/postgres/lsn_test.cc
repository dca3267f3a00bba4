#include "postgres/lsn.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/bytes.h"
#include "testing/errors.h"

namespace postgres {
namespace {

uint64_t any_segment_size() { return base::MiB << *rc::gen::inRange(0, 11); }

RC_GTEST_PROP(Lsn, is_read_as_it_was_written, ()) {
  const Lsn lsn{*rc::gen::arbitrary<uint64_t>() >> *rc::gen::inRange(0, 64)};
  RC_ASSERT(parse_lsn(to_string(lsn)) == lsn);
}

RC_GTEST_PROP(WalSegment, is_found_by_its_name_at_every_segment_size, ()) {
  const uint64_t size = any_segment_size();
  const WalSegment segment{{*rc::gen::inRange<uint32_t>(1, UINT32_MAX)},
                           *rc::gen::inRange<uint64_t>(0, UINT64_MAX / size)};
  const std::string name = segment.name(size);
  RC_ASSERT(name.size() == 24u);
  RC_ASSERT(parse_segment_name(name, size) == segment);
  RC_ASSERT(parse_wal_file_name(name)->timeline == segment.timeline);
  RC_ASSERT(segment_at(segment.timeline, segment.start(size), size) == segment);
  RC_ASSERT(segment_before(segment.timeline, segment.end(size), size) == segment);
  RC_ASSERT(segment_at(segment.timeline, {segment.end(size).value - 1}, size) == segment);
}

RC_GTEST_PROP(WalSegment, has_a_name_that_sorts_as_the_log_goes, ()) {
  const uint64_t size = any_segment_size();
  const auto any = [&] {
    return WalSegment{{1}, *rc::gen::inRange<uint64_t>(0, UINT64_MAX / size)};
  };
  const WalSegment one = any();
  const WalSegment two = any();
  RC_ASSERT((one.name(size) < two.name(size)) == (one < two));
}

TEST(Lsn, is_two_numbers_of_eight_digits_at_most) {
  EXPECT_EQ(parse_lsn("16/B374D848").value, 0x16B374D848u);
  EXPECT_EQ(parse_lsn("0/0").value, 0u);
  EXPECT_EQ(parse_lsn("ffffffff/ffffffff").value, UINT64_MAX);
  for (const char* text : {"", "/", "1/", "/1", "1", "1/2/3", "123456789/0", "0/123456789", "g/0",
                           "-1/0", "+1/0", " 1/0", "1/0 ", "0x1/0"}) {
    EXPECT_ERROR(invalid, parse_lsn(text)) << text;
  }
}

TEST(WalSegment, is_named_as_the_server_does) {
  EXPECT_EQ((WalSegment{{1}, 1}.name(16 * base::MiB)), "000000010000000000000001");
  EXPECT_EQ((WalSegment{{10}, 256}.name(16 * base::MiB)), "0000000A0000000100000000");
  EXPECT_EQ((WalSegment{{1}, 255}.name(16 * base::MiB)), "0000000100000000000000FF");
  EXPECT_EQ((WalSegment{{1}, 4}.name(base::GiB)), "000000010000000100000000");
  EXPECT_EQ((WalSegment{{1}, 4095}.name(base::MiB)), "000000010000000000000FFF");
}

TEST(WalSegment, refuses_a_name_that_the_segment_size_does_not_allow) {
  EXPECT_EQ(parse_segment_name("0000000100000000000000FF", 16 * base::MiB).number, 255u);
  EXPECT_ERROR(invalid, parse_segment_name("000000010000000000000100", 16 * base::MiB));
  EXPECT_ERROR(invalid, parse_segment_name("000000010000000000000004", base::GiB));
  EXPECT_ERROR(invalid, parse_segment_name("00000001000000000000000", 16 * base::MiB));
  EXPECT_ERROR(invalid, parse_segment_name("00000001000000000000000a", 16 * base::MiB));
}

TEST(SegmentSize, is_a_power_of_two_from_1_MiB_to_1_GiB) {
  for (uint64_t size = base::MiB; size <= base::GiB; size *= 2) EXPECT_TRUE(is_segment_size(size));
  for (const uint64_t size :
       {uint64_t{0}, base::MiB / 2, base::MiB + 1, 3 * base::MiB, 2 * base::GiB, UINT64_MAX}) {
    EXPECT_FALSE(is_segment_size(size)) << size;
  }
}

TEST(WalFileName, tells_the_four_kinds_apart) {
  const auto kind = [](const char* text) { return parse_wal_file_name(text)->kind; };
  EXPECT_EQ(kind("000000010000000000000001"), WalFileKind::segment);
  EXPECT_EQ(kind("000000010000000000000001.partial"), WalFileKind::partial);
  EXPECT_EQ(kind("00000002.history"), WalFileKind::history);
  EXPECT_EQ(kind("000000010000000000000002.00000028.backup"), WalFileKind::backup_history);
  const WalFileName backup = *parse_wal_file_name("0000000A0000000000000002.00000028.backup");
  EXPECT_EQ(backup.timeline.value, 10u);
  EXPECT_EQ(backup.segment_name, "0000000A0000000000000002");
  EXPECT_EQ(parse_wal_file_name("0000000B.history")->timeline.value, 11u);
  EXPECT_EQ(parse_wal_file_name("0000000B.history")->segment_name, "");
  EXPECT_EQ(history_file_name({11}), "0000000B.history");
}

TEST(WalFileName, is_nothing_that_the_server_does_not_write) {
  for (const char* text : {"",
                           ".",
                           "0",
                           "00000000000000000000000",
                           "0000000100000000000000010",
                           "00000001000000000000000g",
                           "00000001000000000000000a",
                           "000000000000000000000001",
                           "00000000.history",
                           "000000010000000000000001.",
                           "000000010000000000000001.part",
                           "000000010000000000000001.partial.zst",
                           "000000010000000000000001.history",
                           "00000002.partial",
                           "00000002",
                           "00000002.history.",
                           "0000000a.history",
                           "000000010000000000000002.0000002.backup",
                           "000000010000000000000002.000000288.backup",
                           "000000010000000000000002.0000002g.backup",
                           "000000010000000000000002.backup",
                           "../../../../../etc/passwd",
                           "000000010000000000000001/x",
                           "xlogtemp.123",
                           "RECOVERYXLOG",
                           "archive_status",
                           " 00000002.history"}) {
    EXPECT_FALSE(parse_wal_file_name(text)) << text;
  }
}

}  // namespace
}  // namespace postgres
