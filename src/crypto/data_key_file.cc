#include "crypto/data_key_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "crypto/big_endian.h"

namespace crypto {

using base::Bytes;
using base::ByteView;
using base::ErrorKind;

namespace {
constexpr std::string_view magic("SWDKEY\0\1", 8);
constexpr size_t name_digits = 32;
constexpr std::string_view fresh_ending = ".new";
constexpr size_t check_digits = 64;
constexpr size_t file_bytes_max = message_header_max;  // it holds what a header may hold
constexpr int lock_tries = 50;                         // of 2 ms: holders need microseconds
constexpr auto lock_pause = std::chrono::milliseconds(2);

// Bytes with a secret in them.
struct WipedBytes {
  Bytes bytes;
  ~WipedBytes() { wipe(bytes); }
};

void append_field(Bytes& out, ByteView field) {
  CHECK(field.size() <= UINT16_MAX);
  append_big(out, static_cast<uint16_t>(field.size()));
  base::append(out, field);
}

base::Error damaged() { return {ErrorKind::corrupt, "the kept data key is damaged"}; }

class Cursor {
 public:
  explicit Cursor(ByteView bytes) : rest_(bytes) {}
  ByteView take(size_t count) {
    if (count > rest_.size()) throw damaged();
    const ByteView taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  template <typename T>
  T number() {
    return load_big<T>(take(sizeof(T)).data());
  }
  Bytes field() {
    const ByteView taken = take(number<uint16_t>());
    return {taken.begin(), taken.end()};
  }
  bool empty() const { return rest_.empty(); }

 private:
  ByteView rest_;
};

std::string name_of(const std::string& recipients, ByteView context) {
  Sha256 hash;
  hash.update(base::as_bytes(recipients));
  hash.update(base::as_bytes(std::string_view("\0", 1)));
  hash.update(context);
  return hash.finish_hex().substr(0, name_digits);
}

// The folder's lock, if it was free soon enough.
class FolderLock {
 public:
  explicit FolderLock(int folder) {
    // A descriptor of its own: flock belongs to what open(2) made, and threads exclude each other.
    descriptor_ = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; descriptor_ >= 0 && i < lock_tries && !held_; ++i) {
      held_ = flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
      if (!held_) std::this_thread::sleep_for(lock_pause);
    }
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  bool held() const { return held_; }

 private:
  int descriptor_;
  bool held_ = false;
};

bool ours_alone(const struct stat& status) {
  return status.st_uid == geteuid() && (status.st_mode & 077) == 0;
}

std::optional<KeptDataKey> read_kept(int folder, const std::string& name) {
  const int descriptor = openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  const base::File file(descriptor, name);
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || !ours_alone(status) ||
      static_cast<size_t>(status.st_size) > file_bytes_max) {
    return std::nullopt;
  }
  WipedBytes content{Bytes(static_cast<size_t>(status.st_size))};
  const ssize_t got = pread(descriptor, content.bytes.data(), content.bytes.size(), 0);
  if (got != status.st_size) return std::nullopt;
  try {
    return parse_kept_data_key(content.bytes);
  } catch (const base::Error&) {  // damaged, or of a newer seawall: as good as none
    return std::nullopt;
  }
}

void write_kept(int folder, const std::string& name, const KeptDataKey& kept) {
  const WipedBytes content{serialise(kept)};
  const std::string fresh = name + std::string(fresh_ending);  // the lock is held: nobody else's
  unlinkat(folder, fresh.c_str(), 0);
  const int descriptor =
      openat(folder, fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0) return;
  const base::File file(descriptor, fresh);
  const ssize_t wrote = pwrite(descriptor, content.bytes.data(), content.bytes.size(), 0);
  if (wrote != static_cast<ssize_t>(content.bytes.size()) ||
      renameat(folder, fresh.c_str(), folder, name.c_str()) != 0) {
    unlinkat(folder, fresh.c_str(), 0);
  }
}

bool is_kept_name(std::string_view name) {
  if (name.ends_with(fresh_ending)) name.remove_suffix(fresh_ending.size());
  return name.size() == name_digits &&
         name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Each taking rewrites a file, so one that is old holds a key that is older.
void remove_out_of_date(int folder, const DataKeyFile::Terms& terms) {
  const int descriptor = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* entries = descriptor < 0 ? nullptr : fdopendir(descriptor);
  if (entries == nullptr) {
    if (descriptor >= 0) ::close(descriptor);
    return;
  }
  const auto oldest = std::chrono::floor<std::chrono::seconds>(terms.now - terms.age_max);
  while (const dirent* entry = readdir(entries)) {
    const std::string_view name = entry->d_name;
    if (!is_kept_name(name)) continue;
    struct stat status {};
    if (fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(status.st_mode) && status.st_mtim.tv_sec < oldest.time_since_epoch().count()) {
      unlinkat(folder, entry->d_name, 0);
    }
  }
  closedir(entries);
}
}  // namespace

Bytes serialise(const KeptDataKey& kept) {
  Bytes out;
  out.reserve(16 * base::KiB);  // growing would leave copies of the key behind
  base::append(out, base::as_bytes(magic));
  append_big(out, static_cast<uint64_t>(kept.made.time_since_epoch().count()));
  append_big(out, kept.messages);
  base::append(out, kept.key.plain.bytes());
  append_field(out, base::as_bytes(kept.recipients));
  append_field(out, kept.context);
  append_big(out, static_cast<uint16_t>(kept.key.wrapped.size()));
  for (const EncryptedDataKey& entry : kept.key.wrapped) {
    append_field(out, base::as_bytes(entry.provider));
    append_field(out, entry.info);
    append_field(out, entry.ciphertext);
  }
  base::append(out, base::as_bytes(sha256_hex(out)));
  return out;
}

KeptDataKey parse_kept_data_key(ByteView bytes) {
  if (bytes.size() < check_digits) throw damaged();
  const ByteView body = bytes.first(bytes.size() - check_digits);
  if (base::as_text(bytes.last(check_digits)) != sha256_hex(body)) throw damaged();
  Cursor cursor(body);
  if (base::as_text(cursor.take(magic.size())) != magic) throw damaged();
  const base::Instant made(base::Duration(static_cast<int64_t>(cursor.number<uint64_t>())));
  const uint64_t messages = cursor.number<uint64_t>();
  KeptDataKey kept{.key = {.plain = SecretKey::from(cursor.take(SecretKey::size)), .wrapped = {}},
                   .made = made,
                   .messages = messages,
                   .recipients = {},
                   .context = {}};
  const Bytes recipients = cursor.field();
  kept.recipients = base::as_text(recipients);
  kept.context = cursor.field();
  const uint16_t count = cursor.number<uint16_t>();
  if (count == 0 || count > encrypted_data_keys_max) throw damaged();
  for (uint16_t i = 0; i < count; ++i) {
    EncryptedDataKey& entry = kept.key.wrapped.emplace_back();
    const Bytes provider = cursor.field();
    entry.provider = base::as_text(provider);
    entry.info = cursor.field();
    entry.ciphertext = cursor.field();
  }
  if (!cursor.empty()) throw damaged();
  return kept;
}

std::optional<DataKeyFile> DataKeyFile::find(std::string& why_not) {
  std::vector<base::Path> folders;
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime == '/')
    folders.push_back(base::Path(runtime) / "seawall-keys");
  folders.emplace_back("/run/seawall/keys");
  folders.emplace_back(fmt::format("/dev/shm/seawall-keys-{}", geteuid()));
  std::string all;
  for (const base::Path& folder : folders) {
    std::string why;
    if (std::optional<DataKeyFile> found = in(folder, why)) return found;
    all += (all.empty() ? "" : "; ") + why;
  }
  why_not = all;
  return std::nullopt;
}

std::optional<DataKeyFile> DataKeyFile::in(const base::Path& folder, std::string& why_not) {
  const auto no = [&](std::string_view why) {
    why_not = fmt::format("{}: {}", folder.string(), why);
    return std::nullopt;
  };
  static_cast<void>(mkdir(folder.c_str(), 0700));  // what is there now is looked at below
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return no("cannot be made or entered");
  base::File opened(descriptor, folder);
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || !ours_alone(status)) return no("is not ours alone");
  struct statfs system {};
  if (fstatfs(descriptor, &system) != 0 ||
      (system.f_type != TMPFS_MAGIC && system.f_type != RAMFS_MAGIC)) {
    return no("is not in memory");
  }
  return DataKeyFile(std::move(opened));
}

std::optional<KeptDataKey> DataKeyFile::take(const Terms& terms) const {
  const int folder = folder_.descriptor();
  const std::string name = name_of(terms.recipients, terms.context);
  const FolderLock lock(folder);
  if (!lock.held()) return std::nullopt;
  std::optional<KeptDataKey> kept = read_kept(folder, name);
  // A key from the future: the clock was set back, and how old it is cannot be told.
  if (!kept || kept->recipients != terms.recipients || kept->context != terms.context ||
      kept->made > terms.now || terms.now - kept->made >= terms.age_max ||
      kept->messages > terms.messages_max || terms.messages_max - kept->messages < terms.batch) {
    return std::nullopt;
  }
  kept->messages += terms.batch;
  write_kept(folder, name, *kept);
  // Only what is written down counts: else two processes would take the same messages.
  const std::optional<KeptDataKey> written = read_kept(folder, name);
  if (!written || written->messages != kept->messages) return std::nullopt;
  return kept;
}

void DataKeyFile::keep(const KeptDataKey& kept, const Terms& terms) const {
  const FolderLock lock(folder_.descriptor());
  if (!lock.held()) return;
  remove_out_of_date(folder_.descriptor(), terms);
  write_kept(folder_.descriptor(), name_of(kept.recipients, kept.context), kept);
}

}  // namespace crypto
