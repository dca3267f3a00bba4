// What a restore is going to do, said to people; and what to do with a restored cluster next, on
// this host: Debian's layout is known.
#pragma once

#include <string>

#include "layers/pitr/restore_estimate.h"
#include "layers/pitr/saved_wal.h"
#include "policy/policy.h"
#include "repository/snapshot_root.h"

namespace cli {

// "OID=FOLDER" each. Throws invalid.
std::map<uint32_t, base::Path> tablespace_places(const std::vector<std::string>& given);

void print_plan(const layers::RestorePlan& plan, const layers::RestoreEstimate& expected,
                const policy::Policy& policy);

// How the cluster is started; where its configuration was, when it was left out.
std::string advice_to_start(const repository::SnapshotRoot& root, const base::Path& data_directory,
                            const std::optional<base::Path>& configuration);

// What was put aside, and how what was never archived gets into the archive.
std::string advice_on_saved_wal(const layers::SavedWal& saved);

}  // namespace cli
