#include "drill/page_check.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/task_group.h"
#include "postgres/control_file.h"
#include "postgres/page.h"

namespace drill {

using base::Path;

namespace {

constexpr size_t read_bytes = base::MiB;

struct RelationFile {
  Path path;
  uint32_t segment = 0;
};

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "16384", "16384_vm", "16384.1", "16384_fsm.2": what a relation's forks are kept in. Those of
// temporary tables begin with a letter.
std::optional<RelationFile> relation_file(const Path& path) {
  std::string_view name(path.native());
  name.remove_prefix(name.rfind('/') + 1);
  RelationFile file{.path = path};
  if (const size_t dot = name.find('.'); dot != std::string_view::npos) {
    const std::string_view number = name.substr(dot + 1);
    if (!all_digits(number) || number.size() > 6) return std::nullopt;
    file.segment = static_cast<uint32_t>(std::stoul(std::string(number)));
    name = name.substr(0, dot);
  }
  const std::string_view fork = name.substr(std::min(name.find('_'), name.size()));
  if (!fork.empty() && fork != "_vm" && fork != "_fsm" && fork != "_init") return std::nullopt;
  if (!all_digits(name.substr(0, name.size() - fork.size()))) return std::nullopt;
  return file;
}

std::vector<RelationFile> relation_files(const Path& data_directory) {
  std::vector<RelationFile> files;
  for (const char* folder : {"base", "global", "pg_tblspc"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             data_directory / folder,
             std::filesystem::directory_options::follow_directory_symlink)) {
      if (!entry.is_regular_file()) continue;
      if (std::optional<RelationFile> file = relation_file(entry.path()))
        files.push_back(std::move(*file));
    }
  }
  return files;
}

}  // namespace

std::vector<uint32_t> wrong_pages(const Path& path, uint32_t first_block, uint64_t& pages,
                                  std::stop_token stop) {
  std::vector<uint32_t> wrong;
  const base::File file = base::File::open(path, O_RDONLY);
  base::Bytes buffer(read_bytes);
  uint32_t block = first_block;
  for (uint64_t at = 0;; at += buffer.size()) {
    base::throw_if_stopped(stop);
    const size_t got = file.read_at(at, buffer);
    for (size_t page = 0; page + postgres::page_bytes <= got; page += postgres::page_bytes) {
      const std::byte* bytes = buffer.data() + page;
      ++pages;
      const bool matches =
          postgres::page_is_new(bytes) || postgres::page_checksum_matches(bytes, block);
      if (!matches && wrong.size() < wrong_pages_max) wrong.push_back(block);
      ++block;
    }
    if (got < buffer.size()) return wrong;
  }
}

DrillCheckResult check_pages(const Path& data_directory, unsigned threads, std::stop_token stop) {
  const postgres::ControlFile control = postgres::read_control_file(data_directory).facts;
  if (!control.checksums)
    return {"checksums", DrillVerdict::unproven, "the cluster has no page checksums"};
  const std::vector<RelationFile> files = relation_files(data_directory);
  std::atomic<size_t> next{0};
  std::mutex mutex;
  uint64_t pages = 0;
  std::vector<std::string> wrong;
  base::TaskGroup tasks(stop);
  tasks.spawn("pages", threads, [&](const std::stop_token& inner) {
    for (size_t i = next++; i < files.size(); i = next++) {
      uint64_t seen = 0;
      const uint32_t first = files[i].segment * control.blocks_per_file;
      const std::vector<uint32_t> blocks = wrong_pages(files[i].path, first, seen, inner);
      const std::lock_guard lock(mutex);
      pages += seen;
      for (const uint32_t block : blocks) {
        if (wrong.size() == wrong_pages_max) break;
        wrong.push_back(fmt::format("block {} of {}", block,
                                    files[i].path.lexically_relative(data_directory).string()));
      }
    }
  });
  tasks.join();
  if (wrong.empty())
    return {"checksums", DrillVerdict::passed, fmt::format("{} pages, all as they sum up", pages)};
  return {
      "checksums", DrillVerdict::failed,
      fmt::format("{}{} of {} pages", wrong[0],
                  wrong.size() > 1 ? fmt::format(" and {} more", wrong.size() - 1) : "", pages)};
}

std::optional<repository::KnownBad> flip_a_page(const Path& data_directory, const Path& folder,
                                                std::stop_token stop) {
  if (!postgres::read_control_file(data_directory).facts.checksums) return std::nullopt;
  for (const RelationFile& file : relation_files(data_directory)) {
    if (file.segment != 0) continue;
    base::Bytes page(postgres::page_bytes);
    const base::File source = base::File::open(file.path, O_RDONLY);
    if (source.read_at(0, page) < page.size() || postgres::page_is_new(page.data())) continue;
    if (!postgres::page_checksum_matches(page.data(), 0)) continue;  // truly bad, and told as such
    page[page.size() / 2] ^= std::byte{0x10};
    const Path copy = folder / "flipped";
    base::write_file_durably(copy, page);
    uint64_t pages = 0;
    const bool caught = wrong_pages(copy, 0, pages, stop) == std::vector<uint32_t>{0};
    std::filesystem::remove(copy);
    return repository::KnownBad{fmt::format("a bit flipped in a copy of the first page of {}",
                                            file.path.lexically_relative(data_directory).string()),
                                "checksums", caught};
  }
  return std::nullopt;
}

}  // namespace drill
