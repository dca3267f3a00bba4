// What the pages of a relation tell about themselves: their checksum, and when they were changed.
#pragma once

#include <mutex>

#include "layers/snapshot/data_files.h"
#include "postgres/page.h"
#include "repository/snapshot_root.h"

namespace layers {

// Whether the page, a whole one, has the checksum that its place wants, or no content to have one
// for.
bool page_is_sound(const RelationFile& relation, uint64_t block, const std::byte* page);
// Whether the page was changed since a backup began at `start`: then WAL holds it whole, and what
// is in the backup does not matter.
bool page_is_in_wal(const std::byte* page, postgres::Lsn start);
// Whether a page that differs from the base's was not changed since by its own account: storage may
// have altered it.
bool page_is_suspect(const RelationFile& relation, base::ByteView page,
                     const repository::SnapshotRoot& base);

// Pages worth telling of, from all threads of a capture.
class PageNotes {
 public:
  void add_damaged(const std::string& path, uint64_t block) { add(damaged_, path, block); }
  void add_suspect(const std::string& path, uint64_t block) { add(suspects_, path, block); }
  // After all threads have ended.
  std::vector<repository::PageRef>& damaged() { return damaged_; }
  std::vector<repository::PageRef>& suspects() { return suspects_; }

 private:
  void add(std::vector<repository::PageRef>& list, const std::string& path, uint64_t block) {
    const std::lock_guard lock(mutex_);
    if (list.size() < repository::listed_pages_max)
      list.push_back({path, static_cast<uint32_t>(block)});
  }
  std::mutex mutex_;  // guards what follows
  std::vector<repository::PageRef> damaged_;
  std::vector<repository::PageRef> suspects_;
};

}  // namespace layers
