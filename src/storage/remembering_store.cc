#include "storage/remembering_store.h"

namespace storage {

namespace {

// Larger ones are few, and would push out all others.
constexpr uint64_t body_bytes_max = 4 * base::MiB;

}  // namespace

std::optional<base::Bytes> ReadMemory::find(const std::string& store, const ObjectKey& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = bodies_.find({store, key.text()});
  if (found == bodies_.end()) return std::nullopt;
  return found->second;
}

void ReadMemory::keep(const std::string& store, const ObjectKey& key, const base::Bytes& body) {
  if (body.size() > body_bytes_max) return;
  const uint64_t size = store.size() + key.text().size() + body.size();
  const std::lock_guard lock(mutex_);
  if (bytes_ + size > bytes_max_) {
    bodies_.clear();
    bytes_ = 0;
  }
  if (size <= bytes_max_ && bodies_.emplace(std::pair(store, key.text()), body).second)
    bytes_ += size;
}

void ReadMemory::forget(const std::string& store, const ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = bodies_.find({store, key.text()});
  if (found == bodies_.end()) return;
  bytes_ -= store.size() + key.text().size() + found->second.size();
  bodies_.erase(found);
}

PutOutcome RememberingStore::put_if_absent(const ObjectKey& key, base::ByteView body,
                                           std::stop_token stop) {
  return store_->put_if_absent(key, body, stop);
}

std::unique_ptr<ObjectWriter> RememberingStore::begin_write(const ObjectKey& key,
                                                            const WriteOptions& options,
                                                            std::stop_token stop) {
  return store_->begin_write(key, options, stop);
}

std::optional<ObjectInfo> RememberingStore::stat(const ObjectKey& key, std::stop_token stop) {
  return store_->stat(key, stop);
}

void RememberingStore::read(const ObjectKey& key, uint64_t offset, base::ByteSpan out,
                            std::stop_token stop) {
  store_->read(key, offset, out, stop);
}

std::optional<base::Bytes> RememberingStore::get(const ObjectKey& key, uint64_t bytes_max,
                                                 std::stop_token stop) {
  const std::string url = store_->url();
  if (std::optional<base::Bytes> known = memory_->find(url, key)) {
    if (known->size() <= bytes_max) return known;
  }
  std::optional<base::Bytes> body = store_->get(key, bytes_max, stop);
  if (body) memory_->keep(url, key, *body);
  return body;
}

void RememberingStore::list(const std::string& prefix,
                            const std::function<bool(const ObjectInfo&)>& visit,
                            std::stop_token stop) {
  store_->list(prefix, visit, stop);
}

std::optional<base::Path> RememberingStore::local_path(const ObjectKey& key, std::stop_token stop) {
  return store_->local_path(key, stop);
}

void RememberingStore::remove(const ObjectKey& key, std::stop_token stop) {
  memory_->forget(store_->url(), key);
  store_->remove(key, stop);
}

base::Instant RememberingStore::now(std::stop_token stop) { return store_->now(stop); }

}  // namespace storage
