#include "drill/scratch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <charconv>

#include "base/error.h"
#include "base/log.h"

namespace drill {

using base::Error;
using base::ErrorKind;
using base::File;
using base::Path;

namespace {

constexpr const char* folder_prefix = "drill-";
constexpr const char* lock_name = "lock";
constexpr size_t socket_path_max = 107;  // sun_path of unix(7), with its zero
constexpr std::string_view longest_socket = "/server/.s.PGSQL.5432";
constexpr int patience_tenths = 100;  // for processes to end

// "drill-20261122T190000Z-0a1b2c3d", and our lock in it or nothing at all: what else may lie beside
// is not ours.
bool is_of_a_drill(const Path& folder) {
  std::string_view name(folder.native());
  name.remove_prefix(name.rfind('/') + 1);
  constexpr std::string_view form = "drill-########T######Z-xxxxxxxx";
  if (name.size() != form.size()) return false;
  for (size_t i = 0; i < form.size(); ++i) {
    const bool digit = name[i] >= '0' && name[i] <= '9';
    const bool hexadecimal = digit || (name[i] >= 'a' && name[i] <= 'f');
    if (form[i] == '#' ? !digit : form[i] == 'x' ? !hexadecimal : name[i] != form[i]) return false;
  }
  return std::filesystem::is_directory(std::filesystem::symlink_status(folder)) &&
         (std::filesystem::exists(folder / lock_name) || std::filesystem::is_empty(folder));
}

// Held while a folder is made or looked at, so that none is taken for dead before it lives.
File lock_base(const Path& base) {
  File file = File::open(base, O_RDONLY | O_DIRECTORY);
  for (int tenths = 0; flock(file.descriptor(), LOCK_EX | LOCK_NB) != 0; ++tenths) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      base::throw_errno(fmt::format("locking {}", base.string()));
    if (tenths == 6 * patience_tenths)
      throw base::error(ErrorKind::conflict, "{} is locked by another drill", base.string());
    usleep(100'000);
  }
  return file;
}

bool is_below(const Path& path, const Path& folder) {
  const std::string text = path.string();
  const std::string root = folder.string();
  return text == root || text.starts_with(root + "/");
}

// Whether the drill that this lock is of is over, and the lock now ours. A child that its program
// was just starting holds it a moment longer than the program lives.
bool take_lock_of_dead(const File& lock) {
  for (int tenths = 0; tenths < patience_tenths / 2; ++tenths) {
    if (flock(lock.descriptor(), LOCK_EX | LOCK_NB) == 0) return true;
    char text[32] = {};
    const ssize_t got = pread(lock.descriptor(), text, sizeof text - 1, 0);
    pid_t owner = 0;
    if (got > 0) std::from_chars(text, text + got, owner);
    const bool gone = owner > 0 && kill(owner, 0) != 0 && errno == ESRCH;
    if (!gone) return false;
    usleep(100'000);
  }
  return false;
}

// Ours whose working folder is in `folder`: a server and its children work in its data directory,
// and whatever else a drill starts, in the drill's folder.
std::vector<pid_t> processes_in(const Path& folder) {
  std::vector<pid_t> found;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", failed)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad != std::errc{} || end != name.data() + name.size() || pid == getpid()) continue;
    std::error_code gone;  // or another user's
    const Path at = std::filesystem::read_symlink(entry.path() / "cwd", gone);
    if (!gone && is_below(at, folder)) found.push_back(pid);
  }
  return found;
}

// First asked as PostgreSQL takes for "at once", which leaves no shared memory behind.
std::vector<int> end_processes(const Path& folder) {
  std::vector<int> ended;
  for (const int signal_number : {SIGQUIT, SIGKILL}) {
    for (const pid_t pid : processes_in(folder)) {
      kill(pid, signal_number);
      if (signal_number == SIGQUIT) ended.push_back(pid);
    }
    for (int tenths = 0; tenths < patience_tenths; ++tenths) {
      if (processes_in(folder).empty()) return ended;
      usleep(100'000);
    }
  }
  throw base::error(ErrorKind::unavailable, "a process in {} does not end", folder.string());
}

void remove_folder(const Path& folder) {
  std::error_code failed;
  std::filesystem::remove_all(folder, failed);
  if (failed) base::throw_errno(fmt::format("removing {}", folder.string()), failed.value());
}

}  // namespace

Scratch::Scratch(const Path& base, const std::string& id) : folder_(base / (folder_prefix + id)) {
  if (folder_.string().size() + longest_socket.size() >= socket_path_max) {
    throw Error(
        ErrorKind::invalid,
        fmt::format("the scratch folder {} is too deep for a server's socket in it", base.string()),
        "name one with a shorter path: drill.scratch in the policy, or --scratch");
  }
  base::create_folders_durably(base);
  const File guard = lock_base(base);
  if (mkdir(folder_.c_str(), 0700) != 0)
    base::throw_errno(fmt::format("creating folder {}", folder_.string()));
  lock_ = File::open(folder_ / lock_name, O_CREAT | O_RDWR);
  if (flock(lock_.descriptor(), LOCK_EX | LOCK_NB) != 0)
    base::throw_errno(fmt::format("locking {}", folder_.string()));
  lock_.write_all(base::as_bytes(fmt::format("{}\n", getpid())));
}

Scratch::~Scratch() {
  try {
    end_processes(folder_);
    remove_folder(folder_);
  } catch (const std::exception& failure) {
    base::warn("what the drill left stays until the next one: {}", failure.what());
  }
}

Path Scratch::make(const std::string& name) const {
  Path folder = folder_ / name;
  if (mkdir(folder.c_str(), 0700) != 0)
    base::throw_errno(fmt::format("creating folder {}", folder.string()));
  return folder;
}

Cleaned clean_scratch(const Path& base) {
  Cleaned cleaned;
  if (!std::filesystem::exists(base)) return cleaned;
  const File guard = lock_base(base);
  for (const auto& entry : std::filesystem::directory_iterator(base)) {
    if (!is_of_a_drill(entry.path())) continue;
    const std::optional<File> lock = File::open_if_there(entry.path() / lock_name, O_RDWR);
    if (lock && !take_lock_of_dead(*lock)) continue;
    const std::vector<int> ended = end_processes(entry.path());
    cleaned.processes.insert(cleaned.processes.end(), ended.begin(), ended.end());
    remove_folder(entry.path());
    cleaned.folders.push_back(entry.path().string());
  }
  return cleaned;
}

}  // namespace drill
