// What to do with a restored cluster next, on this host: Debian's layout is known.
#pragma once

#include <string>

#include "layers/pitr/saved_wal.h"
#include "repository/snapshot_root.h"

namespace cli {

// How the cluster is started; where its configuration was, when it was left out.
std::string advice_to_start(const repository::SnapshotRoot& root, const base::Path& data_directory,
                            const std::optional<base::Path>& configuration);

// What was put aside, and how what was never archived gets into the archive.
std::string advice_on_saved_wal(const layers::SavedWal& saved);

}  // namespace cli
