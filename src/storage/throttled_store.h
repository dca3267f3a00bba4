// A store that is sent no more bytes in a second than a limit allows: for work that can wait. Only
// what is sent counts, and only under the keys that are not free.
#pragma once

#include <memory>
#include <string>

#include "base/rate_limit.h"
#include "storage/object_store.h"

namespace storage {

class ThrottledStore final : public ObjectStore {
 public:
  // Keys that begin with `free_prefix` go at once; empty: none does.
  ThrottledStore(std::unique_ptr<ObjectStore> store, std::shared_ptr<base::RateLimit> limit,
                 std::string free_prefix)
      : store_(std::move(store)), limit_(std::move(limit)), free_prefix_(std::move(free_prefix)) {}

  std::string url() const override { return store_->url(); }
  uint64_t worth_asking_for() const override { return store_->worth_asking_for(); }
  PutOutcome put_if_absent(const ObjectKey& key, base::ByteView body,
                           std::stop_token stop) override;
  std::unique_ptr<ObjectWriter> begin_write(const ObjectKey& key, const WriteOptions& options,
                                            std::stop_token stop) override;
  std::optional<ObjectInfo> stat(const ObjectKey& key, std::stop_token stop) override {
    return store_->stat(key, stop);
  }
  void read(const ObjectKey& key, uint64_t offset, base::ByteSpan out,
            std::stop_token stop) override {
    store_->read(key, offset, out, stop);
  }
  std::optional<base::Bytes> get(const ObjectKey& key, uint64_t bytes_max,
                                 std::stop_token stop) override {
    return store_->get(key, bytes_max, stop);
  }
  void list(const std::string& prefix, const std::function<bool(const ObjectInfo&)>& visit,
            std::stop_token stop) override {
    store_->list(prefix, visit, stop);
  }
  std::optional<base::Path> local_path(const ObjectKey& key, std::stop_token stop) override {
    return store_->local_path(key, stop);
  }
  void remove(const ObjectKey& key, std::stop_token stop) override { store_->remove(key, stop); }
  base::Instant now(std::stop_token stop) override { return store_->now(stop); }

 private:
  bool is_free(const ObjectKey& key) const;

  std::unique_ptr<ObjectStore> store_;
  std::shared_ptr<base::RateLimit> limit_;  // shared with the other stores of the same work
  std::string free_prefix_;
};

}  // namespace storage
