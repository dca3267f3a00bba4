#include "layers/snapshot/stream_receiver.h"

#include <algorithm>

#include "base/error.h"
#include "base/task_group.h"

namespace layers {

using base::Bytes;
using base::ByteView;
using base::ErrorKind;
using postgres::BaseBackup;
using postgres::TarEntry;
using postgres::TarReader;
using repository::block_bytes;
using repository::FileKind;

namespace {

constexpr size_t stretches_max = 512;  // of one portion: a million files are tiny ones
constexpr size_t stretch_alignment = 64;
constexpr size_t kept_bytes_max = base::MiB;  // of pg_control, backup_label, tablespace_map
constexpr uint64_t content_alignment = 4096;  // what is not written of the spool takes no room
constexpr uint64_t file_bytes_max = uint64_t{repository::zero_frame} * block_bytes;

uint64_t round_up(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

}  // namespace

PortionLine::PortionLine(size_t portions) : empty_(portions), full_(portions) {
  for (size_t i = 0; i < portions; ++i) empty_.push(Bytes(repository::frame_raw_bytes), 1, {});
}

StreamReceiver::Result StreamReceiver::run(const EventSource& next,
                                           const std::vector<ExtraFile>& extra) {
  portion_.buffer = line_.empty_buffer(stop_);
  std::optional<BaseBackup::End> end;
  while (!end) {
    base::throw_if_stopped(stop_);
    const BaseBackup::Event event = next();
    if (const auto* archive = std::get_if<postgres::BackupArchive>(&event)) {
      if (tar_) tar_->finish();
      begin_archive(*archive);
    } else if (const auto* data = std::get_if<postgres::ArchiveBytes>(&event)) {
      take_archive_bytes(data->bytes);
    } else {
      end = std::get<BaseBackup::End>(event);
    }
  }
  if (tar_) tar_->finish();
  for (const ExtraFile& file : extra) {
    begin_file(file.path, 0600, file.content.size());
    add_content(file.content);
  }
  hand_over();
  line_.close();
  if (label_.empty() || control_.empty()) {
    throw base::error(ErrorKind::corrupt, "the server sent a backup without {}",
                      label_.empty() ? "backup_label" : "pg_control");
  }
  return {.backup_label = std::string(base::as_text(label_)),
          .tablespace_map = std::string(base::as_text(map_)),
          .control_file = std::move(control_),
          .end = *end};
}

void StreamReceiver::begin_archive(const postgres::BackupArchive& archive) {
  tar_.emplace();
  in_base_ = archive.tablespace == 0;
  prefix_ = in_base_ ? "" : fmt::format("pg_tblspc/{}/", archive.tablespace);
}

void StreamReceiver::take_archive_bytes(ByteView bytes) {
  if (!tar_) throw base::error(ErrorKind::corrupt, "the server sent bytes of no archive");
  progress_.bytes_read += bytes.size();
  while (const std::optional<TarReader::Event> event = tar_->next(bytes)) {
    if (const auto* entry = std::get_if<TarEntry>(&*event)) {
      begin_entry(*entry);
    } else if (const auto* content = std::get_if<TarReader::Content>(&*event)) {
      if (kept_ != nullptr) {
        base::append(*kept_, content->bytes);
      } else if (!skipping_) {
        add_content(content->bytes);
      }
    }
  }
}

// Where the content of a file goes that is kept in the root.
Bytes* StreamReceiver::kept_apart(const std::string& path) {
  if (!in_base_) return nullptr;
  if (path == "backup_label") return &label_;
  if (path == "tablespace_map") return &map_;
  if (path == "global/pg_control") return &control_;
  return nullptr;
}

void StreamReceiver::begin_entry(const TarEntry& entry) {
  std::string path = prefix_ + entry.path;
  kept_ = entry.kind == TarEntry::Kind::file ? kept_apart(path) : nullptr;
  skipping_ = false;
  if (kept_ != nullptr) {
    if (entry.size > kept_bytes_max)
      throw base::error(ErrorKind::corrupt, "the server sent a {} of {} bytes", path, entry.size);
    kept_->clear();
    return;
  }
  skipping_ = is_left_out(path);
  if (skipping_) return;
  switch (entry.kind) {
    case TarEntry::Kind::file:
      begin_file(std::move(path), entry.mode, entry.size);
      return;
    case TarEntry::Kind::link:
      rows_.add({.path = std::move(path),
                 .kind = FileKind::link,
                 .mode = entry.mode,
                 .link_target = entry.link_target});
      return;
    case TarEntry::Kind::folder:
      if (!in_base_ && entry.path.find('/') == std::string::npos) {
        // The server's own folder in a tablespace has the same mode as the tablespace's.
        rows_.add({.path = prefix_, .kind = FileKind::folder, .mode = entry.mode});
      }
      rows_.add({.path = path + '/', .kind = FileKind::folder, .mode = entry.mode});
      return;
  }
}

void StreamReceiver::begin_file(std::string path, uint32_t mode, uint64_t size) {
  if (size > file_bytes_max)
    throw base::error(ErrorKind::corrupt, "the server sent '{}' with {} bytes", path, size);
  StreamedFile file{.path = path,
                    .relation = relation_file(path, blocks_per_file_),
                    .size = size,
                    .first_block = next_block_,
                    .content_at = next_content_};
  rows_.add({.path = std::move(path),
             .kind = FileKind::file,
             .mode = mode,
             .link_target = {},
             .size = size,
             .first_block = file.first_block,
             .content_at = file.content_at});
  next_block_ += repository::blocks_of(size);
  if (file.is_small()) next_content_ += round_up(size, content_alignment);
  file_left_ = size;
  file_block_ = 0;
  stretch_left_ = 0;
  file_ = std::make_shared<const StreamedFile>(std::move(file));
}

void StreamReceiver::add_content(ByteView bytes) {
  while (!bytes.empty()) {
    if (stretch_left_ == 0) begin_stretch();
    const size_t part = std::min(stretch_left_, bytes.size());
    std::memcpy(portion_.buffer.data() + used_, bytes.data(), part);
    used_ += part;
    stretch_left_ -= part;
    file_left_ -= part;
    bytes = bytes.subspan(part);
  }
}

// Room for the file's next blocks: whole ones, or all that are left.
void StreamReceiver::begin_stretch() {
  used_ = round_up(used_, stretch_alignment);
  const size_t size = portion_.buffer.size();
  const bool fits = used_ + std::min<uint64_t>(file_left_, block_bytes) <= size;
  if (!fits || portion_.stretches.size() == stretches_max) hand_over();
  const size_t room = size - used_;
  const size_t bytes = static_cast<size_t>(
      file_left_ <= room ? file_left_ : uint64_t{room} / block_bytes * block_bytes);
  portion_.stretches.push_back({file_, file_block_, used_, bytes});
  file_block_ += repository::blocks_of(bytes);
  stretch_left_ = bytes;
}

void StreamReceiver::hand_over() {
  if (portion_.stretches.empty()) return;
  line_.add(std::move(portion_), stop_);
  portion_ = {.buffer = line_.empty_buffer(stop_), .stretches = {}};
  used_ = 0;
}

}  // namespace layers
