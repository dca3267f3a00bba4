#include "base/file.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"

namespace base {

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

File File::open(const Path& path, int flags, mode_t mode) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (descriptor < 0) throw_errno(fmt::format("opening {}", path.string()));
  return File(descriptor, path);
}

std::optional<File> File::open_if_there(const Path& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
  if (descriptor >= 0) return File(descriptor, path);
  if (errno == ENOENT) return std::nullopt;
  throw_errno(fmt::format("opening {}", path.string()));
}

struct stat File::status() const {
  struct stat status {};
  if (fstat(descriptor_, &status) != 0) throw_errno(fmt::format("looking at {}", path_.string()));
  return status;
}

uint64_t File::size() const { return static_cast<uint64_t>(status().st_size); }

size_t File::read_at(uint64_t offset, ByteSpan out) const {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        pread(descriptor_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0) {
      if (errno == EINTR) continue;
      throw_errno(fmt::format("reading {} at byte {}", path_.string(), offset + done));
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

void File::read_exactly_at(uint64_t offset, ByteSpan out) const {
  const size_t got = read_at(offset, out);
  if (got != out.size()) {
    throw error(ErrorKind::corrupt, "{} ends at byte {}, {} bytes early", path_.string(),
                offset + got, out.size() - got);
  }
}

size_t File::read_some(ByteSpan out) const {
  for (;;) {
    const ssize_t got = ::read(descriptor_, out.data(), out.size());
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) throw_errno(fmt::format("reading {}", path_.string()));
  }
}

void File::write_all(ByteView bytes) const {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor_, bytes.data(), bytes.size());
    if (put < 0) {
      if (errno == EINTR) continue;
      throw_errno(fmt::format("writing {}", path_.string()));
    }
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
}

void File::write_all_at(uint64_t offset, ByteView bytes) const {
  while (!bytes.empty()) {
    const ssize_t put = pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0) {
      if (errno == EINTR) continue;
      throw_errno(fmt::format("writing {}", path_.string()));
    }
    bytes = bytes.subspan(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
}

void File::truncate(uint64_t size) const {
  if (ftruncate(descriptor_, static_cast<off_t>(size)) != 0)
    throw_errno(fmt::format("resizing {}", path_.string()));
}

void File::sync() const {
  if (fsync(descriptor_) != 0) throw_errno(fmt::format("making {} durable", path_.string()));
}

void File::close() {
  const int descriptor = std::exchange(descriptor_, -1);
  if (descriptor >= 0 && ::close(descriptor) != 0)
    throw_errno(fmt::format("closing {}", path_.string()));
}

void sync_folder(const Path& folder) { File::open(folder, O_RDONLY | O_DIRECTORY).sync(); }

Bytes read_file(const Path& path, uint64_t bytes_max) {
  const File file = File::open(path, O_RDONLY);
  Bytes bytes;
  size_t done = 0;
  for (size_t room = 64 * KiB;; room *= 2) {  // by reading, not by size: /proc files say 0
    bytes.resize(std::min<uint64_t>(room, bytes_max + 1));
    done += file.read_at(done, ByteSpan(bytes).subspan(done));
    if (done < bytes.size()) break;
    if (done > bytes_max) {
      throw error(ErrorKind::corrupt, "{} is longer than {} bytes", path.string(), bytes_max);
    }
  }
  bytes.resize(done);
  return bytes;
}

std::string read_text_file(const Path& path, uint64_t bytes_max) {
  const Bytes bytes = read_file(path, bytes_max);
  return std::string(as_text(bytes));
}

std::optional<std::string> read_text_file_if_there(const Path& path, uint64_t bytes_max) {
  try {
    return read_text_file(path, bytes_max);
  } catch (const Error& failure) {
    if (failure.kind() == ErrorKind::absent) return std::nullopt;
    throw;
  }
}

void write_file_durably(const Path& path, ByteView bytes, mode_t mode) {
  const Path temporary = path.string() + ".seawall-new";
  File file = File::open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode);
  file.write_all(bytes);
  file.sync();
  file.close();
  if (rename(temporary.c_str(), path.c_str()) != 0)
    throw_errno(fmt::format("renaming {}", temporary.string()));
  sync_folder(path.has_parent_path() ? path.parent_path() : Path("."));
}

namespace {
// False when the parent is missing.
bool create_folder_durably(const Path& folder, mode_t mode) {
  if (mkdir(folder.c_str(), mode) == 0) {
    sync_folder(folder.has_parent_path() ? folder.parent_path() : Path("."));
    return true;
  }
  if (errno == EEXIST) {
    struct stat status {};
    if (stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return true;
    throw error(ErrorKind::conflict, "{} is there and is not a folder", folder.string());
  }
  if (errno != ENOENT) throw_errno(fmt::format("creating folder {}", folder.string()));
  return false;
}
}  // namespace

void create_folders_durably(const Path& folder, mode_t mode) {
  if (folder.empty() || folder == "/" || create_folder_durably(folder, mode)) return;
  create_folders_durably(folder.parent_path(), mode);
  // /proc says ENOENT even when the parent is there.
  if (!create_folder_durably(folder, mode))
    throw_errno(fmt::format("creating folder {}", folder.string()), ENOENT);
}

TemporaryFolder::TemporaryFolder(std::string_view prefix) {
  std::string name = (std::filesystem::temp_directory_path() / prefix).string() + "-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw_errno(fmt::format("creating a folder like {}", name));
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // a leftover temporary folder is no failure of the work
  std::filesystem::remove_all(path_, ignored);
}

Path spool_folder() {
  const char* given = std::getenv("TMPDIR");
  return given != nullptr && *given != '\0' ? Path(given) : Path("/var/tmp");
}

File unnamed_file(const Path& folder) {
  const int descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0) return File(descriptor, folder / "(unnamed)");
  std::string name = (folder / "seawall-XXXXXX").string();  // a file system without O_TMPFILE
  const int named = mkostemp(name.data(), O_CLOEXEC);
  if (named < 0) throw_errno(fmt::format("making a temporary file in {}", folder.string()));
  unlink(name.c_str());
  return File(named, folder / "(unnamed)");
}

uint64_t free_bytes(const Path& path) {
  struct statvfs status {};
  if (statvfs(path.c_str(), &status) != 0)
    throw_errno(fmt::format("asking for free space at {}", path.string()));
  return static_cast<uint64_t>(status.f_bavail) * status.f_frsize;
}

AlignedBuffer::AlignedBuffer(size_t size)
    : data_(static_cast<std::byte*>(
          std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment))),
      size_(size) {
  CHECK(data_ != nullptr);
}

AlignedBuffer::~AlignedBuffer() { std::free(data_); }

}  // namespace base
