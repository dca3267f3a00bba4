#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include "testing/dice.h"
#include "testing/errors.h"

namespace base {
namespace {

TEST(File, names_the_kind_of_what_went_wrong) {
  const TemporaryFolder folder;
  EXPECT_ERROR(absent, File::open(folder.path() / "none", O_RDONLY));
  File::open(folder.path() / "there", O_CREAT | O_WRONLY);
  EXPECT_ERROR(conflict, File::open(folder.path() / "there", O_CREAT | O_EXCL | O_WRONLY));
  EXPECT_ERROR(absent, File::open(folder.path() / "there" / "below", O_RDONLY));
  EXPECT_FALSE(File::open_if_there(folder.path() / "none", O_RDONLY));
  EXPECT_TRUE(File::open_if_there(folder.path() / "there", O_RDONLY));
}

TEST(File, reads_fewer_bytes_only_at_the_end) {
  const TemporaryFolder folder;
  const Bytes body = testing::Dice(1).noise(10'000);
  write_file_durably(folder.path() / "x", body);
  const File file = File::open(folder.path() / "x", O_RDONLY);
  Bytes out(4000);
  EXPECT_EQ(file.read_at(8000, out), 2000u);
  EXPECT_EQ(file.read_at(10'000, out), 0u);
  file.read_exactly_at(6000, out);
  EXPECT_TRUE(std::ranges::equal(out, ByteView(body).subspan(6000)));
  EXPECT_ERROR(corrupt, file.read_exactly_at(6001, out));
}

TEST(File, closes_what_it_held_when_it_takes_another) {
  const TemporaryFolder folder;
  File one = File::open(folder.path() / "one", O_CREAT | O_WRONLY);
  const int descriptor = one.descriptor();
  {
    File two = std::move(one);
    EXPECT_FALSE(one);  // NOLINT(bugprone-use-after-move): what this test is about
    EXPECT_EQ(two.descriptor(), descriptor);
  }
  EXPECT_EQ(fcntl(descriptor, F_GETFD), -1) << "it is still open";
}

TEST(ReadFile, refuses_a_file_longer_than_it_may_be) {
  const TemporaryFolder folder;
  for (const size_t size : {0u, 1u, 65'535u, 65'536u, 65'537u, 300'000u}) {
    const Bytes body = testing::Dice(size).noise(size);
    write_file_durably(folder.path() / "x", body);
    EXPECT_TRUE(read_file(folder.path() / "x", size) == body) << size;
    EXPECT_TRUE(read_file(folder.path() / "x", size + 1) == body) << size;
    if (size > 0) {
      EXPECT_ERROR(corrupt, read_file(folder.path() / "x", size - 1));
    }
  }
}

TEST(ReadFile, reads_files_of_the_kernel_that_say_they_are_empty) {
  EXPECT_GT(read_file("/proc/self/status").size(), 100u);
  EXPECT_FALSE(read_text_file_if_there("/proc/self/none"));
}

TEST(WriteFileDurably, replaces_the_whole_file_and_leaves_no_neighbour) {
  const TemporaryFolder folder;
  write_file_durably(folder.path() / "x", as_bytes("a long first content"), 0640);
  write_file_durably(folder.path() / "x", as_bytes("short"), 0600);
  EXPECT_EQ(read_text_file(folder.path() / "x"), "short");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  EXPECT_EQ(File::open(folder.path() / "x", O_RDONLY).status().st_mode & 0777, 0600u);
}

TEST(CreateFolders, makes_all_parents_and_minds_none_that_is_there) {
  const TemporaryFolder folder;
  create_folders_durably(folder.path() / "a/b/c");
  create_folders_durably(folder.path() / "a/b/c");
  create_folders_durably(folder.path() / "a/b/c/d/");
  EXPECT_TRUE(std::filesystem::is_directory(folder.path() / "a/b/c/d"));
  write_file_durably(folder.path() / "file", {});
  EXPECT_ERROR(conflict, create_folders_durably(folder.path() / "file"));
  EXPECT_EQ(testing::error_of([&] { create_folders_durably(folder.path() / "file/x"); }).kind(),
            ErrorKind::absent);
}

TEST(CreateFolders, gives_up_where_no_folder_can_be_made) {
  EXPECT_ERROR(absent, create_folders_durably("/proc/seawall/x"));
}

TEST(TemporaryFolder, takes_all_it_holds_along) {
  Path path;
  {
    const TemporaryFolder folder;
    path = folder.path();
    create_folders_durably(path / "a/b");
    write_file_durably(path / "a/b/c", as_bytes("x"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(AlignedBuffer, is_aligned_and_moves) {
  AlignedBuffer one(5000);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(one.data()) % AlignedBuffer::alignment, 0u);
  std::ranges::fill(one.span(), std::byte{7});
  AlignedBuffer two(std::move(one));
  AlignedBuffer three(10);
  three = std::move(two);
  EXPECT_EQ(three.size(), 5000u);
  EXPECT_EQ(three.data()[4999], std::byte{7});
}

}  // namespace
}  // namespace base
