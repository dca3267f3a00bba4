#include "layers/dump/archive_toc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace layers {
namespace {

using base::Bytes;
using base::ErrorKind;

// Writes an archive as docs/formats/dump.md describes it.
class Builder {
 public:
  explicit Builder(int minor = 14) : minor_(minor) {}

  Builder& integer(int64_t value) {
    byte(value < 0 ? 1 : 0);
    base::append(bytes, static_cast<uint32_t>(value < 0 ? -value : value));
    return *this;
  }
  Builder& byte(int value) {
    bytes.push_back(static_cast<std::byte>(value));
    return *this;
  }
  Builder& text(std::string_view value) {
    integer(static_cast<int64_t>(value.size()));
    base::append(bytes, base::as_bytes(value));
    return *this;
  }
  Builder& none() { return integer(-1); }

  Builder& header(int entries) {
    base::append(bytes, base::as_bytes("PGDMP"));
    byte(1).byte(minor_).byte(0).byte(4).byte(8).byte(1);
    minor_ >= 15 ? byte(1) : integer(9);
    for (const int part : {7, 3, 14, 22, 10, 126, 0}) integer(part);
    return text("breezycorp").text("15.20").text("15.20 (Debian)").integer(entries);
  }

  Builder& entry(int id, bool has_data, std::string_view kind, std::string_view tag,
                 uint64_t offset = 0) {
    integer(id).integer(has_data ? 1 : 0).text("1259").text("16400");
    text(tag).text(kind).integer(2).text("CREATE ...").text("DROP TABLE public.x;\n").none();
    text("public").none().text("heap");
    if (minor_ >= 16) integer('r');
    text("alice").text("false").text("3").text("77").none();
    byte(!has_data ? 3 : offset != 0 ? 2 : 1);
    base::append(bytes, offset);
    return *this;
  }

  Builder& rows(int id, std::vector<std::string> chunks) {
    byte(1).integer(id);
    for (const std::string& chunk : chunks) text(chunk);
    return integer(0);
  }
  Builder& large_objects(int id) {
    byte(3).integer(id);
    integer(16500).text("first").text("more").integer(0);
    integer(-5).text("an oid above 2^31").integer(0);
    return integer(0);
  }

  Bytes bytes;

 private:
  int minor_;
};

// A table, its rows, a second table's rows and large objects; the data in another order.
Bytes small_archive(int minor = 14) {
  Builder archive(minor);
  archive.header(4)
      .entry(10, false, "TABLE", "staff")
      .entry(20, true, "TABLE DATA", "staff")
      .entry(21, true, "TABLE DATA", "clients")
      .entry(22, true, "BLOBS", "BLOBS");
  archive.rows(21, {}).large_objects(22).rows(20, {"1\tada\n", std::string(9000, 'x')});
  return archive.bytes;
}

struct Scanned {
  ArchiveHeader header;
  std::vector<TocEntry> entries;
  std::vector<DataBlock> blocks;
  uint64_t head_bytes = 0;
};

Scanned scan(base::ByteView archive, size_t piece = SIZE_MAX) {
  Scanned result;
  ArchiveScanner scanner([&](const TocEntry& entry) { result.entries.push_back(entry); });
  while (!archive.empty()) {
    const size_t count = std::min(piece, archive.size());
    scanner.feed(archive.first(count));
    archive = archive.subspan(count);
  }
  scanner.finish();
  result.header = scanner.header();
  result.blocks = scanner.blocks();
  result.head_bytes = scanner.head_bytes();
  return result;
}

ErrorKind failure_of(base::ByteView archive, size_t piece = SIZE_MAX) {
  try {
    scan(archive, piece);
  } catch (const base::Error& failure) {
    return failure.kind();
  }
  ADD_FAILURE() << "no error where one is wanted";
  return ErrorKind::cancelled;
}

TEST(ArchiveToc, tells_header_entries_and_owners_of_every_version) {
  for (const int minor : {14, 15, 16}) {
    const Scanned scanned = scan(small_archive(minor));
    EXPECT_EQ(scanned.header.minor, minor);
    EXPECT_EQ(scanned.header.database, "breezycorp");
    EXPECT_EQ(scanned.header.dump_version, "15.20 (Debian)");
    ASSERT_EQ(scanned.entries.size(), 4u);
    EXPECT_EQ(scanned.entries[0].kind, "TABLE");
    EXPECT_EQ(scanned.entries[0].tag, "staff");
    EXPECT_EQ(scanned.entries[0].schema, "public");
    EXPECT_EQ(scanned.entries[0].owner, "alice");
    EXPECT_EQ(scanned.entries[0].flag, OffsetFlag::no_data);
    EXPECT_EQ(scanned.entries[1].flag, OffsetFlag::not_set);
  }
}

TEST(ArchiveToc, finds_the_blocks_however_the_bytes_are_cut) {
  const Bytes archive = small_archive();
  const Scanned whole = scan(archive);
  ASSERT_EQ(whole.blocks.size(), 3u);
  for (const DataBlock& block : whole.blocks) {
    EXPECT_EQ(base::load<uint32_t>(&archive[block.offset + 2]),
              static_cast<uint32_t>(block.dump_id));
  }
  EXPECT_EQ(whole.blocks[1].offset, whole.head_bytes);
  for (const size_t piece : {1u, 2u, 3u, 5u, 7u, 64u, 1000u, 8191u}) {
    const Scanned again = scan(archive, piece);
    EXPECT_EQ(again.head_bytes, whole.head_bytes);
    EXPECT_EQ(again.entries.size(), whole.entries.size());
    for (size_t i = 0; i < whole.blocks.size(); ++i) {
      EXPECT_EQ(again.blocks[i].offset, whole.blocks[i].offset) << piece;
      EXPECT_EQ(again.blocks[i].field, whole.blocks[i].field) << piece;
    }
  }
}

TEST(ArchiveToc, sets_offsets_without_moving_a_byte) {
  for (const int minor : {14, 15, 16}) {
    const Bytes before = small_archive(minor);
    const Scanned scanned = scan(before);
    Bytes after = before;
    write_offsets(base::ByteSpan(after).first(scanned.head_bytes), scanned.blocks);
    const Scanned again = scan(after);  // also checks that each block is where its offset says
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(again.entries[i + 1].flag, OffsetFlag::set);
      EXPECT_EQ(again.entries[i + 1].offset, scanned.blocks[i].offset);
    }
    EXPECT_EQ(again.head_bytes, scanned.head_bytes);
    EXPECT_TRUE(std::equal(before.begin() + static_cast<ptrdiff_t>(scanned.head_bytes),
                           before.end(),
                           after.begin() + static_cast<ptrdiff_t>(scanned.head_bytes)));
    size_t changed = 0;
    for (size_t i = 0; i < before.size(); ++i) changed += before[i] != after[i] ? 1 : 0;
    EXPECT_LE(changed, 3u * 9);
  }
}

TEST(ArchiveToc, refuses_an_archive_that_ends_anywhere_before_its_end) {
  const Bytes archive = small_archive();
  for (size_t size = 0; size < archive.size(); ++size) {
    EXPECT_EQ(failure_of(base::ByteView(archive).first(size)), ErrorKind::corrupt) << size;
  }
}

TEST(ArchiveToc, refuses_bytes_behind_the_end) {
  Bytes archive = small_archive();
  archive.push_back(std::byte{0});
  EXPECT_EQ(failure_of(archive), ErrorKind::corrupt);
}

TEST(ArchiveToc, refuses_what_is_no_archive_at_its_fifth_byte) {
  ArchiveScanner scanner([](const TocEntry&) {});
  scanner.feed(base::as_bytes("pg_d"));
  EXPECT_THROW(scanner.feed(base::as_bytes("u")), base::Error);
}

TEST(ArchiveToc, refuses_versions_that_it_does_not_know) {
  for (const int minor : {13, 17}) EXPECT_EQ(failure_of(small_archive(minor)), ErrorKind::invalid);
  Bytes archive = small_archive();
  archive[5] = std::byte{2};
  EXPECT_EQ(failure_of(archive), ErrorKind::invalid);
}

TEST(ArchiveToc, refuses_blocks_that_do_not_fit_the_entries) {
  const auto with = [](auto add) {
    Builder archive;
    archive.header(2).entry(20, true, "TABLE DATA", "a").entry(22, true, "BLOBS", "BLOBS");
    add(archive);
    return failure_of(archive.bytes);
  };
  EXPECT_EQ(with([](Builder& a) { a.rows(20, {}); }), ErrorKind::corrupt);  // one is missing
  EXPECT_EQ(with([](Builder& a) { a.rows(20, {}).rows(20, {}).large_objects(22); }),
            ErrorKind::corrupt);
  EXPECT_EQ(with([](Builder& a) { a.rows(20, {}).rows(22, {}); }), ErrorKind::corrupt);
  EXPECT_EQ(with([](Builder& a) { a.rows(99, {}); }), ErrorKind::corrupt);
  EXPECT_EQ(with([](Builder& a) { a.byte(2).integer(20); }), ErrorKind::corrupt);
  EXPECT_EQ(with([](Builder& a) { a.byte(1).integer(20).integer(-7); }), ErrorKind::corrupt);
}

TEST(ArchiveToc, refuses_an_offset_that_leads_elsewhere) {
  Builder archive;
  archive.header(1).entry(20, true, "TABLE DATA", "a", 12345).rows(20, {"x"});
  EXPECT_EQ(failure_of(archive.bytes), ErrorKind::corrupt);
}

TEST(ArchiveToc, refuses_entries_that_cannot_be) {
  const auto damaged = [](auto damage) {
    Builder archive;
    damage(archive);
    return failure_of(archive.bytes);
  };
  EXPECT_EQ(damaged([](Builder& a) { a.header(-1); }), ErrorKind::corrupt);
  EXPECT_EQ(damaged([](Builder& a) { a.header(1).entry(0, false, "TABLE", "a"); }),
            ErrorKind::corrupt);
  EXPECT_EQ(damaged([](Builder& a) {
              a.header(2).entry(5, true, "TABLE DATA", "a").entry(5, true, "TABLE DATA", "b");
            }),
            ErrorKind::corrupt);
  EXPECT_EQ(damaged([](Builder& a) { a.header(1).integer(1).integer(2); }), ErrorKind::corrupt);
  EXPECT_EQ(damaged([](Builder& a) { a.header(1).integer(1).integer(0).text("1").text("x1"); }),
            ErrorKind::corrupt);
  EXPECT_EQ(damaged([](Builder& a) { a.header(1).integer(1).integer(0).integer(0x7fffffff); }),
            ErrorKind::corrupt);
  EXPECT_EQ(damaged([](Builder& a) { a.header(1).integer(1).integer(0).integer(-2); }),
            ErrorKind::corrupt);
  EXPECT_EQ(damaged([](Builder& a) {
              a.header(1).byte(2).byte(0);
              for (int i = 0; i < 9; ++i) a.byte(0);
            }),
            ErrorKind::corrupt);
}

// Whatever a bit becomes, it is an archive or it is refused; nothing else happens.
TEST(ArchiveToc, survives_every_flipped_bit) {
  const Bytes archive = small_archive(16);
  for (size_t bit = 0; bit < archive.size() * 8; bit += bit < 6000 ? 1 : 97) {
    Bytes damaged = archive;
    damaged[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    try {
      scan(damaged);
    } catch (const base::Error& failure) {
      EXPECT_TRUE(failure.kind() == ErrorKind::corrupt || failure.kind() == ErrorKind::invalid);
    }
  }
}

}  // namespace
}  // namespace layers
