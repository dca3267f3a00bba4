#include "postgres/base_backup.h"

#include "testing/dice.h"
#include "testing/errors.h"

namespace postgres {
namespace {

BackupMessage parse(std::string_view message) {
  return parse_backup_message(base::as_bytes(message));
}

TEST(BackupMessage, begins_an_archive) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(std::get<BackupArchive>(parse("nbase.tar\0\0"sv)), (BackupArchive{0, ""}));
  EXPECT_EQ(std::get<BackupArchive>(parse("n16400.tar\0/mnt/fast\0"sv)),
            (BackupArchive{16400, "/mnt/fast"}));
}

TEST(BackupMessage, carries_bytes_of_it_and_tells_how_far_it_is) {
  EXPECT_EQ(base::as_text(std::get<ArchiveBytes>(parse("dbytes")).bytes), "bytes");
  EXPECT_TRUE(std::get<ArchiveBytes>(parse("d")).bytes.empty());
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(std::get<BackupProgress>(parse("p\0\0\0\0\0\1\0\2"sv)).bytes, 65538u);
  EXPECT_TRUE(std::holds_alternative<BackupManifest>(parse("m")));
}

TEST(BackupMessage, is_refused_when_it_is_none_of_these) {
  using std::string_view_literals::operator""sv;
  for (const std::string_view message :
       {""sv, "x"sv, "w12345"sv, "p\0\0\0"sv, "n"sv, "nbase.tar"sv, "nbase.tar\0"sv, "n\0\0"sv,
        "n../x.tar\0\0"sv, "n0.tar\0\0"sv, "n16400.tar.gz\0\0"sv, "n-1.tar\0\0"sv,
        "n4294967296.tar\0\0"sv}) {
    EXPECT_ERROR(corrupt, parse(message)) << message;
  }
}

}  // namespace
}  // namespace postgres
