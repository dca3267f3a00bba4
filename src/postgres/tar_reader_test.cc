#include "postgres/tar_reader.h"

#include <gmock/gmock.h>

#include "testing/dice.h"
#include "testing/errors.h"
#include "testing/tar_builder.h"

namespace postgres {
namespace {

using base::Bytes;
using base::ByteView;
using testing::Dice;
using testing::TarBuilder;

// What a reader says of an archive that comes in pieces: a line for each entry, with its content.
std::vector<std::string> told(ByteView archive, size_t piece) {
  TarReader reader;
  std::vector<std::string> lines;
  for (size_t at = 0; at < archive.size(); at += piece) {
    ByteView bytes = archive.subspan(at, std::min(piece, archive.size() - at));
    while (const auto event = reader.next(bytes)) {
      if (const auto* entry = std::get_if<TarEntry>(&*event)) {
        lines.push_back(fmt::format("{} {} {:o} {} {}: ", entry->path,
                                    static_cast<int>(entry->kind), entry->mode, entry->size,
                                    entry->link_target));
      } else if (const auto* content = std::get_if<TarReader::Content>(&*event)) {
        lines.back() += base::as_text(content->bytes);
      } else {
        lines.back() += '.';
      }
    }
    EXPECT_TRUE(bytes.empty());
  }
  reader.finish();
  return lines;
}

std::vector<std::string> told(const TarBuilder& tar) { return told(tar.bytes(), SIZE_MAX); }

TEST(TarReader, reads_files_folders_and_links_wherever_they_are_cut) {
  TarBuilder tar;
  tar.folder("base").folder("base/5", 0750).file("base/5/1259", "content", 0640);
  tar.file("PG_VERSION", "")
      .link("pg_tblspc/16400", "/mnt/fast")
      .file("last", std::string(512, 'x'));
  const std::vector<std::string> wanted = {"base 1 700 0 : .",
                                           "base/5 1 750 0 : .",
                                           "base/5/1259 0 640 7 : content.",
                                           "PG_VERSION 0 600 0 : .",
                                           "pg_tblspc/16400 2 777 0 /mnt/fast: .",
                                           "last 0 600 512 : " + std::string(512, 'x') + '.'};
  for (const size_t piece : {1, 7, 511, 512, 513, 100000}) {
    EXPECT_EQ(told(tar.bytes(), piece), wanted) << piece;
  }
  tar.end();
  EXPECT_EQ(told(tar.bytes(), 600), wanted);
  EXPECT_EQ(told(TarBuilder()), std::vector<std::string>{});
}

TEST(TarReader, reads_sizes_that_octal_digits_cannot_hold) {
  const uint64_t size = uint64_t{3} << 40;
  TarReader reader;
  TarBuilder tar;
  tar.header("base/5/16384", '0', 0600, size);
  ByteView bytes = tar.bytes();
  const auto event = reader.next(bytes);
  EXPECT_EQ(std::get<TarEntry>(event.value()).size, size);
  EXPECT_ERROR(corrupt, reader.finish());
}

TEST(TarReader, reads_the_prefix_of_a_long_path) {
  TarBuilder tar;
  tar.header("1259", '0', 0600, 0, "", "pg_tblspc/16400/PG_15/5");
  EXPECT_THAT(told(tar), testing::ElementsAre("pg_tblspc/16400/PG_15/5/1259 0 600 0 : ."));
}

TEST(TarReader, knows_one_spelling_of_a_path) {
  EXPECT_THAT(told(TarBuilder().folder("./pg_wal/archive_status")),
              testing::ElementsAre("pg_wal/archive_status 1 700 0 : ."));
}

TEST(TarReader, refuses_paths_that_lead_elsewhere) {
  for (const char* path :
       {"/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", ".", "././a", ".//a", "", "a/"}) {
    TarBuilder tar;
    tar.file(path, "x");
    EXPECT_ERROR(corrupt, told(tar)) << path;
  }
}

TEST(TarReader, refuses_what_the_server_would_not_write) {
  for (const char type : {'1', '3', '6', 'L', 'x', 'g', 'S'}) {
    EXPECT_ERROR(corrupt, told(TarBuilder().header("a", type, 0600, 0))) << type;
  }
  EXPECT_ERROR(corrupt, told(TarBuilder().header("a", '5', 0700, 10)));
  EXPECT_ERROR(corrupt, told(TarBuilder().header("a", '0', 0600, uint64_t{1} << 63)));
  TarBuilder behind;
  behind.end().file("a", "");
  EXPECT_ERROR(corrupt, told(behind));
}

TEST(TarReader, refuses_an_archive_that_is_cut_off) {
  TarBuilder tar;
  tar.file("a", "content").file("b", std::string(700, 'b'));
  const ByteView whole = tar.bytes();
  const std::vector<size_t> ends = {0, 1024, whole.size()};  // behind whole entries
  for (size_t size = 1; size < whole.size(); ++size) {
    if (std::ranges::find(ends, size) != ends.end()) continue;
    EXPECT_ERROR(corrupt, told(whole.first(size), 100)) << size;
  }
}

TEST(TarReader, refuses_a_header_in_which_a_bit_is_another) {
  TarBuilder tar;
  tar.file("base/5/1259", "content", 0640);
  const std::vector<std::string> whole = told(tar);
  for (uint64_t bit = 0; bit < tar_block_bytes * 8; ++bit) {
    Bytes bytes(tar.bytes().begin(), tar.bytes().end());
    Dice::flip_bit(bytes, bit);
    try {  // spaces and zeros around the checksum's own digits do not count
      EXPECT_EQ(told(bytes, 512), whole) << bit;
      EXPECT_TRUE(bit / 8 >= 148 && bit / 8 < 156) << bit;
    } catch (const base::Error& failure) {
      EXPECT_EQ(failure.kind(), base::ErrorKind::corrupt) << bit;
    }
  }
}

TEST(TarReader, reads_or_refuses_noise) {
  Dice dice;
  SCOPED_TRACE(dice.told());
  for (uint64_t round = 0; round < testing::rounds(200); ++round) {
    TarBuilder tar;
    for (uint64_t i = dice.below(4); i > 0; --i)
      tar.file(fmt::format("f{}", i), std::string(dice.below(2000), 'x'));
    Bytes bytes(tar.bytes().begin(), tar.bytes().end());
    base::append(bytes, ByteView(dice.noise(dice.below(3000))));
    try {
      told(bytes, dice.between(1, 1000));
    } catch (const base::Error& failure) {
      EXPECT_EQ(failure.kind(), base::ErrorKind::corrupt);
    }
  }
}

}  // namespace
}  // namespace postgres
