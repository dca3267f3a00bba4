// The first stage of a remote capture: the server's tars become rows of files, and portions of
// their content for the threads that digest and store it.
#pragma once

#include <functional>
#include <memory>

#include "base/bounded_queue.h"
#include "layers/snapshot/capture.h"
#include "layers/snapshot/data_files.h"
#include "layers/snapshot/row_sorter.h"
#include "postgres/base_backup.h"
#include "postgres/tar_reader.h"
#include "repository/pack.h"

namespace layers {

// Content of files this small is spooled, and packed in order of paths, so that a frame holds
// neighbours however the server mixes them. Larger files get frames of their own.
inline constexpr uint64_t small_file_bytes = repository::frame_raw_bytes;

struct StreamedFile {
  std::string path;
  RelationFile relation;
  uint64_t size;
  uint64_t first_block;  // of its rows in the spool
  uint64_t content_at;
  bool is_small() const { return size <= small_file_bytes; }
};

// Up to 1 MiB of content, to be worked on by one thread.
struct Portion {
  struct Stretch {
    std::shared_ptr<const StreamedFile> file;  // shared: its stretches go to several threads
    uint64_t first_block;
    size_t at;  // in the buffer
    size_t bytes;
  };
  base::Bytes buffer;
  std::vector<Stretch> stretches;
};

// Portions on their way, and buffers on their way back: as many as are made, whatever the database.
class PortionLine {
 public:
  explicit PortionLine(size_t portions);
  // By the receiver.
  base::Bytes empty_buffer(std::stop_token stop) { return *empty_.pop(std::move(stop)); }
  void add(Portion portion, std::stop_token stop) { full_.push(std::move(portion), 1, stop); }
  void close() { full_.close(); }
  // By the workers.
  std::optional<Portion> next(std::stop_token stop) { return full_.pop(std::move(stop)); }
  void give_back(base::Bytes buffer, std::stop_token stop) {
    empty_.push(std::move(buffer), 1, std::move(stop));
  }

 private:
  base::BoundedQueue<base::Bytes> empty_;
  base::BoundedQueue<Portion> full_;
};

// A file that comes by another way than the stream: configuration from outside the data directory.
struct ExtraFile {
  std::string path;
  base::Bytes content;
};

class StreamReceiver {
 public:
  using EventSource = std::function<postgres::BaseBackup::Event()>;
  // What was in the stream besides files.
  struct Result {
    std::string backup_label;
    std::string tablespace_map;
    base::Bytes control_file;
    postgres::BaseBackup::End end;
  };

  StreamReceiver(RowSorter& rows, PortionLine& line, uint32_t blocks_per_file,
                 SnapshotProgress& progress, std::stop_token stop)
      : rows_(rows),
        line_(line),
        blocks_per_file_(blocks_per_file),
        progress_(progress),
        stop_(std::move(stop)) {}

  // Takes the whole stream, then closes the line. Throws corrupt when the stream is not what a
  // server sends, and what `next` throws.
  Result run(const EventSource& next, const std::vector<ExtraFile>& extra);

 private:
  void begin_archive(const postgres::BackupArchive& archive);
  void take_archive_bytes(base::ByteView bytes);
  void begin_entry(const postgres::TarEntry& entry);
  base::Bytes* kept_apart(const std::string& path);
  void begin_file(std::string path, uint32_t mode, uint64_t size);
  void add_content(base::ByteView bytes);
  void begin_stretch();
  void hand_over();

  RowSorter& rows_;
  PortionLine& line_;
  uint32_t blocks_per_file_;
  SnapshotProgress& progress_;
  std::stop_token stop_;

  std::optional<postgres::TarReader> tar_;
  std::string prefix_;           // of paths in this archive
  bool in_base_ = false;         // it is the data directory's
  bool skipping_ = false;        // the entry is in no snapshot
  base::Bytes* kept_ = nullptr;  // where the entry's content goes instead
  base::Bytes label_;
  base::Bytes map_;
  base::Bytes control_;

  std::shared_ptr<const StreamedFile> file_;  // under way
  uint64_t file_left_ = 0;                    // bytes of it to come
  uint64_t file_block_ = 0;                   // the next stretch begins here
  uint64_t next_block_ = 0;                   // of the spool
  uint64_t next_content_ = 0;
  Portion portion_;
  size_t used_ = 0;          // of the portion's buffer
  size_t stretch_left_ = 0;  // bytes that the last stretch still takes
};

}  // namespace layers
