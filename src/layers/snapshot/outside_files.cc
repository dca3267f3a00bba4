#include "layers/snapshot/outside_files.h"

#include <algorithm>
#include <sstream>

#include "base/error.h"

namespace layers {

using base::Path;
using repository::ExternalFile;

namespace {

constexpr mode_t folder_mode = 0755;  // other users' clients look up ports there
constexpr std::string_view main_file = "postgresql.conf";

// "conf.d" of "include_dir = 'conf.d'  # why". Source: PostgreSQL documentation, "Setting
// Parameters", configuration file includes.
std::optional<std::string> included_folder(std::string line) {
  line.resize(std::min(line.find('#'), line.size()));
  const size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string::npos || line.compare(begin, 11, "include_dir") != 0)
    return std::nullopt;
  const size_t open = line.find('\'');
  const size_t close = line.rfind('\'');
  if (open == close) return std::nullopt;
  return line.substr(open + 1, close - open - 1);
}

}  // namespace

OutsideFiles::OutsideFiles(const repository::SnapshotRoot& root, Path folder)
    : root_(root), folder_(std::move(folder)) {
  const auto main = std::ranges::find_if(root.external, [](const ExternalFile& file) {
    return Path(file.original).filename() == main_file;
  });
  if (main != root.external.end()) original_folder_ = Path(main->original).parent_path();
}

Path OutsideFiles::place(std::string_view path) const {
  const auto file = std::ranges::find(root_.external, path, &ExternalFile::path);
  const Path original = file != root_.external.end() ? Path(file->original) : Path(path);
  const Path below = original.lexically_relative(original_folder_);
  const bool beside = !below.empty() && *below.begin() != "..";
  return folder_ / (beside ? below : original.filename());
}

void OutsideFiles::require_free() const {
  for (const ExternalFile& file : root_.external) {
    const Path target = place(file.path);
    if (!std::filesystem::exists(std::filesystem::symlink_status(target))) continue;
    throw base::Error(base::ErrorKind::conflict,
                      fmt::format("{} is there already", target.string()),
                      "name another folder with --configuration, or move it away");
  }
}

void OutsideFiles::make_folders() const {
  base::create_folders_durably(folder_, folder_mode);
  for (const ExternalFile& file : root_.external)
    base::create_folders_durably(place(file.path).parent_path(), folder_mode);
}

void OutsideFiles::make_included_folders() const {
  std::istringstream text(base::read_text_file_if_there(folder_ / main_file).value_or(""));
  for (std::string line; std::getline(text, line);) {
    const std::optional<std::string> included = included_folder(line);
    if (included && Path(*included).is_relative())
      base::create_folders_durably(folder_ / *included, folder_mode);
  }
}

}  // namespace layers
