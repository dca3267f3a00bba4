#include "storage/file_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing/object_store_contract.h"

namespace storage {

namespace {

// A folder below the system's temporary folder, on a disk as a rule: O_DIRECT and O_TMPFILE work.
struct DiskPlace {
  ObjectStore& store() { return store_; }
  base::TemporaryFolder folder_;
  FileStore store_{folder_.path() / "store"};
};

// tmpfs, which takes no O_DIRECT.
struct TmpfsPlace {
  TmpfsPlace() : folder_(fmt::format("/dev/shm/seawall-test-{}-{}", getpid(), ++made)) {}
  ~TmpfsPlace() { std::filesystem::remove_all(folder_); }
  ObjectStore& store() { return store_; }
  static inline int made = 0;
  base::Path folder_;
  FileStore store_{folder_};
};

}  // namespace

}  // namespace storage

namespace testing {
INSTANTIATE_TYPED_TEST_SUITE_P(FilesOnDisk, ObjectStoreContract, storage::DiskPlace);
INSTANTIATE_TYPED_TEST_SUITE_P(FilesOnTmpfs, ObjectStoreContract, storage::TmpfsPlace);
}  // namespace testing

namespace storage {
namespace {

using base::TemporaryFolder;

TEST(FileStore, wants_an_absolute_folder) { EXPECT_ERROR(invalid, FileStore("backup")); }

TEST(FileStore, lists_nothing_where_its_folder_is_not_made_yet) {
  const TemporaryFolder folder;
  FileStore store(folder.path() / "not" / "yet");
  EXPECT_TRUE(list_all(store, "", {}).empty());
  EXPECT_TRUE(list_all(store, "wal/0001/", {}).empty());
}

// lost+found, an editor's leftovers, a core dump: what can be no object is none.
TEST(FileStore, does_not_list_files_whose_names_are_no_keys) {
  const TemporaryFolder folder;
  FileStore store(folder.path());
  store.put_if_absent(ObjectKey("a/b"), {}, {});
  for (const char* stray : {"a/b~", "a/core dump", "lost+found", "a/.hidden"})
    base::File::open(folder.path() / stray, O_CREAT | O_WRONLY);
  std::filesystem::create_directories(folder.path() / "strange+folder");
  base::File::open(folder.path() / "strange+folder" / "x", O_CREAT | O_WRONLY);
  const std::vector<ObjectInfo> all = list_all(store, "", {});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].key.text(), "a/b");
}

TEST(FileStore, removes_folders_that_became_empty_but_never_its_own) {
  const TemporaryFolder folder;
  // With a slash at the end and a detour on the way, as a person may write it.
  for (const base::Path& own :
       {folder.path() / "s", folder.path() / "s" / "", folder.path() / "x/../s/."}) {
    FileStore store(own);
    store.put_if_absent(ObjectKey("a/b/c"), {}, {});
    store.remove(ObjectKey("a/b/c"), {});
    EXPECT_TRUE(std::filesystem::is_directory(folder.path() / "s")) << own;
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "s/a")) << own;
  }
}

TEST(FileStore, tells_where_it_is) {
  EXPECT_EQ(FileStore("/backup/x").url(), "file:///backup/x");
  EXPECT_EQ(FileStore("/backup/x/").url(), "file:///backup/x");
}

// A child writes and is killed with SIGKILL at some moment; what it left must be whole or nothing.
TEST(FileStore, leaves_whole_objects_only_when_it_is_killed) {
  const TemporaryFolder folder;
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  const base::Bytes body = dice.noise(3 * base::MiB + 77);
  int whole = 0;
  for (uint64_t round = 0; round < testing::rounds(30); ++round) {
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
      FileStore store(folder.path());
      for (int i = 0; i < 1000; ++i) {
        const ObjectKey key(fmt::format("r{}/{:04}", round, i));
        const auto writer = store.begin_write(key, {.head_bytes = 8}, {});
        writer->write(base::ByteView(body).first(base::MiB + 1));
        if (i == 0 && write(ready[1], "x", 1) != 1) _exit(1);
        writer->write(base::ByteView(body).subspan(base::MiB + 1));
        writer->commit(base::ByteView(body).first(8));
      }
      _exit(0);
    }
    char byte = 0;
    ASSERT_EQ(read(ready[0], &byte, 1), 1);  // it is in the middle of its first object
    usleep(static_cast<useconds_t>(dice.below(20'000)));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(ready[0]);
    close(ready[1]);
    FileStore store(folder.path());
    for (const ObjectInfo& info : list_all(store, fmt::format("r{}/", round), {})) {
      EXPECT_TRUE(read_all(store, info.key, base::GiB, {}) == body) << info.key.text();
      store.remove(info.key, {});
      ++whole;
    }
  }
  EXPECT_GT(whole, 0) << "no child lived long enough to store anything";
}

}  // namespace
}  // namespace storage
