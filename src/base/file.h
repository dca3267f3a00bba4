// Files and folders by descriptor, with every error kept. A File belongs to one thread at a time.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/time.h"

namespace base {

using Path = std::filesystem::path;

// An open descriptor; closed when it goes, without a word: what must be durable calls sync() first.
class File {
 public:
  File() = default;
  File(int descriptor, Path path) : descriptor_(descriptor), path_(std::move(path)) {}
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  // Opens as open(2) does. Throws absent, denied, conflict (O_EXCL), unavailable.
  static File open(const Path& path, int flags, mode_t mode = 0600);
  // The same, or nothing when there is no such file.
  static std::optional<File> open_if_there(const Path& path, int flags);

  explicit operator bool() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  const Path& path() const { return path_; }

  uint64_t size() const;
  struct stat status() const;

  // Reads up to out.size() bytes at `offset`; fewer only at the end of the file.
  size_t read_at(uint64_t offset, ByteSpan out) const;
  // Reads exactly out.size() bytes at `offset`; throws corrupt when the file is shorter.
  void read_exactly_at(uint64_t offset, ByteSpan out) const;
  // Reads what is there, up to out.size(); 0 at the end. For pipes and sockets.
  size_t read_some(ByteSpan out) const;
  void write_all(ByteView bytes) const;
  void write_all_at(uint64_t offset, ByteView bytes) const;
  void truncate(uint64_t size) const;
  // fsync(2). An error here means data may be lost for good: it is thrown, never retried.
  void sync() const;
  void close();  // reports an error, as the destructor does not

 private:
  int descriptor_ = -1;
  Path path_;
};

// fsync(2) of a folder, which makes creations and renames in it durable.
void sync_folder(const Path& folder);

// The whole file. Throws absent, denied; corrupt when it is longer than `bytes_max`.
Bytes read_file(const Path& path, uint64_t bytes_max = 64 * MiB);
std::string read_text_file(const Path& path, uint64_t bytes_max = 64 * MiB);
std::optional<std::string> read_text_file_if_there(const Path& path, uint64_t bytes_max = 64 * MiB);

// Replaces `path` as a whole or not at all: temporary neighbour, fsync, rename, fsync of the
// folder.
void write_file_durably(const Path& path, ByteView bytes, mode_t mode = 0600);

// Creates the folder and its missing parents, each made durable. One that is there is left alone.
void create_folders_durably(const Path& folder, mode_t mode = 0700);

// A new empty folder below the system's temporary folder, removed with all it holds when this goes.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(std::string_view prefix = "seawall");
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const Path& path() const { return path_; }

 private:
  Path path_;
};

// Where temporary files that may be large belong: $TMPDIR, or /var/tmp, which unlike /tmp is seldom
// in memory.
Path spool_folder();
// A file without a name in this folder, to write and read; gone with its descriptor, however the
// process ends.
File unnamed_file(const Path& folder);

// Bytes an ordinary user may still write on the file system that holds `path`.
uint64_t free_bytes(const Path& path);

// 4 KiB-aligned memory, as O_DIRECT wants.
class AlignedBuffer {
 public:
  static constexpr size_t alignment = 4096;
  explicit AlignedBuffer(size_t size);
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~AlignedBuffer();
  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  ByteSpan span() { return {data_, size_}; }

 private:
  std::byte* data_;
  size_t size_;
};

}  // namespace base
