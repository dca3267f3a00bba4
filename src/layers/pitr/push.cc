#include "layers/pitr/push.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "base/log.h"
#include "base/task_group.h"
#include "postgres/control_file.h"

namespace layers {

using base::ErrorKind;
using base::Path;
using postgres::WalFileName;
using repository::WalArchive;

namespace {

repository::Epoch identity_of(const Path& data_directory) {
  const postgres::ControlFile control = postgres::read_control_file(data_directory).facts;
  return {.number = {},
          .system_identifier = control.system_identifier,
          .major = control.major(),
          .segment_bytes = control.segment_bytes,
          .timeline = control.timeline,
          .begins_at = control.redo,
          .created = base::system_clock().now(),
          .reason = {}};
}

// Segments that wait for the archiver behind `name`, in order.
std::vector<WalFileName> waiting_behind(const Path& wal_folder, const WalFileName& name,
                                        unsigned count) {
  std::vector<WalFileName> waiting;
  std::error_code failed;
  for (const std::filesystem::directory_entry& entry :
       std::filesystem::directory_iterator(wal_folder / "archive_status", failed)) {
    if (entry.path().extension() != ".ready") continue;
    std::optional<WalFileName> other = postgres::parse_wal_file_name(entry.path().stem().string());
    if (other && other->kind == postgres::WalFileKind::segment && other->text > name.text) {
      waiting.push_back(std::move(*other));
    }
  }
  std::ranges::sort(waiting, {}, &WalFileName::text);
  if (waiting.size() > count) waiting.resize(count);
  return waiting;
}

void push_one(const WalArchive& archive, const WalFileName& name, const Path& path,
              std::stop_token stop) {
  base::while_doing(fmt::format("archiving {}", name.text),
                    [&] { archive.put(name, base::File::open(path, O_RDONLY), stop); });
}

// A timeline begun while archiving was off (a restored cluster is promoted so) left its history
// behind.
void push_history(const WalArchive& archive, const WalFileName& name, const Path& wal_folder,
                  std::stop_token stop) {
  if (name.timeline.value == 1 || name.kind == postgres::WalFileKind::history) return;
  const std::string history = postgres::history_file_name(name.timeline);
  const WalFileName history_name = *postgres::parse_wal_file_name(history);
  if (!archive.has(history_name, stop) && std::filesystem::exists(wal_folder / history)) {
    push_one(archive, history_name, wal_folder / history, stop);
  }
}

}  // namespace

void push_wal(const repository::Repository& repository, const Path& file,
              const PushOptions& options, std::stop_token stop) {
  const std::optional<WalFileName> name = postgres::parse_wal_file_name(file.filename().string());
  if (!name)
    throw base::error(ErrorKind::invalid, "'{}' is not the name of a WAL file",
                      file.filename().string());
  const Path path = std::filesystem::absolute(file);
  const Path wal_folder = path.parent_path();
  const repository::Epoch epoch = repository.epoch_for(identity_of(wal_folder.parent_path()), stop);

  std::vector<WalFileName> ahead;
  if (name->kind == postgres::WalFileKind::segment)
    ahead = waiting_behind(wal_folder, *name, options.look_ahead);
  const auto is_there = [&](const WalFileName& other) {
    return WalArchive(repository, epoch).has(other, stop);
  };
  std::erase_if(ahead, is_there);  // by the push before this one; compared in its own turn
  // A push whose own segment went ahead carries others again once half of what may be ahead is used
  // up: one for each push would be compressed by one thread, and never by all.
  if (ahead.size() < options.look_ahead / 2 && is_there(*name)) ahead.clear();
  // A single segment is compressed by all threads, several by one each.
  const WalArchive archive(repository, epoch, ahead.empty() ? options.threads : 1);
  push_history(archive, *name, wal_folder, stop);

  std::atomic<size_t> next{0};
  base::TaskGroup helpers(stop);
  const unsigned threads = static_cast<unsigned>(std::min<size_t>(ahead.size(), options.threads));
  helpers.spawn("push", threads, [&](std::stop_token own) {
    for (size_t i = next++; i < ahead.size(); i = next++) {
      try {
        push_one(archive, ahead[i], wal_folder / ahead[i].text, own);
      } catch (const base::Error& failure) {
        base::debug("{} will be tried again in its turn: {}", ahead[i].text, failure.message());
        return;
      }
    }
  });
  push_one(archive, *name, path, stop);
  helpers.join();
}

}  // namespace layers
