// An object on its way into a bucket; see s3_store.h. A body below one part is one put; a longer
// one an upload whose parts are sent by threads while the caller makes more. Belongs to one thread.
#pragma once

#include <mutex>

#include "base/bounded_queue.h"
#include "base/task_group.h"
#include "cloud/s3_store.h"

namespace cloud {

std::string random_nonce();

class S3Writer final : public storage::ObjectWriter {
 public:
  S3Writer(S3Store& store, const storage::ObjectKey& key, const storage::WriteOptions& options,
           std::stop_token stop);
  ~S3Writer() override;  // aborts an upload that was not completed, within seconds

  void write(base::ByteView bytes) override;
  storage::PutOutcome commit(base::ByteView head) override;

 private:
  struct Part {
    int number = 0;
    base::Bytes body;
  };
  void ship(base::Bytes body);
  void send_to_queue(Part part);
  void upload_parts(std::stop_token stop);
  void replace_head(base::Bytes& body, base::ByteView head) const;
  storage::PutOutcome commit_whole(base::ByteView head);
  storage::PutOutcome commit_parts(base::ByteView head);
  std::string composite_etag() const;

  S3Store& store_;
  const storage::ObjectKey key_;
  const std::string full_key_;
  const uint64_t head_bytes_;
  const std::string nonce_;
  const std::stop_token stop_;
  const PartPlan plan_;
  base::Bytes buffer_;  // of the part that is being filled
  int next_number_ = 1;
  uint64_t written_ = 0;
  std::string upload_id_;             // empty until a first part is full
  std::optional<base::Bytes> first_;  // part 1, held back where its head may be replaced
  bool completed_ = false;
  bool committed_ = false;

  std::mutex mutex_;
  std::vector<S3Part> sent_;
  base::BoundedQueue<Part> queue_;
  std::optional<base::TaskGroup> tasks_;
};

}  // namespace cloud
