#include "layers/snapshot/data_files.h"

#include <gmock/gmock.h>

#include "layers/testing.h"

namespace layers {
namespace {

using ::testing::ElementsAre;

class DataFilesTest : public ::testing::Test {
 protected:
  void have(const std::string& path, const std::string& text = "x") {
    write_file(folder_.path() / path, base::as_bytes(text));
  }
  std::vector<std::string> walked(std::vector<base::Path> external = {}) {
    std::vector<std::string> paths;
    DataFiles(folder_.path(), std::move(external), "PG_15_202209061").walk([&](DataFile file) {
      paths.push_back(file.path);
    });
    EXPECT_TRUE(std::ranges::is_sorted(paths));
    return paths;
  }

  base::TemporaryFolder folder_;
};

TEST_F(DataFilesTest, come_in_the_order_of_whole_paths) {
  have("base/1/1");
  have("base/1.5");
  have("base-line");
  have("base/1/1.1");
  EXPECT_THAT(walked(),
              ElementsAre("base-line", "base/", "base/1.5", "base/1/", "base/1/1", "base/1/1.1"));
}

TEST_F(DataFilesTest, leave_the_content_of_a_running_server_s_own_folders) {
  for (const char* name : {"pg_wal/000000010000000000000001", "pg_replslot/s/state",
                           "pg_dynshmem/1", "pg_stat_tmp/1", "pg_notify/0000"})
    have(name);
  have("pg_xact/0000");
  EXPECT_THAT(walked(), ElementsAre("pg_dynshmem/", "pg_notify/", "pg_replslot/", "pg_stat_tmp/",
                                    "pg_wal/", "pg_xact/", "pg_xact/0000"));
}

TEST_F(DataFilesTest, leave_out_what_must_not_come_back) {
  for (const char* name : {"postmaster.pid", "postmaster.opts", "backup_label", "recovery.signal",
                           "standby.signal", "global/pg_control", "global/pg_internal.init",
                           "global/pg_internal.init.77", "base/5/pg_internal.init",
                           "base/pgsql_tmp/pgsql_tmp1.0", "base/5/t3_16400", "base/5/t3_16400_fsm"})
    have(name);
  have("base/5/t3_x");
  have("backup_label.mine");
  EXPECT_THAT(walked(),
              ElementsAre("backup_label.mine", "base/", "base/5/", "base/5/t3_x", "global/"));
}

TEST_F(DataFilesTest, keep_only_the_init_fork_of_an_unlogged_relation) {
  for (const char* name : {"base/5/100", "base/5/100_fsm", "base/5/100.1", "base/5/100_vm",
                           "base/5/100_init", "base/5/1001", "base/5/10"})
    have(name);
  EXPECT_THAT(walked(),
              ElementsAre("base/", "base/5/", "base/5/10", "base/5/1001", "base/5/100_init"));
}

TEST_F(DataFilesTest, follow_a_tablespace_of_this_version_alone) {
  const base::TemporaryFolder place;
  write_file(place.path() / "PG_15_202209061/5/300", base::as_bytes("x"));
  write_file(place.path() / "PG_15_202209061/5/t1_300", base::as_bytes("x"));
  write_file(place.path() / "PG_14_202107181/5/300", base::as_bytes("x"));
  std::filesystem::create_directories(folder_.path() / "pg_tblspc");
  std::filesystem::create_symlink(place.path(), folder_.path() / "pg_tblspc/16400");
  EXPECT_THAT(
      walked(),
      ElementsAre("pg_tblspc/", "pg_tblspc/16400/", "pg_tblspc/16400/PG_15_202209061/",
                  "pg_tblspc/16400/PG_15_202209061/5/", "pg_tblspc/16400/PG_15_202209061/5/300"));
}

TEST_F(DataFilesTest, hold_a_link_as_a_link) {
  std::filesystem::create_symlink("/etc/hostname", folder_.path() / "server.crt");
  std::vector<DataFile> files;
  DataFiles(folder_.path(), {}, "PG_15").walk([&](const DataFile& file) { files.push_back(file); });
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].kind, repository::FileKind::link);
  EXPECT_EQ(files[0].link_target, "/etc/hostname");
}

TEST_F(DataFilesTest, bring_files_from_outside_in_their_place_of_the_order) {
  const base::TemporaryFolder etc;
  write_file(etc.path() / "postgresql.conf", base::as_bytes("x"));
  have("base/1");
  have("global/1");
  EXPECT_THAT(
      walked({etc.path() / "postgresql.conf", etc.path() / "is not there"}),
      ElementsAre("base/", "base/1", "external/000/postgresql.conf", "global/", "global/1"));
}

TEST_F(DataFilesTest, pass_over_what_vanishes_beside_us) {
  have("base/5/1");
  have("base/5/2");
  have("base/6/1");
  std::vector<std::string> paths;
  DataFiles(folder_.path(), {}, "PG_15").walk([&](const DataFile& file) {
    paths.push_back(file.path);
    if (file.path != "base/5/1") return;
    std::filesystem::remove(folder_.path() / "base/5/2");
    std::filesystem::remove_all(folder_.path() / "base/6");
  });
  EXPECT_THAT(paths, ElementsAre("base/", "base/5/", "base/5/1"));
}

TEST(RelationFile, is_known_by_its_path) {
  const auto number = [](std::string_view path) {
    const RelationFile file = relation_file(path, 131072);
    return file.is_relation ? static_cast<int64_t>(file.first_block) : -1;
  };
  EXPECT_EQ(number("base/5/16384"), 0);
  EXPECT_EQ(number("base/5/16384.2"), 2 * 131072);
  EXPECT_EQ(number("base/5/16384_fsm.1"), 131072);
  EXPECT_EQ(number("pg_tblspc/16400/PG_15_202209061/5/300"), 0);
  for (const char* other : {"base/5/PG_VERSION", "pg_xact/0000", "base/5/16384.x", "base/5/16384_x",
                            "PG_VERSION", "base/5/16384."})
    EXPECT_EQ(number(other), -1) << other;
  EXPECT_TRUE(relation_file("base/5/1", 131072).is_main_fork);
  EXPECT_FALSE(relation_file("base/5/1_vm", 131072).is_main_fork);
}

}  // namespace
}  // namespace layers
