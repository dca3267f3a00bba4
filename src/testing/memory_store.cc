#include "testing/memory_store.h"

#include "base/error.h"
#include "base/task_group.h"

namespace testing {

using base::Bytes;
using base::ByteView;
using base::ErrorKind;
using storage::ObjectInfo;
using storage::ObjectKey;
using storage::PutOutcome;

namespace {

class MemoryWriter final : public storage::ObjectWriter {
 public:
  MemoryWriter(MemoryStore& store, ObjectKey key, uint64_t head_bytes, std::stop_token stop)
      : store_(store), key_(std::move(key)), head_bytes_(head_bytes), stop_(std::move(stop)) {}

  void write(ByteView bytes) override {
    base::throw_if_stopped(stop_);
    base::append(body_, bytes);
  }

  PutOutcome commit(ByteView head) override {
    CHECK(head.size() <= head_bytes_ && head.size() <= body_.size());
    std::ranges::copy(head, body_.begin());
    return store_.put_if_absent(key_, body_, stop_);
  }

 private:
  MemoryStore& store_;
  ObjectKey key_;
  uint64_t head_bytes_;
  std::stop_token stop_;
  Bytes body_;
};

}  // namespace

PutOutcome MemoryStore::put_if_absent(const ObjectKey& key, ByteView body, std::stop_token stop) {
  base::throw_if_stopped(stop);
  const std::lock_guard lock(mutex_);
  const bool stored =
      objects_
          .try_emplace(key.text(), Object{{body.begin(), body.end()}, base::system_clock().now()})
          .second;
  return stored ? PutOutcome::stored : PutOutcome::already_there;
}

std::unique_ptr<storage::ObjectWriter> MemoryStore::begin_write(
    const ObjectKey& key, const storage::WriteOptions& options, std::stop_token stop) {
  base::throw_if_stopped(stop);
  return std::make_unique<MemoryWriter>(*this, key, options.head_bytes, std::move(stop));
}

std::optional<ObjectInfo> MemoryStore::stat(const ObjectKey& key, std::stop_token stop) {
  base::throw_if_stopped(stop);
  const std::lock_guard lock(mutex_);
  const auto at = objects_.find(key.text());
  if (at == objects_.end()) return std::nullopt;
  return ObjectInfo{key, at->second.body.size(), at->second.stored};
}

void MemoryStore::read(const ObjectKey& key, uint64_t offset, base::ByteSpan out,
                       std::stop_token stop) {
  base::throw_if_stopped(stop);
  const std::lock_guard lock(mutex_);
  const auto at = objects_.find(key.text());
  if (at == objects_.end()) throw base::error(ErrorKind::absent, "no object {}", key.text());
  const Bytes& body = at->second.body;
  if (offset > body.size() || body.size() - offset < out.size()) {
    throw base::error(ErrorKind::corrupt, "object {} ends at byte {}", key.text(), body.size());
  }
  std::ranges::copy(ByteView(body).subspan(offset, out.size()), out.begin());
}

void MemoryStore::list(const std::string& prefix,
                       const std::function<bool(const ObjectInfo&)>& visit, std::stop_token stop) {
  std::vector<ObjectInfo> found;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = objects_.lower_bound(prefix);
         at != objects_.end() && at->first.starts_with(prefix); ++at) {
      found.push_back({ObjectKey(at->first), at->second.body.size(), at->second.stored});
    }
  }
  base::throw_if_stopped(stop);
  for (const ObjectInfo& info : found) {
    if (!visit(info)) return;
  }
}

void MemoryStore::remove(const ObjectKey& key, std::stop_token stop) {
  base::throw_if_stopped(stop);
  const std::lock_guard lock(mutex_);
  objects_.erase(key.text());
}

base::Instant MemoryStore::now(std::stop_token stop) {
  base::throw_if_stopped(stop);
  return base::system_clock().now();
}

std::vector<std::string> MemoryStore::keys() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> keys;
  for (const auto& [key, object] : objects_) keys.push_back(key);
  return keys;
}

Bytes MemoryStore::body(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  return objects_.at(key).body;
}

void MemoryStore::replace(const std::string& key, Bytes body) {
  const std::lock_guard lock(mutex_);
  objects_[key] = {std::move(body), base::system_clock().now()};
}

}  // namespace testing
