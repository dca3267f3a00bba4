#include "layers/snapshot/outside_files.h"

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace layers {
namespace {

struct Restored {
  base::TemporaryFolder folder{"outside-files"};
  repository::SnapshotRoot root;
  Restored() {
    root.external = {{"external/000/environment", "/etc/postgresql/15/main/environment"},
                     {"external/001/more.conf", "/etc/postgresql/15/main/conf.d/more.conf"},
                     {"external/002/postgresql.conf", "/etc/postgresql/15/main/postgresql.conf"},
                     {"external/003/shared.conf", "/etc/shared.conf"}};
  }
};

TEST(OutsideFiles, keep_their_places_below_the_folder_of_the_main_file) {
  Restored restored;
  const base::Path to = restored.folder.path() / "etc";
  const OutsideFiles files(restored.root, to);
  EXPECT_EQ(files.place("external/000/environment"), to / "environment");
  EXPECT_EQ(files.place("external/001/more.conf"), to / "conf.d/more.conf");
  EXPECT_EQ(files.place("external/003/shared.conf"), to / "shared.conf");
}

TEST(OutsideFiles, are_not_put_over_what_is_there) {
  Restored restored;
  const OutsideFiles files(restored.root, restored.folder.path());
  files.require_free();
  files.make_folders();
  base::write_file_durably(restored.folder.path() / "conf.d/more.conf", {});
  EXPECT_ERROR(conflict, files.require_free());
}

TEST(OutsideFiles, have_the_empty_folders_that_the_server_wants) {
  Restored restored;
  const OutsideFiles files(restored.root, restored.folder.path());
  base::write_file_durably(restored.folder.path() / "postgresql.conf",
                           base::as_bytes("port = 5432\n#include_dir = 'none'\n"
                                          "include_dir = 'conf.d'\t# settings of packages\n"
                                          "include_dir '/etc/elsewhere'\n"));
  files.make_included_folders();
  EXPECT_TRUE(std::filesystem::is_directory(restored.folder.path() / "conf.d"));
  EXPECT_FALSE(std::filesystem::exists(restored.folder.path() / "none"));
}

}  // namespace
}  // namespace layers
