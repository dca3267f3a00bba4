#include "layers/pitr/saved_wal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"

namespace layers {

using base::Path;

namespace {

std::vector<Path> files_in(const Path& folder) {
  std::vector<Path> files;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    if (entry.is_regular_file() && !entry.is_symlink()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

void copy_durably(const Path& from, const Path& to) {
  std::filesystem::copy_file(from, to);
  base::File::open(to, O_RDONLY).sync();
}

void link_or_copy(const Path& from, const Path& to) {
  if (link(from.c_str(), to.c_str()) == 0) return;
  if (errno != EXDEV && errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK)
    base::throw_errno(to.string());
  copy_durably(from, to);
}

// Beside what an earlier restore saved in the same second.
Path free_folder(const Path& wanted) {
  Path folder = wanted;
  for (int number = 2; std::filesystem::exists(folder); ++number)
    folder = fmt::format("{}.{}", wanted.string(), number);
  return folder;
}

}  // namespace

std::optional<SavedWal> save_wal(const Path& data_directory, base::Instant now) {
  const Path log = data_directory / "pg_wal";
  const std::vector<Path> files = files_in(log);
  const Path control = data_directory / "global" / "pg_control";
  if (files.empty() || !std::filesystem::exists(control)) return std::nullopt;
  SavedWal saved{
      .folder = free_folder(data_directory.string() + ".saved-wal-" + base::to_compact(now)),
      .files = files.size(),
      .unarchived = {}};
  const Path status = saved.folder / "pg_wal" / "archive_status";
  base::create_folders_durably(status);
  base::create_folders_durably(saved.folder / "global");
  for (const Path& file : files) link_or_copy(file, saved.folder / "pg_wal" / file.filename());
  for (const Path& file : files_in(log / "archive_status")) {
    link_or_copy(file, status / file.filename());
    if (file.extension() == ".ready") saved.unarchived.push_back(file.stem().string());
  }
  copy_durably(control, saved.folder / "global" / "pg_control");  // it is written in place
  for (const Path& folder :
       {status, saved.folder / "pg_wal", saved.folder / "global", saved.folder})
    base::sync_folder(folder);
  return saved;
}

}  // namespace layers
