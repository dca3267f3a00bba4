// The WAL without which a snapshot is not one.
#pragma once

#include "provider/native_cluster.h"
#include "repository/wal_archive.h"

namespace layers {

// Returns once every segment from the root's start to its stop is in the archive and the checkpoint
// record at the start and the end-of-backup record at the stop have been read back from there.
// Segments that are complete on this host are stored here rather than waited for; the archiver then
// finds the same bytes. Throws unavailable after `wait`, corrupt when what is stored is not what
// the backup needs.
void require_wal(provider::NativeCluster& cluster, const repository::WalArchive& archive,
                 const repository::SnapshotRoot& root, base::Duration wait, std::stop_token stop);

}  // namespace layers
