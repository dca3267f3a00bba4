#include "cloud/s3_writer.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "cloud/hashes.h"

namespace cloud {

using base::ErrorKind;
using storage::PutOutcome;

namespace {
constexpr base::Duration abort_within = std::chrono::seconds(5);
}

S3Writer::S3Writer(S3Store& store, const storage::ObjectKey& key,
                   const storage::WriteOptions& options, std::stop_token stop)
    : store_(store),
      key_(key),
      full_key_(store.full_key(key)),
      head_bytes_(options.head_bytes),
      nonce_(random_nonce()),
      stop_(std::move(stop)),
      plan_(store.options_.part_bytes, store.options_.parts_max, options.expected_bytes),
      queue_(store.options_.part_bytes) {
  CHECK(head_bytes_ <= plan_.bytes_of(1));
  if (options.expected_bytes > 0)
    buffer_.reserve(std::min(options.expected_bytes, plan_.bytes_of(1)));
}

S3Writer::~S3Writer() {
  tasks_.reset();  // stops them and waits
  if (upload_id_.empty() || completed_) return;
  try {
    // The caller's own stop may be why we are here: this request has a time of its own.
    std::stop_source late;
    std::jthread timer([&late](std::stop_token done) {
      if (base::sleep_for(abort_within, done)) late.request_stop();
    });
    store_.client_.abort_upload(full_key_, upload_id_, late.get_token());
  } catch (const std::exception& failure) {
    base::warn("an upload stays behind until the next prune: {}", failure.what());
  }
}

void S3Writer::write(base::ByteView bytes) {
  CHECK(!committed_);
  while (!bytes.empty()) {
    const uint64_t limit = plan_.bytes_of(static_cast<unsigned>(next_number_));
    if (buffer_.size() == limit) {
      ship(std::exchange(buffer_, {}));
      continue;
    }
    const size_t count = std::min<uint64_t>(bytes.size(), limit - buffer_.size());
    // Grown at once where the part will be filled, and not by copying ever more.
    if (buffer_.capacity() < buffer_.size() + count)
      buffer_.reserve(upload_id_.empty() ? std::min<uint64_t>(limit, 2 * (buffer_.size() + count))
                                         : limit);
    base::append(buffer_, bytes.first(count));
    bytes = bytes.subspan(count);
    written_ += count;
  }
}

// A part that is full, or the last one.
void S3Writer::ship(base::Bytes body) {
  if (upload_id_.empty()) {
    base::throw_if_stopped(stop_);
    upload_id_ = store_.client_.begin_upload(full_key_, store_.put_options(nonce_), stop_);
    tasks_.emplace(stop_);
    tasks_->spawn("s3 part", store_.options_.parts_in_flight,
                  [this](std::stop_token stop) { upload_parts(std::move(stop)); });
  }
  const int number = next_number_++;
  if (number == 1 && head_bytes_ > 0) {
    first_ = std::move(body);
  } else {
    send_to_queue({number, std::move(body)});
  }
}

void S3Writer::send_to_queue(Part part) {
  const size_t bytes = part.body.size();
  try {
    queue_.push(std::move(part), bytes, tasks_->stop_token());
  } catch (const base::Error& failure) {
    if (failure.kind() == ErrorKind::cancelled) tasks_->join();  // throws why they stopped
    throw;
  }
}

void S3Writer::upload_parts(std::stop_token stop) {
  while (const std::optional<Part> part = queue_.pop(stop)) {
    S3Part sent = store_.client_.put_part(full_key_, upload_id_, part->number, part->body, stop);
    const std::lock_guard lock(mutex_);
    sent_.push_back(std::move(sent));
  }
}

void S3Writer::replace_head(base::Bytes& body, base::ByteView head) const {
  CHECK(head.size() <= head_bytes_ && head.size() <= body.size());
  std::ranges::copy(head, body.begin());
}

PutOutcome S3Writer::commit(base::ByteView head) {
  CHECK(!committed_);
  committed_ = true;
  base::throw_if_stopped(stop_);
  return upload_id_.empty() ? commit_whole(head) : commit_parts(head);
}

PutOutcome S3Writer::commit_whole(base::ByteView head) {
  replace_head(buffer_, head);
  return store_.put_if_absent(key_, buffer_, stop_);
}

PutOutcome S3Writer::commit_parts(base::ByteView head) {
  if (!buffer_.empty()) ship(std::exchange(buffer_, {}));
  if (first_) {
    replace_head(*first_, head);
    send_to_queue({1, std::move(*first_)});
    first_.reset();
  }
  queue_.close();
  tasks_->join();
  std::ranges::sort(sent_, {}, &S3Part::number);
  CHECK(sent_.size() + 1 == static_cast<size_t>(next_number_));

  const bool is_conditional = store_.facts(stop_).conditional_complete;
  if (!is_conditional && store_.stat(key_, stop_)) return PutOutcome::already_there;
  const S3PutAnswer answer =
      store_.client_.complete_upload(full_key_, upload_id_, sent_, true, stop_);
  completed_ = !answer.is_taken;
  if (completed_) store_.lock_again(full_key_, answer.version_id, stop_);
  const S3Store::Evidence evidence{
      .nonce = nonce_, .size = written_, .etag = [this] { return composite_etag(); }};
  const PutOutcome outcome = store_.settle(full_key_, answer, evidence, is_conditional, stop_);
  if (outcome == PutOutcome::stored && !completed_) {  // its reply was lost, and it is ours
    completed_ = true;
    store_.lock_first_version(full_key_, stop_);
  }
  return outcome;
}

// As S3 makes it: the MD5 of the parts' MD5s. Empty where a part's ETag is none.
std::string S3Writer::composite_etag() const {
  base::Bytes digests;
  for (const S3Part& part : sent_) {
    const std::string etag = without_quotes(part.etag);
    if (etag.size() != 32 || etag.find_first_not_of("0123456789abcdef") != std::string::npos)
      return {};
    base::append(digests, base::from_hex(etag));
  }
  return fmt::format("{}-{}", base::to_hex(from_base64(md5_base64(digests))), sent_.size());
}

}  // namespace cloud
