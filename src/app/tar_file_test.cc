#include "app/tar_file.h"

#include <gtest/gtest.h>

#include "base/process.h"
#include "testing/errors.h"

namespace app {
namespace {

// What the system's own tar makes of it.
TEST(TarFile, is_read_by_tar) {
  const base::TemporaryFolder folder;
  const std::string deep = "deep/" + std::string(120, 'd') + "/" + std::string(200, 'f');
  for (const char* suffix : {"tar.zst", "tar.gz"}) {
    const base::Path path = folder.path() / (std::string("one.") + suffix);
    TarFile tar(path, base::from_rfc3339("2026-11-22T12:00:00Z"));
    tar.add("a/empty", {});
    tar.add(deep, base::as_bytes("deep content"));
    base::Bytes large(3 * base::MiB + 17);
    for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<std::byte>(i * 7 % 251);
    tar.add("large", large);
    tar.finish();
    const base::Path out = folder.path() / suffix;
    std::filesystem::create_directory(out);
    base::run_or_throw({.arguments = {"tar", "-xf", path.string(), "-C", out.string()}});
    EXPECT_EQ(base::read_text_file(out / "a/empty"), "");
    EXPECT_EQ(base::read_text_file(out / deep), "deep content");
    EXPECT_TRUE(base::read_file(out / "large") == large);
    EXPECT_EQ(std::filesystem::file_size(path), tar.bytes());
  }
}

TEST(TarFile, is_new_and_whole_or_not_there) {
  const base::TemporaryFolder folder;
  const base::Path path = folder.path() / "x.tar.gz";
  { TarFile dropped(path, base::Instant{}); }
  EXPECT_FALSE(std::filesystem::exists(path));
  {
    TarFile kept(path, base::Instant{});
    kept.finish();
  }
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_ERROR(conflict, TarFile(path, base::Instant{}));
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_ERROR(invalid, TarFile::packing_of("x.zip"));
}

}  // namespace
}  // namespace app
