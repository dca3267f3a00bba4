#include "base/direct_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include "testing/dice.h"

namespace base {
namespace {

void write_and_compare(const Path& folder) {
  testing::Dice dice;
  SCOPED_TRACE(dice.told());
  DirectWriter writer;  // one for all files, as its users do
  for (const uint64_t size :
       {uint64_t{0}, uint64_t{1}, uint64_t{4095}, uint64_t{4096}, uint64_t{4097}, MiB - 1, MiB,
        MiB + 1, 2 * MiB, 3 * MiB + 512, 8 * MiB, 9 * MiB, 10 * MiB + 4095}) {
    const Bytes body = dice.noise(size);
    const Path path = folder / std::to_string(size);
    File file = File::open(path, O_RDWR | O_CREAT | O_EXCL);
    writer.begin(file);
    for (ByteView rest(body); !rest.empty();) {
      const size_t take = std::min<size_t>(rest.size(), dice.between(1, 2 * MiB));
      writer.write(rest.first(take));
      rest = rest.subspan(take);
    }
    writer.finish();
    file.write_all_at(0, ByteView(body).first(std::min<size_t>(3, size)));  // as heads are patched
    file.sync();
    EXPECT_EQ(file.size(), size);
    file.close();
    EXPECT_TRUE(read_file(path) == body) << size;
  }
}

TEST(DirectWriter, writes_files_of_every_odd_size) {
  const TemporaryFolder folder;
  write_and_compare(folder.path());
}

TEST(DirectWriter, writes_where_the_page_cache_cannot_be_passed_by) {
  const Path folder = fmt::format("/dev/shm/seawall-direct-{}", getpid());
  create_folders_durably(folder);
  write_and_compare(folder);
  std::filesystem::remove_all(folder);
}

TEST(DirectWriter, leaves_nothing_of_an_unfinished_file_to_the_next) {
  const TemporaryFolder folder;
  DirectWriter writer;
  File one = File::open(folder.path() / "one", O_RDWR | O_CREAT);
  writer.begin(one);
  writer.write(Bytes(MiB + 10, std::byte{1}));
  File two = File::open(folder.path() / "two", O_RDWR | O_CREAT);
  writer.begin(two);
  writer.write(Bytes(5, std::byte{2}));
  writer.finish();
  EXPECT_EQ(read_file(folder.path() / "two"), Bytes(5, std::byte{2}));
}

}  // namespace
}  // namespace base
