// Brings files into the order of their paths: an external merge sort in an unnamed temporary file.
// Memory is the same for a thousand files and for a hundred million. Belongs to one thread.
#pragma once

#include <functional>

#include "base/file.h"
#include "repository/shard.h"

namespace layers {

// A file as it came in a stream, and where it is spooled.
struct StreamedRow {
  std::string path;  // as in docs/formats/snapshot.md; a folder's ends with '/'
  repository::FileKind kind = repository::FileKind::file;
  uint32_t mode = 0600;
  std::string link_target;
  uint64_t size = 0;
  uint64_t first_block = 0;  // of its rows in the spool's table of blocks
  uint64_t content_at = 0;   // of a small file: where its bytes are spooled
  bool operator==(const StreamedRow&) const = default;
};

class RowSorter {
 public:
  // Keeps `run_bytes` in memory while rows are added, and as much again while they are drained.
  explicit RowSorter(base::Path folder, size_t run_bytes = 4 * base::MiB)
      : folder_(std::move(folder)), run_bytes_(run_bytes) {}

  void add(const StreamedRow& row);
  // All rows in bytewise order of paths, each path once: the row added last. Once.
  void drain(const std::function<void(StreamedRow)>& visit);

 private:
  struct Run {
    uint64_t begin;  // in the file
    uint64_t end;
  };
  void end_run();

  base::Path folder_;
  size_t run_bytes_;
  base::Bytes rows_;              // of the run in memory
  std::vector<uint32_t> starts_;  // of its rows
  uint64_t added_ = 0;
  base::File file_;  // made when the first run is full
  uint64_t file_bytes_ = 0;
  std::vector<Run> runs_;
};

}  // namespace layers
