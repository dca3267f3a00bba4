#include "layers/snapshot/restore_files.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "base/direct_writer.h"
#include "base/error.h"
#include "base/task_group.h"
#include "layers/snapshot/block_source.h"
#include "layers/snapshot/outside_files.h"
#include "postgres/control_file.h"

namespace layers {

using base::ByteSpan;
using base::ByteView;
using base::Error;
using base::ErrorKind;
using base::File;
using base::Path;
using repository::block_bytes;
using repository::FileKind;
using repository::FileRow;
using repository::Shard;
using repository::SnapshotRoot;

namespace {

// Larger files are handed out and synced one by one, smaller ones together: their blocks lie
// together in the packs, as they were captured in this order.
constexpr uint64_t small_bytes_max = 1 * base::MiB;
constexpr uint64_t batch_bytes = 4 * base::MiB;
constexpr size_t batch_files_max = 512;
// A thread that writes waits for the disk as long as it inflates, so each core gets two: one file
// is written while the other is made.
constexpr unsigned threads_per_core = 2;
constexpr uint64_t read_ahead_bytes = 4 * base::MiB;
// In the target from the first byte to the last: tells --delta that what lies there is ours to go
// on with, when not even PG_VERSION is there yet. Holds the cluster's system identifier.
constexpr const char* under_way = "seawall-restore-under-way";

bool is_empty_or_absent(const Path& folder) {
  std::error_code failed;
  const std::filesystem::file_status status = std::filesystem::symlink_status(folder, failed);
  if (status.type() == std::filesystem::file_type::not_found) return true;
  return std::filesystem::is_directory(folder, failed) &&
         std::filesystem::is_empty(folder, failed) && !failed;
}

bool server_runs_on(const Path& data_directory) {
  const std::optional<std::string> text =
      base::read_text_file_if_there(data_directory / "postmaster.pid");
  if (!text) return false;
  pid_t pid = 0;
  std::from_chars(text->data(), text->data() + text->size(), pid);
  return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

// Where the snapshot's paths go.
class Places {
 public:
  Places(const SnapshotRoot& root, const RestoreRequest& request)
      : root_(root), request_(request) {}

  Path tablespace(const repository::TablespaceRef& space) const {
    const auto mapped = request_.tablespaces.find(space.oid);
    return mapped != request_.tablespaces.end() ? mapped->second : Path(space.location);
  }

  // Nothing for what is not restored: configuration from outside, when no place is given for it.
  std::optional<Path> of(std::string_view path) const {
    if (path.ends_with('/')) path.remove_suffix(1);
    if (path.starts_with("external/")) {
      if (!request_.configuration) return std::nullopt;
      return OutsideFiles(root_, *request_.configuration).place(path);
    }
    return request_.target / path;  // a tablespace is reached by its link
  }

 private:
  const SnapshotRoot& root_;
  const RestoreRequest& request_;
};

// A path of a snapshot that would leave the target is nobody's honest work.
void require_safe(std::string_view path) {
  const Path parts(path);
  const bool leaves = parts.is_absolute() ||
                      std::ranges::any_of(parts, [](const Path& part) { return part == ".."; });
  if (leaves) throw base::error(ErrorKind::corrupt, "the snapshot has a file named '{}'", path);
}

class FileRestorer {
 public:
  FileRestorer(const repository::Repository& repository, const SnapshotRoot& root,
               const RestoreRequest& request, RestoreProgress& progress, std::stop_token stop)
      : repository_(repository),
        places_(root, request),
        delta_(request.delta),
        progress_(progress),
        stop_(std::move(stop)),
        source_(repository, root.epoch),
        buffer_(base::MiB) {}

  void restore(const Shard& shard, std::span<const FileRow* const> files) {
    if (!delta_) source_.expect(shard, files);
    for (const FileRow* file : files) restore_one(shard, *file);
  }

 private:
  void restore_one(const Shard& shard, const FileRow& file) {
    const std::optional<Path> place = places_.of(shard.name(file));
    if (!place) return;
    base::throw_if_stopped(stop_);
    const uint64_t before = source_.fetched_bytes();
    base::while_doing(fmt::format("restoring {}", shard.name(file)), [&] {
      if (delta_ && mend(shard, file, *place)) return;
      write_whole(shard, file, *place);
    });
    progress_.bytes_fetched += source_.fetched_bytes() - before;
  }

  void write_whole(const Shard& shard, const FileRow& file, const Path& place) {
    if (delta_) source_.expect(shard, std::array{&file});
    const int fresh = delta_ ? O_TRUNC : O_EXCL;
    File out = File::open(place, O_WRONLY | O_CREAT | O_NOFOLLOW | fresh, file.mode & 0777);
    writer_.begin(out);
    source_.read(
        shard, file, 0, static_cast<uint32_t>(repository::blocks_of(file.size)),
        [&](ByteView piece) {
          base::throw_if_stopped(stop_);
          writer_.write(piece);
          progress_.bytes_done += piece.size();
        },
        stop_);
    writer_.finish();
    if (file.size >= small_bytes_max) out.sync();
    out.close();
  }

  // Onto the file that is there: reads it, and fetches the blocks that differ. False when there is
  // none to mend.
  bool mend(const Shard& shard, const FileRow& file, const Path& place) {
    const int descriptor = ::open(place.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) {
      if (errno == ENOENT) return false;
      base::throw_errno(fmt::format("opening {}", place.string()));
    }
    File out(descriptor, place);
    const std::span<const crypto::Digest> digests = shard.digests(file);
    bool changed = false;
    if (out.size() > file.size) {
      out.truncate(file.size);
      changed = true;
    }
    for (uint64_t offset = 0; offset < file.size; offset += buffer_.size()) {
      base::throw_if_stopped(stop_);
      const size_t want =
          static_cast<size_t>(std::min<uint64_t>(buffer_.size(), file.size - offset));
      // What was restored past the page cache is on the disk alone: it is fetched while we digest.
      posix_fadvise(
          out.descriptor(), static_cast<off_t>(offset == 0 ? 0 : offset + read_ahead_bytes),
          static_cast<off_t>(offset == 0 ? read_ahead_bytes : buffer_.size()), POSIX_FADV_WILLNEED);
      const size_t got = out.read_at(offset, buffer_.span().first(want));
      uint32_t bad_first = 0;
      uint32_t bad = 0;
      const auto fetch = [&] {
        if (bad == 0) return;
        uint64_t at = uint64_t{bad_first} * block_bytes;
        source_.read(
            shard, file, bad_first, bad,
            [&](ByteView piece) {
              out.write_all_at(at, piece);
              at += piece.size();
            },
            stop_);
        bad = 0;
        changed = true;
      };
      for (size_t in = 0; in < want; in += block_bytes) {
        const uint32_t block = static_cast<uint32_t>((offset + in) / block_bytes);
        const size_t size = repository::bytes_of_block(file.size, block);
        const bool good = in + size <= got && repository_.hash_key().digest(buffer_.span().subspan(
                                                  in, size)) == digests[block];
        if (good) {
          fetch();
        } else if (bad++ == 0) {
          bad_first = block;
        }
      }
      fetch();
      progress_.bytes_done += want;
    }
    if (changed) out.sync();
    return true;
  }

  const repository::Repository& repository_;
  Places places_;
  bool delta_;
  RestoreProgress& progress_;
  std::stop_token stop_;
  BlockSource source_;
  base::DirectWriter writer_;
  base::AlignedBuffer buffer_;
};

// The shards of a root, read one after another. Their files are handed out, large ones first and
// alone, then small ones by the batch.
class ShardLine {
 public:
  ShardLine(const repository::Repository& repository, const SnapshotRoot& root,
            const Places& places)
      : repository_(repository), root_(root), places_(places) {}

  struct Item {
    std::shared_ptr<const Shard> shard;  // shared by the readers of its files
    std::vector<const FileRow*> files;
  };
  std::optional<Item> next(std::stop_token stop) {
    const std::lock_guard lock(mutex_);
    while (at_ == files_.size()) {
      if (next_shard_ == root_.shards.size()) return std::nullopt;
      load(root_.shards[next_shard_++], stop);
    }
    Item item{shard_, {}};
    uint64_t bytes = 0;
    do {
      bytes += files_[at_]->size;
      item.files.push_back(files_[at_++]);
    } while (at_ < files_.size() && files_[at_ - 1]->size < small_bytes_max &&
             bytes + files_[at_]->size <= batch_bytes && item.files.size() < batch_files_max);
    return item;
  }

  // Every path seen, for delta to tell what does not belong.
  const std::set<std::string>& paths() const { return paths_; }
  bool keep_paths = false;

 private:
  void load(const repository::ShardRef& ref, std::stop_token stop) {
    base::while_doing(ref.key, [&] {
      shard_ = std::make_shared<const Shard>(
          Shard::parse(repository::read_shard(repository_, repository::ObjectKey(ref.key), stop)));
      if (repository_.hash_key().digest(shard_->content()) != ref.digest) {
        throw Error(ErrorKind::corrupt, "this is not the index shard that the snapshot names");
      }
    });
    files_.clear();
    at_ = 0;
    for (uint32_t i = 0; i < shard_->file_count(); ++i) {
      const FileRow& file = shard_->file(i);
      const std::string_view path = shard_->name(file);
      require_safe(path);
      if (keep_paths) paths_.emplace(path);
      if (file.kind == FileKind::file) {
        files_.push_back(&file);
      } else {
        make(file, path);
      }
    }
    std::ranges::stable_sort(files_, std::ranges::greater{}, [](const FileRow* file) {
      return file->size < small_bytes_max ? 0 : file->size;
    });
  }

  void make(const FileRow& file, std::string_view path) {
    const std::optional<Path> place = places_.of(path);
    if (!place) return;
    if (file.kind == FileKind::folder) {
      if (mkdir(place->c_str(), file.mode & 0777) != 0 && errno != EEXIST) {
        base::throw_errno(fmt::format("creating folder {}", place->string()));
      }
      return;
    }
    std::filesystem::remove(*place);
    std::filesystem::create_symlink(std::string(shard_->link_target(file)), *place);
  }

  const repository::Repository& repository_;
  const SnapshotRoot& root_;
  const Places& places_;
  std::mutex mutex_;
  std::shared_ptr<const Shard> shard_;
  std::vector<const FileRow*> files_;
  size_t at_ = 0;
  size_t next_shard_ = 0;
  std::set<std::string> paths_;
};

// syncfs(2) of each file system written to: opened before the first write, so that an error since
// then is told.
class FileSystems {
 public:
  void add(const Path& folder) {
    File file = File::open(folder, O_RDONLY | O_DIRECTORY);
    const dev_t device = file.status().st_dev;
    if (devices_.insert(device).second) folders_.push_back(std::move(file));
  }
  void sync() const {
    for (const File& folder : folders_) {
      if (syncfs(folder.descriptor()) != 0)
        base::throw_errno(fmt::format("making {} durable", folder.path().string()));
    }
  }

 private:
  std::set<dev_t> devices_;
  std::vector<File> folders_;
};

void link_tablespaces(const SnapshotRoot& root, const Places& places, const RestoreRequest& request,
                      FileSystems& systems) {
  if (root.tablespaces.empty()) return;
  base::create_folders_durably(request.target / "pg_tblspc");
  for (const repository::TablespaceRef& space : root.tablespaces) {
    if (space.location.empty()) continue;  // in place: an ordinary folder
    const Path place = places.tablespace(space);
    const Path link = request.target / "pg_tblspc" / std::to_string(space.oid);
    base::create_folders_durably(place);
    std::filesystem::remove(link);
    std::filesystem::create_symlink(place, link);
    systems.add(place);
  }
}

// The server's own map, with the places that this restore uses.
std::string mapped_tablespace_map(const SnapshotRoot& root, const Places& places) {
  if (root.tablespace_map.empty()) return {};
  std::string map;
  for (const repository::TablespaceRef& space : root.tablespaces) {
    if (space.location.empty()) continue;
    map += std::to_string(space.oid) + " ";
    for (const char c : places.tablespace(space).string()) {
      if (c == '\n' || c == '\r' || c == '\\') map += '\\';
      map += c;
    }
    map += '\n';
  }
  return map;
}

// What is in the target and not in the snapshot goes: it would be taken for data.
void remove_strangers(const Path& target, const std::string& prefix,
                      const std::set<std::string>& paths) {
  for (const std::filesystem::directory_entry& entry :
       std::filesystem::directory_iterator(target / prefix)) {
    const std::string path = prefix + entry.path().filename().string();
    const bool folder = entry.is_directory() && !(entry.is_symlink() && prefix != "pg_tblspc/");
    if (folder && paths.contains(path + "/")) {
      remove_strangers(target, path + "/", paths);
    } else if (!paths.contains(path)) {
      std::filesystem::remove_all(entry.path());
    }
  }
}

void require_delta_target(const SnapshotRoot& root, const Path& target) {
  if (is_empty_or_absent(target)) return;
  const std::string ours = std::to_string(root.system_identifier);
  if (base::read_text_file_if_there(target / under_way) == ours) return;
  const std::optional<std::string> version = base::read_text_file_if_there(target / "PG_VERSION");
  if (!version) {
    throw Error(ErrorKind::conflict,
                fmt::format("{} is not empty and no data directory", target.string()),
                "name another folder with --to");
  }
  try {
    const postgres::ControlFile control = postgres::read_control_file(target).facts;
    if (control.system_identifier != root.system_identifier) {
      throw base::error(ErrorKind::conflict,
                        "{} is the data directory of another cluster (system identifier {})",
                        target.string(), control.system_identifier);
    }
  } catch (const Error& failure) {
    // A restore that was cut short has no pg_control: going on is what delta is for.
    if (failure.kind() != ErrorKind::absent) throw;
  }
}

}  // namespace

void require_restorable(const SnapshotRoot& root, const RestoreRequest& request) {
  if (server_runs_on(request.target)) {
    throw Error(ErrorKind::conflict, fmt::format("a server runs on {}", request.target.string()),
                "stop it first, or name another folder with --to");
  }
  if (request.delta) {
    require_delta_target(root, request.target);
  } else if (!is_empty_or_absent(request.target)) {
    throw Error(
        ErrorKind::conflict, fmt::format("{} is not empty", request.target.string()),
        "name another folder with --to, or --delta to fetch onto this one only what differs");
  }
  if (request.configuration && !request.delta)
    OutsideFiles(root, *request.configuration).require_free();
  const Places places(root, request);
  std::set<Path> taken = {request.target.lexically_normal()};
  for (const repository::TablespaceRef& space : root.tablespaces) {
    if (space.location.empty()) continue;
    const Path place = places.tablespace(space).lexically_normal();
    if (!place.is_absolute()) {
      throw base::error(ErrorKind::invalid,
                        "the place '{}' for tablespace {} is not an absolute path", place.string(),
                        space.oid);
    }
    if (!taken.insert(place).second) {
      throw base::error(ErrorKind::invalid,
                        "two tablespaces, or one and the target, would go to {}", place.string());
    }
    if (!request.delta && !is_empty_or_absent(place)) {
      throw Error(
          ErrorKind::conflict,
          fmt::format("the place of tablespace {}, {}, is not empty", space.oid, place.string()),
          fmt::format("give it another with --tablespace {}=/other/place", space.oid));
    }
  }
}

void restore_files(const repository::Repository& repository, const SnapshotRoot& root,
                   const RestoreRequest& request, RestoreProgress& progress, std::stop_token stop) {
  require_restorable(root, request);
  const Places places(root, request);
  progress.phase = "fetching";
  progress.bytes_total = root.totals.bytes;
  base::create_folders_durably(request.target);
  if (chmod(request.target.c_str(), 0700) != 0)
    base::throw_errno("closing the data directory to others");
  base::write_file_durably(request.target / under_way,
                           base::as_bytes(std::to_string(root.system_identifier)));
  if (request.configuration) OutsideFiles(root, *request.configuration).make_folders();
  FileSystems systems;
  systems.add(request.target);
  if (request.delta)
    std::filesystem::remove(request.target / "global/pg_control");  // until all is right again
  link_tablespaces(root, places, request, systems);

  ShardLine line(repository, root, places);
  line.keep_paths = request.delta;
  base::TaskGroup tasks(stop);
  tasks.spawn("restore", request.threads * threads_per_core, [&](std::stop_token own) {
    FileRestorer restorer(repository, root, request, progress, own);
    while (const std::optional<ShardLine::Item> item = line.next(own))
      restorer.restore(*item->shard, item->files);
  });
  tasks.join();

  if (request.delta) remove_strangers(request.target, "", line.paths());
  progress.phase = "syncing";
  if (request.configuration) OutsideFiles(root, *request.configuration).make_included_folders();
  base::write_file_durably(request.target / "backup_label", base::as_bytes(root.backup_label));
  if (const std::string map = mapped_tablespace_map(root, places); !map.empty()) {
    base::write_file_durably(request.target / "tablespace_map", base::as_bytes(map));
  }
  std::filesystem::remove(request.target / under_way);
  systems.sync();
  base::Bytes control = root.control_file;
  control.resize(block_bytes);
  base::write_file_durably(request.target / "global/pg_control", control);
  progress.phase = "done";
}

}  // namespace layers
