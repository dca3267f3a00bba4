// A broken cluster's own log, put aside before a restore goes over it: it may hold the last
// transactions that were not archived yet.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/time.h"

namespace layers {

struct SavedWal {
  base::Path folder;  // with pg_wal/ and global/pg_control, so that `wal push` takes it
  size_t files = 0;
  std::vector<std::string> unarchived;  // segments that were waiting for the archiver
};

// Puts what is in the data directory's pg_wal into a new folder beside it, by hard links where the
// file system allows it. Durable on return. Nothing when there is no log to save.
std::optional<SavedWal> save_wal(const base::Path& data_directory, base::Instant now);

}  // namespace layers
