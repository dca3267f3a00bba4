#include "layers/snapshot/data_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "base/error.h"

namespace layers {

using base::Path;
using repository::FileKind;

namespace {

constexpr std::array<std::string_view, 8> empty_folders = {  // kept, but not what is in them
    "pg_dynshmem",  "pg_notify",   "pg_replslot", "pg_serial",
    "pg_snapshots", "pg_stat_tmp", "pg_subtrans", "pg_wal"};
constexpr std::array<std::string_view, 15> left_out_files = {
    "postmaster.pid",       "postmaster.opts",      "postgresql.auto.conf.tmp",
    "current_logfiles.tmp", "current_logfiles",     "backup_label",
    "backup_label.old",     "tablespace_map",       "tablespace_map.old",
    "backup_manifest",      "recovery.signal",      "standby.signal",
    "recovery.done",        "seawall-restore.json", "global/pg_control"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

size_t leading_digits(std::string_view text) {
  return static_cast<size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
}

// "t<backend>_<relation>...": a temporary relation.
bool is_temporary_relation(std::string_view name) {
  if (!name.starts_with('t')) return false;
  const size_t backend = leading_digits(name.substr(1));
  return backend > 0 && name.size() > backend + 2 && name[backend + 1] == '_' &&
         is_digit(name[backend + 2]);
}

// A folder of relations: global, base/<db>, pg_tblspc/<oid>/PG_.../<db>.
bool holds_relations(std::string_view folder) {
  return folder == "global" || folder.starts_with("base/") || folder.starts_with("pg_tblspc/");
}

bool is_tablespace(std::string_view folder) {
  return folder.starts_with("pg_tblspc/") && folder.find('/', 10) == std::string_view::npos;
}

// The entries of one folder in the order that whole paths have, folders' names with a '/' behind. A
// million names take some 15 MB: they are kept in one string.
class FolderEntries {
 public:
  explicit FolderEntries(const Path& folder) {
    DIR* stream = opendir(folder.c_str());
    if (stream == nullptr) {
      if (errno == ENOENT) return;  // dropped beside us
      base::throw_errno(fmt::format("reading folder {}", folder.string()));
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> close(stream, closedir);
    for (;;) {
      errno = 0;
      const dirent* entry = readdir(stream);
      if (entry == nullptr) {
        if (errno != 0) base::throw_errno(fmt::format("reading folder {}", folder.string()));
        break;
      }
      const std::string_view name(entry->d_name);
      if (name == "." || name == "..") continue;
      starts_.push_back(static_cast<uint32_t>(names_.size()));
      names_ += name;
      if (is_folder(folder, *entry)) names_ += '/';
      names_ += '\0';
    }
    std::ranges::sort(starts_, {},
                      [this](uint32_t start) { return std::string_view(names_.data() + start); });
  }

  size_t size() const { return starts_.size(); }
  std::string_view operator[](size_t i) const { return names_.data() + starts_[i]; }

 private:
  static bool is_folder(const Path& folder, const dirent& entry) {
    if (entry.d_type != DT_UNKNOWN && entry.d_type != DT_LNK) return entry.d_type == DT_DIR;
    struct stat status {};
    const int flags = entry.d_type == DT_LNK ? 0 : AT_SYMLINK_NOFOLLOW;
    // A link to a folder counts as one only below pg_tblspc, where it is a tablespace.
    if (entry.d_type == DT_LNK && folder.filename() != "pg_tblspc") return false;
    return fstatat(AT_FDCWD, (folder / entry.d_name).c_str(), &status, flags) == 0 &&
           S_ISDIR(status.st_mode);
  }

  std::string names_;
  std::vector<uint32_t> starts_;
};

// Relations that have an init fork are unlogged: recovery makes their other forks anew.
std::set<std::string, std::less<>> unlogged_relations(const FolderEntries& entries) {
  std::set<std::string, std::less<>> unlogged;
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string_view name = entries[i];
    const size_t digits = leading_digits(name);
    if (digits > 0 && name.substr(digits) == "_init") unlogged.emplace(name.substr(0, digits));
  }
  return unlogged;
}

// A fork that recovery makes anew.
bool is_unlogged(const std::string& folder, std::string_view name,
                 const std::set<std::string, std::less<>>& unlogged) {
  const size_t digits = leading_digits(name);
  if (digits == 0 || unlogged.empty() || !holds_relations(folder)) return false;
  const std::string_view fork = name.substr(digits);
  return !fork.starts_with("_init") && unlogged.contains(name.substr(0, digits));
}

}  // namespace

bool is_left_out(std::string_view path) {
  if (std::ranges::find(left_out_files, path) != left_out_files.end()) return true;
  const size_t slash = path.rfind('/');
  const std::string_view folder = slash == std::string_view::npos ? "" : path.substr(0, slash);
  const std::string_view name = path.substr(folder.empty() ? 0 : slash + 1);
  const std::string_view top = path.substr(0, path.find('/'));
  if (!folder.empty() && std::ranges::find(empty_folders, top) != empty_folders.end()) return true;
  if (name.starts_with("pgsql_tmp") || name.starts_with("pg_internal.init")) return true;
  return holds_relations(folder) && is_temporary_relation(name);
}

Path DataFiles::location(const std::string& path) const {
  if (!path.starts_with("external/")) return data_directory_ / path;
  size_t number = 0;
  std::from_chars(path.data() + 9, path.data() + path.size(), number);
  CHECK(number < external_.size());
  return external_[number];
}

std::vector<repository::ExternalFile> DataFiles::external_files() const {
  std::vector<repository::ExternalFile> all;
  for (size_t i = 0; i < external_.size(); ++i) {
    all.push_back({fmt::format("external/{:03}/{}", i, external_[i].filename().string()),
                   external_[i].string()});
  }
  return all;
}

void DataFiles::visit_entry(const std::string& path,
                            const std::function<void(DataFile)>& visit) const {
  const Path where = location(path);
  struct stat status {};
  if (lstat(where.c_str(), &status) != 0) {
    if (errno == ENOENT) return;  // dropped beside us
    base::throw_errno(fmt::format("looking at {}", where.string()));
  }
  const uint32_t mode = status.st_mode & 07777;
  if (S_ISREG(status.st_mode)) {
    visit({path, FileKind::file, mode, static_cast<uint64_t>(status.st_size), {}});
  } else if (S_ISLNK(status.st_mode)) {
    if (path.starts_with("external/")) {  // what matters of a configuration file is its content
      visit({path, FileKind::file, 0600, std::filesystem::file_size(where), {}});
    } else {
      visit({path, FileKind::link, mode, 0, std::filesystem::read_symlink(where).string()});
    }
  }
  // Sockets and the like are nobody's data.
}

void DataFiles::walk_external(const std::function<void(DataFile)>& visit) const {
  for (const repository::ExternalFile& file : external_files()) visit_entry(file.path, visit);
}

void DataFiles::walk_folder(const std::string& path,
                            const std::function<void(DataFile)>& visit) const {
  const FolderEntries entries(data_directory_ / path);
  const std::string prefix = path.empty() ? "" : path + "/";
  const auto unlogged =
      holds_relations(path) ? unlogged_relations(entries) : std::set<std::string, std::less<>>{};
  bool external_done = !path.empty();
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string_view entry = entries[i];
    if (!external_done && entry > "external/") {
      walk_external(visit);
      external_done = true;
    }
    const bool is_folder = entry.ends_with('/');
    const std::string name(entry.substr(0, entry.size() - (is_folder ? 1 : 0)));
    const std::string full = prefix + name;
    if (is_tablespace(path) && name != version_folder_)
      continue;  // of another version of the server
    if (is_left_out(full) || is_unlogged(path, name, unlogged)) continue;
    if (!is_folder && full != "pg_wal") {
      visit_entry(full, visit);
      continue;
    }
    struct stat status {};
    if (stat((data_directory_ / full).c_str(), &status) != 0) continue;  // dropped beside us
    visit({full + "/", FileKind::folder, status.st_mode & 07777u, 0, {}});
    if (std::ranges::find(empty_folders, full) == empty_folders.end()) walk_folder(full, visit);
  }
  if (!external_done) walk_external(visit);
}

void DataFiles::walk(const std::function<void(DataFile)>& visit) const { walk_folder("", visit); }

RelationFile relation_file(std::string_view path, uint32_t blocks_per_file) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || !holds_relations(path.substr(0, slash))) return {};
  std::string_view rest = path.substr(slash + 1);
  const size_t digits = leading_digits(rest);
  if (digits == 0) return {};
  rest = rest.substr(digits);
  RelationFile file{.is_relation = true, .is_main_fork = true, .first_block = 0};
  for (const std::string_view fork : {"_fsm", "_vm", "_init"}) {
    if (rest.starts_with(fork)) {
      file.is_main_fork = false;
      rest = rest.substr(fork.size());
      break;
    }
  }
  if (rest.empty()) return file;
  uint32_t number = 0;
  const auto [end, failed] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), number);
  if (rest[0] != '.' || failed != std::errc{} || end != rest.data() + rest.size()) return {};
  file.first_block = number * blocks_per_file;
  return file;
}

}  // namespace layers
