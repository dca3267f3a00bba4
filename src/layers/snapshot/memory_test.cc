// Memory does not grow with the number of files: a capture and a restore of very many small ones,
// in a process of its own, whose peak is measured.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "layers/testing.h"
#include "storage/file_store.h"

namespace layers {
namespace {

// Instrumented memory is not what a person's machine will see.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_measured = false;
#else
constexpr bool is_measured = true;
#endif

void make_files(const base::Path& data, uint64_t count) {
  constexpr uint64_t in_a_folder = 10'000;
  const base::Bytes bytes(100, std::byte{7});
  for (uint64_t i = 0; i < count; ++i) {
    const base::Path folder = data / "base" / std::to_string(i / in_a_folder);
    if (i % in_a_folder == 0) std::filesystem::create_directories(folder);
    base::File::open(folder / std::to_string(16384 + i), O_WRONLY | O_CREAT, 0600).write_all(bytes);
  }
  std::filesystem::create_directories(data / "global");
}

void capture_and_restore(const base::Path& folder) {
  storage::FileStore store(folder / "store");
  const repository::Repository repository = repository::Repository::create_or_open(
      store, nullptr, base::from_rfc3339("2026-11-22T00:00:00Z"), {});
  const CaptureFacts facts{.epoch = {1},
                           .start = {100},
                           .checksums = true,
                           .blocks_per_file = 131072,
                           .base = nullptr,
                           .packs_to_leave = {},
                           .shards_to_leave = {},
                           .run = "20261122T000001Z-00000000",
                           .pack_bytes = 64 * base::MiB,
                           .threads = 2,
                           .compress_level = 1};
  SnapshotProgress progress;
  const CaptureResult captured = capture_files(DataFiles(folder / "data", {}, "PG_15_202209061"),
                                               repository, facts, progress, {});
  repository::SnapshotRoot root{.id = "20261122T000001Z", .run = facts.run};
  root.epoch = facts.epoch;
  root.shards = captured.stored.shards;
  root.totals = captured.stored.totals;
  RestoreProgress restored;
  restore_files(repository, root,
                {.target = folder / "restored", .tablespaces = {}, .configuration = {}}, restored,
                {});
}

// Where so many files cost no disk's time, if there is room for them.
base::Path place_for(uint64_t files) {
  const base::Path memory = "/dev/shm";
  std::error_code failed;
  const std::filesystem::space_info space = std::filesystem::space(memory, failed);
  const uint64_t needed = files * 4 * 4096;  // data, its restore, and as much again
  return !failed && space.available > needed && needed < 2 * base::GiB ? memory / "seawall"
                                                                       : base::Path("seawall");
}

// The greatest memory in KiB of a child that captures and restores so many files.
int64_t peak_kib(uint64_t files) {
  const base::TemporaryFolder folder(place_for(files).string());
  make_files(folder.path() / "data", files);
  const pid_t child = fork();
  if (child == 0) {
    try {
      capture_and_restore(folder.path());
      _exit(0);
    } catch (const base::Error& failure) {
      fmt::print(stderr, "{}\n", failure.message());
      _exit(1);
    }
  }
  int status = 0;
  rusage usage{};
  EXPECT_EQ(wait4(child, &status, 0, &usage), child);
  EXPECT_EQ(status, 0);
  return usage.ru_maxrss;
}

TEST(Memory, does_not_grow_with_the_number_of_files) {
  if (!is_measured) {  // a sanitizer's memory is not ours: that it goes well is all that is asked
    peak_kib(1'000);
    return;
  }
  const uint64_t many = std::getenv("SEAWALL_LONG") != nullptr ? 1'000'000 : 50'000;
  const int64_t few_kib = peak_kib(10'000);
  const int64_t many_kib = peak_kib(many);
  RecordProperty("few_kib", std::to_string(few_kib));
  RecordProperty("many_kib", std::to_string(many_kib));
  fmt::print("{} files: {} MiB, {} files: {} MiB\n", 10'000, few_kib / 1024, many, many_kib / 1024);
  EXPECT_LE(many_kib, 128 * 1024);
  EXPECT_LE(many_kib - few_kib, 32 * 1024);
}

}  // namespace
}  // namespace layers
