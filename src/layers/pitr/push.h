// `seawall wal push`: archive_command. docs/formats/wal_archive.md.
#pragma once

#include "base/file.h"
#include "repository/wal_archive.h"

namespace layers {

struct PushOptions {
  unsigned threads = 2;
  unsigned look_ahead = 16;  // segments that wait behind the one asked for, pushed along with it
};

// Stores the file that PostgreSQL asks to archive; returns once it is durable. Others that wait in
// archive_status are pushed beside it; what fails of those is left to their own turn. Throws
// conflict (another content, another cluster), invalid (no WAL file's name), and what the store
// throws.
void push_wal(const repository::Repository& repository, const base::Path& file,
              const PushOptions& options, std::stop_token stop);

}  // namespace layers
