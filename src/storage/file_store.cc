#include "storage/file_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/direct_writer.h"
#include "base/error.h"
#include "base/task_group.h"

namespace storage {

using base::ByteSpan;
using base::ByteView;
using base::Error;
using base::ErrorKind;
using base::File;
using base::Path;

namespace {
constexpr const char* staging_folder = ".staging";

// Of what is in the folder, only what ObjectKey allows can be an object or lead to one: not
// lost+found, an editor's copy, a core dump, nor what begins with a dot.
bool can_be_part_of_key(std::string_view name) {
  return !name.starts_with('.') && std::ranges::all_of(name, ObjectKey::allows);
}

base::Instant modified_at(const struct stat& status) {
  using namespace std::chrono;
  return base::Instant(seconds(status.st_mtim.tv_sec) +
                       duration_cast<base::Duration>(nanoseconds(status.st_mtim.tv_nsec)));
}
}  // namespace

// A body on its way: an unnamed file where possible, else a file in .staging that goes with the
// writer.
class FileWriter final : public ObjectWriter {
 public:
  FileWriter(FileStore& store, Path target, std::stop_token stop)
      : store_(store), target_(std::move(target)), stop_(std::move(stop)) {
    open();
    writer_.begin(file_);
  }

  ~FileWriter() override {
    if (!staging_.empty()) unlink(staging_.c_str());
  }

  void write(ByteView bytes) override {
    base::throw_if_stopped(stop_);
    writer_.write(bytes);
  }

  PutOutcome commit(ByteView head) override {
    writer_.finish();
    if (!head.empty()) file_.write_all_at(0, head);
    file_.sync();
    // What went through the page cache is not wanted there: it is the server's.
    posix_fadvise(file_.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
    return link_to_target();
  }

  base::Instant made_at() const { return modified_at(file_.status()); }

 private:
  void open() {
    const Path folder = target_.parent_path();
    base::create_folders_durably(folder);
    const int descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor >= 0) {
      file_ = File(descriptor, target_);
    } else if (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL) {
      base::create_folders_durably(store_.folder() / staging_folder);
      std::array<std::byte, 16> nonce{};
      base::fill_random(nonce);
      staging_ = store_.folder() / staging_folder / base::to_hex(nonce);
      file_ = File::open(staging_, O_CREAT | O_EXCL | O_RDWR);
    } else {
      base::throw_errno(fmt::format("creating a file in {}", folder.string()));
    }
  }

  PutOutcome link_to_target() {
    // A prune beside us may have removed the folder that was empty until now.
    for (int attempt = 0;; ++attempt) {
      int failed = 0;
      if (staging_.empty()) {
        const std::string self = fmt::format("/proc/self/fd/{}", file_.descriptor());
        failed = linkat(AT_FDCWD, self.c_str(), AT_FDCWD, target_.c_str(), AT_SYMLINK_FOLLOW);
      } else {
        failed = link(staging_.c_str(), target_.c_str());
      }
      if (failed == 0) break;
      if (errno == EEXIST) {
        make_name_durable();  // whoever put it there may have died before doing so
        return PutOutcome::already_there;
      }
      if (errno != ENOENT || attempt == 3)
        base::throw_errno(fmt::format("naming {}", target_.string()));
      base::create_folders_durably(target_.parent_path());
    }
    make_name_durable();
    return PutOutcome::stored;
  }

  void make_name_durable() {
    base::sync_folder(target_.parent_path());
    store_.sync_folders_above(target_.parent_path());
  }

  FileStore& store_;
  Path target_;
  std::stop_token stop_;
  File file_;
  Path staging_;
  base::DirectWriter writer_;
};

namespace {

struct Entry {
  std::string name;  // a folder's ends with '/', so that entries sort as whole keys do
  bool is_folder;
};

std::vector<Entry> entries_of(const Path& folder) {
  std::vector<Entry> entries;
  std::error_code failed;
  std::filesystem::directory_iterator at(folder, failed);
  if (failed) {
    if (failed == std::errc::no_such_file_or_directory) return entries;  // removed beside us
    base::throw_errno(fmt::format("listing {}", folder.string()), failed.value());
  }
  for (; at != std::filesystem::directory_iterator(); at.increment(failed)) {
    std::string name = at->path().filename().string();
    if (!can_be_part_of_key(name)) continue;
    const bool is_folder = at->is_directory(failed);
    entries.push_back({is_folder ? name + "/" : name, is_folder});
  }
  if (failed) base::throw_errno(fmt::format("listing {}", folder.string()), failed.value());
  std::ranges::sort(entries, {}, &Entry::name);
  return entries;
}

// Visits what is below `folder` whose key starts with `prefix`; false when the visitor ended it.
bool visit_folder(const Path& folder, const std::string& at, const std::string& prefix,
                  const std::function<bool(const ObjectInfo&)>& visit,
                  const std::stop_token& stop) {
  base::throw_if_stopped(stop);
  for (const Entry& entry : entries_of(folder)) {
    const std::string key = at + entry.name;
    if (entry.is_folder) {
      if (!key.starts_with(prefix) && !prefix.starts_with(key)) continue;
      if (!visit_folder(folder / entry.name, key, prefix, visit, stop)) return false;
      continue;
    }
    if (!key.starts_with(prefix)) continue;
    struct stat status {};
    if (::stat((folder / entry.name).c_str(), &status) != 0) {
      if (errno == ENOENT) continue;  // removed beside us
      base::throw_errno(fmt::format("looking at {}", (folder / entry.name).string()));
    }
    if (!visit({ObjectKey(key), static_cast<uint64_t>(status.st_size), modified_at(status)}))
      return false;
  }
  return true;
}

}  // namespace

FileStore::FileStore(Path folder) : folder_(folder.lexically_normal()) {
  // Without a slash at its end: folder_ is where walks up from an object's folder end.
  if (!folder_.has_filename()) folder_ = folder_.parent_path();
  if (!folder_.is_absolute()) {
    throw base::error(ErrorKind::invalid, "store folder '{}' is not an absolute path",
                      folder_.string());
  }
}

void FileStore::sync_folders_above(const Path& folder) {
  const std::lock_guard lock(mutex_);
  for (Path at = folder; at != folder_ && synced_.insert(at).second; at = at.parent_path()) {
    base::sync_folder(at.parent_path());
  }
}

PutOutcome FileStore::put_if_absent(const ObjectKey& key, ByteView body, std::stop_token stop) {
  const std::unique_ptr<ObjectWriter> writer =
      begin_write(key, {.expected_bytes = body.size()}, stop);
  writer->write(body);
  return writer->commit({});
}

std::unique_ptr<ObjectWriter> FileStore::begin_write(const ObjectKey& key,
                                                     const WriteOptions& options,
                                                     std::stop_token stop) {
  static_cast<void>(options);  // a file can be patched anywhere and grows as it likes
  return std::make_unique<FileWriter>(*this, path_of(key), std::move(stop));
}

std::optional<ObjectInfo> FileStore::stat(const ObjectKey& key, std::stop_token stop) {
  base::throw_if_stopped(stop);
  struct stat status {};
  if (::stat(path_of(key).c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    base::throw_errno(fmt::format("looking at {}", path_of(key).string()));
  }
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return ObjectInfo{key, static_cast<uint64_t>(status.st_size), modified_at(status)};
}

void FileStore::read(const ObjectKey& key, uint64_t offset, ByteSpan out, std::stop_token stop) {
  base::throw_if_stopped(stop);
  const File file = File::open(path_of(key), O_RDONLY);
  if (!S_ISREG(file.status().st_mode))
    throw base::error(ErrorKind::absent, "there is no object {}", key.text());
  file.read_exactly_at(offset, out);
}

void FileStore::list(const std::string& prefix, const std::function<bool(const ObjectInfo&)>& visit,
                     std::stop_token stop) {
  visit_folder(folder_, "", prefix, visit, stop);
}

std::optional<Path> FileStore::local_path(const ObjectKey& key, std::stop_token stop) {
  if (!stat(key, std::move(stop))) return std::nullopt;
  return path_of(key);
}

void FileStore::remove(const ObjectKey& key, std::stop_token stop) {
  base::throw_if_stopped(stop);
  const Path path = path_of(key);
  if (unlink(path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR && errno != EISDIR)
    base::throw_errno(fmt::format("removing {}", path.string()));
  for (Path folder = path.parent_path(); folder != folder_; folder = folder.parent_path()) {
    if (rmdir(folder.c_str()) != 0) break;  // not empty, as a rule
  }
}

// The clock of who keeps the files, on a network file system not ours: the time of a file made now.
base::Instant FileStore::now(std::stop_token stop) {
  base::throw_if_stopped(stop);
  return FileWriter(*this, folder_ / "now", std::move(stop)).made_at();
}

}  // namespace storage
