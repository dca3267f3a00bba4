// Configuration files that were kept outside the data directory (Debian: /etc/postgresql/15/main):
// where they go in a restore.
#pragma once

#include "base/file.h"
#include "repository/snapshot_root.h"

namespace layers {

class OutsideFiles {
 public:
  // `folder`, absolute, takes the place of the one that postgresql.conf was in.
  OutsideFiles(const repository::SnapshotRoot& root, base::Path folder);

  // Of a file by its path in the snapshot ("external/000/postgresql.conf"). What was below
  // postgresql.conf's folder keeps its place there (conf.d/more.conf); the rest goes by its name.
  base::Path place(std::string_view path) const;

  // Throws conflict when one of them is there already.
  void require_free() const;
  // Makes the folder and those that the files go into.
  void make_folders() const;
  // Makes folders that the restored postgresql.conf includes; the server does not start without
  // them, and empty ones are in no snapshot.
  void make_included_folders() const;

 private:
  const repository::SnapshotRoot& root_;
  base::Path folder_;
  base::Path original_folder_;
};

}  // namespace layers
