// A store that lives as long as the test. Safe to share between threads; passes
// object_store_contract.h.
#pragma once

#include <map>
#include <mutex>

#include "storage/object_store.h"

namespace testing {

class MemoryStore final : public storage::ObjectStore {
 public:
  std::string url() const override { return "memory:"; }
  storage::PutOutcome put_if_absent(const storage::ObjectKey& key, base::ByteView body,
                                    std::stop_token stop) override;
  std::unique_ptr<storage::ObjectWriter> begin_write(const storage::ObjectKey& key,
                                                     const storage::WriteOptions& options,
                                                     std::stop_token stop) override;
  std::optional<storage::ObjectInfo> stat(const storage::ObjectKey& key,
                                          std::stop_token stop) override;
  void read(const storage::ObjectKey& key, uint64_t offset, base::ByteSpan out,
            std::stop_token stop) override;
  void list(const std::string& prefix, const std::function<bool(const storage::ObjectInfo&)>& visit,
            std::stop_token stop) override;
  void remove(const storage::ObjectKey& key, std::stop_token stop) override;
  base::Instant now(std::stop_token stop) override;

  // What no honest store does: for tests of damage.
  std::vector<std::string> keys() const;
  base::Bytes body(const std::string& key) const;
  void replace(const std::string& key, base::Bytes body);

 private:
  struct Object {
    base::Bytes body;
    base::Instant stored;
  };
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, Object> objects_;
};

}  // namespace testing
