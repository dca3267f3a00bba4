// A dump's archive as a file of this host, for pg_restore, which wants to seek in it: the store's
// own where it has one, else a temporary copy. Every byte is checked against the record first.
#pragma once

#include "repository/dump_record.h"

namespace layers {

class ArchiveFile {
 public:
  // A copy lies in `spool`, the caller's own folder, or in a temporary one. `progress` is told the
  // bytes checked. Throws corrupt when it is not what the record says, full when there is no room
  // for a copy.
  ArchiveFile(storage::ObjectStore& store, const repository::DumpRecord& record,
              const std::optional<base::Path>& spool, const std::function<void(uint64_t)>& progress,
              const std::stop_token& stop);
  const base::Path& path() const { return path_; }

 private:
  std::optional<base::TemporaryFolder> folder_;
  base::Path path_;
};

}  // namespace layers
