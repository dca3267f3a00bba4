// Objects as files below one folder of this host: file:///path.
//
// A body is written to an unnamed file (O_TMPFILE) with O_DIRECT where the file system can, synced,
// and then linked under its key, which fails if the name is taken: so an object is whole or absent,
// whatever is killed when. Where unnamed files cannot be had, a file below .staging/ takes that
// part.
#pragma once

#include <mutex>
#include <set>

#include "base/file.h"
#include "storage/object_store.h"

namespace storage {

class FileStore final : public ObjectStore {
 public:
  // The folder must be there or creatable. Throws denied, invalid.
  explicit FileStore(base::Path folder);

  std::string url() const override { return "file://" + folder_.string(); }
  uint64_t worth_asking_for() const override { return 0; }
  const base::Path& folder() const { return folder_; }
  PutOutcome put_if_absent(const ObjectKey& key, base::ByteView body,
                           std::stop_token stop) override;
  std::unique_ptr<ObjectWriter> begin_write(const ObjectKey& key, const WriteOptions& options,
                                            std::stop_token stop) override;
  std::optional<ObjectInfo> stat(const ObjectKey& key, std::stop_token stop) override;
  void read(const ObjectKey& key, uint64_t offset, base::ByteSpan out,
            std::stop_token stop) override;
  void list(const std::string& prefix, const std::function<bool(const ObjectInfo&)>& visit,
            std::stop_token stop) override;
  std::optional<base::Path> local_path(const ObjectKey& key, std::stop_token stop) override;
  void remove(const ObjectKey& key, std::stop_token stop) override;
  base::Instant now(std::stop_token stop) override;

 private:
  friend class FileWriter;
  base::Path path_of(const ObjectKey& key) const { return folder_ / key.text(); }
  // Makes the names of `folder` and of those above it durable, once in the life of this store:
  // whoever created them may have died before doing so.
  void sync_folders_above(const base::Path& folder);

  base::Path folder_;
  std::mutex mutex_;
  std::set<base::Path> synced_;
};

}  // namespace storage
