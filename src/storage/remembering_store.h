// A store that does not ask twice for what cannot change. Objects are written once, so a body that
// was read whole is the body for ever; who looks at hundreds of records every few minutes reads
// only those that are new. Absence is never remembered, and listings always ask.
//
// What was deleted or damaged meanwhile is still answered as it was: for looks that list first and
// judge what is due, never for `verify`.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "storage/object_store.h"

namespace storage {

// What was read, of any number of stores. Full, it forgets everything and begins anew. Safe to
// share between threads.
class ReadMemory {
 public:
  explicit ReadMemory(uint64_t bytes_max) : bytes_max_(bytes_max) {}
  std::optional<base::Bytes> find(const std::string& store, const ObjectKey& key) const;
  void keep(const std::string& store, const ObjectKey& key, const base::Bytes& body);
  void forget(const std::string& store, const ObjectKey& key);

 private:
  const uint64_t bytes_max_;
  mutable std::mutex mutex_;                                           // guards what follows
  std::map<std::pair<std::string, std::string>, base::Bytes> bodies_;  // by URL and key
  uint64_t bytes_ = 0;
};

class RememberingStore final : public ObjectStore {
 public:
  // The memory outlives this and serves the next store at the same place.
  RememberingStore(std::unique_ptr<ObjectStore> store, std::shared_ptr<ReadMemory> memory)
      : store_(std::move(store)), memory_(std::move(memory)) {}

  std::string url() const override { return store_->url(); }
  uint64_t worth_asking_for() const override { return store_->worth_asking_for(); }
  PutOutcome put_if_absent(const ObjectKey& key, base::ByteView body,
                           std::stop_token stop) override;
  std::unique_ptr<ObjectWriter> begin_write(const ObjectKey& key, const WriteOptions& options,
                                            std::stop_token stop) override;
  std::optional<ObjectInfo> stat(const ObjectKey& key, std::stop_token stop) override;
  void read(const ObjectKey& key, uint64_t offset, base::ByteSpan out,
            std::stop_token stop) override;
  std::optional<base::Bytes> get(const ObjectKey& key, uint64_t bytes_max,
                                 std::stop_token stop) override;
  void list(const std::string& prefix, const std::function<bool(const ObjectInfo&)>& visit,
            std::stop_token stop) override;
  std::optional<base::Path> local_path(const ObjectKey& key, std::stop_token stop) override;
  void remove(const ObjectKey& key, std::stop_token stop) override;
  base::Instant now(std::stop_token stop) override;

 private:
  std::unique_ptr<ObjectStore> store_;
  std::shared_ptr<ReadMemory> memory_;  // shared with the stores of other looks
};

}  // namespace storage
