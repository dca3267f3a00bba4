#include "storage/throttled_store.h"

namespace storage {

namespace {

class ThrottledWriter final : public ObjectWriter {
 public:
  ThrottledWriter(std::unique_ptr<ObjectWriter> writer, std::shared_ptr<base::RateLimit> limit,
                  std::stop_token stop)
      : writer_(std::move(writer)), limit_(std::move(limit)), stop_(std::move(stop)) {}
  void write(base::ByteView bytes) override {
    limit_->take(bytes.size(), stop_);
    writer_->write(bytes);
  }
  PutOutcome commit(base::ByteView head) override { return writer_->commit(head); }

 private:
  std::unique_ptr<ObjectWriter> writer_;
  std::shared_ptr<base::RateLimit> limit_;  // shared with the store
  std::stop_token stop_;
};

}  // namespace

bool ThrottledStore::is_free(const ObjectKey& key) const {
  return !free_prefix_.empty() && key.text().starts_with(free_prefix_);
}

PutOutcome ThrottledStore::put_if_absent(const ObjectKey& key, base::ByteView body,
                                         std::stop_token stop) {
  if (!is_free(key)) limit_->take(body.size(), stop);
  return store_->put_if_absent(key, body, stop);
}

std::unique_ptr<ObjectWriter> ThrottledStore::begin_write(const ObjectKey& key,
                                                          const WriteOptions& options,
                                                          std::stop_token stop) {
  std::unique_ptr<ObjectWriter> writer = store_->begin_write(key, options, stop);
  if (is_free(key)) return writer;
  return std::make_unique<ThrottledWriter>(std::move(writer), limit_, std::move(stop));
}

}  // namespace storage
