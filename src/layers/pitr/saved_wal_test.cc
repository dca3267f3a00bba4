#include "layers/pitr/saved_wal.h"

#include "layers/testing.h"

namespace layers {
namespace {

TEST(SavedWal, is_kept_apart_from_what_was_saved_in_the_same_second) {
  const base::TemporaryFolder folder("saved-wal");
  const base::Path data = folder.path() / "data";
  std::filesystem::create_directories(data / "pg_wal" / "archive_status");
  std::filesystem::create_directories(data / "global");
  write_file(data / "pg_wal" / "000000010000000000000003", base::Bytes(100));
  write_file(data / "pg_wal" / "archive_status" / "000000010000000000000003.ready", {});
  write_file(data / "global" / "pg_control", base::Bytes(10));
  const base::Instant now = base::system_clock().now();
  const auto first = save_wal(data, now);
  const auto second = save_wal(data, now);
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->folder, second->folder);
  EXPECT_EQ(second->unarchived, (std::vector<std::string>{"000000010000000000000003"}));
  EXPECT_TRUE(std::filesystem::exists(second->folder / "global" / "pg_control"));
}

TEST(SavedWal, is_none_where_there_is_no_cluster) {
  const base::TemporaryFolder folder("saved-wal");
  EXPECT_FALSE(save_wal(folder.path(), base::system_clock().now()));
}

}  // namespace
}  // namespace layers
