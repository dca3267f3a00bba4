#include "cloud/s3_store.h"

#include "base/error.h"
#include "base/task_group.h"
#include "cloud/hashes.h"
#include "cloud/s3_error.h"
#include "cloud/s3_writer.h"

namespace cloud {

using base::ErrorKind;
using storage::ObjectInfo;
using storage::ObjectKey;
using storage::PutOutcome;

namespace {

constexpr const char* nonce_header = "x-amz-meta-seawall-nonce";
constexpr size_t version_ids_max = 10'000;

const char* name_of(S3Lock::Mode mode) {
  return mode == S3Lock::Mode::governance ? "GOVERNANCE" : "COMPLIANCE";
}

std::string normal_prefix(std::string prefix) {
  while (prefix.starts_with('/')) prefix.erase(0, 1);
  while (prefix.ends_with('/')) prefix.pop_back();
  if (prefix.empty()) return prefix;
  return ObjectKey(prefix).text() + "/";  // throws invalid for what no key may have
}

}  // namespace

std::string random_nonce() {
  std::array<std::byte, 16> bytes{};
  base::fill_random(bytes);
  return base::to_hex(bytes);
}

S3Store::S3Store(S3StoreOptions options)
    : options_(std::move(options)),
      prefix_(normal_prefix(options_.prefix)),
      client_(options_.server) {
  (void)PartPlan(options_.part_bytes, options_.parts_max, 0);  // throws what is wrong with them
  if (options_.parts_in_flight < 1 || options_.parts_in_flight > 64)
    throw base::Error(ErrorKind::invalid, "1 to 64 parts may be in flight");
}

std::string S3Store::url() const {
  std::string place = client_.bucket() + "/" + prefix_;
  place.pop_back();
  return "s3://" + place;
}

S3PutOptions S3Store::put_options(const std::string& nonce) const {
  S3PutOptions put{.only_if_absent = true};
  put.headers = {{"Content-Type", "application/octet-stream"}, {nonce_header, nonce}};
  if (!options_.kms_key.empty()) {
    put.headers.add("x-amz-server-side-encryption", "aws:kms");
    put.headers.add("x-amz-server-side-encryption-aws-kms-key-id", options_.kms_key);
    put.headers.add("x-amz-server-side-encryption-bucket-key-enabled", "true");
  }
  if (options_.lock) {
    put.headers.add("x-amz-object-lock-mode", name_of(options_.lock->mode));
    put.headers.add("x-amz-object-lock-retain-until-date", locked_until());
  }
  return put;
}

std::string S3Store::locked_until() const {
  const base::Instant until = base::system_clock().now() + options_.lock->keep;
  return base::to_rfc3339(std::chrono::ceil<std::chrono::seconds>(until));
}

void S3Store::lock_again(const std::string& key, const std::string& version_id,
                         std::stop_token stop) {
  if (!options_.lock) return;
  std::vector<std::pair<std::string, std::string>> query{{"retention", ""}};
  if (is_version(version_id)) query.emplace_back("versionId", version_id);
  const std::string body =
      fmt::format("<Retention><Mode>{}</Mode><RetainUntilDate>{}</RetainUntilDate></Retention>",
                  name_of(options_.lock->mode), locked_until());
  const net::Response answer =
      client_.request("PUT", key, query, base::as_bytes(body), {}, std::move(stop));
  if (!answer.ok()) throw_s3(read_s3_failure(answer), client_.doing("locking", key));
}

void S3Store::lock_first_version(const std::string& key, std::stop_token stop) {
  if (!options_.lock) return;
  const KeyVersions versions = versions_of(client_, key, stop);
  if (versions.first) lock_again(key, versions.first->version_id, stop);
}

StoreFacts S3Store::facts_for_reading(std::stop_token stop) {
  {
    const std::lock_guard lock(mutex_);
    if (facts_) return *facts_;
  }
  const std::optional<StoreFacts> found = read_facts(client_, prefix_, std::move(stop));
  if (!found) return {.conditional_put = true, .conditional_complete = true};
  const std::lock_guard lock(mutex_);
  if (!facts_) facts_ = found;
  return *facts_;
}

StoreFacts S3Store::facts(std::stop_token stop) {
  {
    const std::lock_guard lock(mutex_);
    if (facts_) return *facts_;
  }
  std::optional<StoreFacts> found = read_facts(client_, prefix_, stop);
  if (!found) {
    found = base::while_doing("asking what the store can do", [&] {
      return probe_facts(client_, prefix_, put_options(random_nonce()), stop);
    });
  }
  const std::lock_guard lock(mutex_);
  if (!facts_) facts_ = found;
  return *facts_;
}

bool S3Store::reads_first_versions(std::stop_token stop) {
  const StoreFacts facts = facts_for_reading(std::move(stop));
  return facts.versioned && !facts.conditional();
}

bool S3Store::note_version(const std::string& version_id) {
  if (!is_version(version_id)) return false;
  const std::lock_guard lock(mutex_);
  // Some servers stop honouring conditions with it: until asked again, nothing is relied on.
  if (!facts_ || facts_->versioned) return false;
  facts_ = StoreFacts{.versioned = true};
  return true;
}

std::optional<S3Entry> S3Store::first_version(const std::string& key, std::stop_token stop) {
  KeyVersions versions = versions_of(client_, key, std::move(stop));
  if (versions.first) {
    const std::lock_guard lock(mutex_);
    if (first_version_ids_.size() >= version_ids_max) first_version_ids_.clear();
    first_version_ids_[key] = versions.first->version_id;
  }
  return versions.first;
}

bool S3Store::is_ours(const std::string& key, const std::optional<S3Entry>& version,
                      const Evidence& evidence, std::stop_token stop) {
  std::optional<S3Head> head;
  try {
    head = client_.head(key, version ? version->version_id : "", stop);
  } catch (const base::Error& failure) {
    if (failure.kind() != ErrorKind::denied) throw;
    // Who may only write may list: the same size and the same MD5 are the same bytes.
    const std::optional<S3Entry> entry = version ? version : versions_of(client_, key, stop).first;
    if (entry && entry->size != evidence.size) return false;
    // Another ETag says nothing: with encryption by a key service it is no MD5.
    if (entry && !entry->etag.empty() && entry->etag == evidence.etag()) return true;
    throw base::Error(ErrorKind::unavailable,
                      fmt::format("{}: the reply to our put was lost, and who put what is there "
                                  "cannot be seen",
                                  client_.doing("PUT", key)),
                      "run it again; a credential that may read objects would settle it");
  }
  if (!head) {
    throw base::error(ErrorKind::unavailable, "{}: refused as if it were there, and it is not",
                      client_.doing("PUT", key));
  }
  return head->headers.find(nonce_header) == evidence.nonce;
}

// What a put came to. `was_conditional`: the server keeps what is there.
PutOutcome S3Store::settle(const std::string& key, const S3PutAnswer& answer,
                           const Evidence& evidence, bool was_conditional, std::stop_token stop) {
  if (note_version(answer.version_id)) was_conditional = false;
  if (was_conditional && !answer.is_taken) return PutOutcome::stored;
  if (answer.is_taken && !answer.in_doubt) return PutOutcome::already_there;
  bool has_versions = is_version(answer.version_id);
  {
    const std::lock_guard lock(mutex_);
    has_versions = has_versions || (facts_ && facts_->versioned);
  }
  if (!has_versions) {
    if (!answer.is_taken) return PutOutcome::stored;
    return is_ours(key, std::nullopt, evidence, stop) ? PutOutcome::stored
                                                      : PutOutcome::already_there;
  }
  const KeyVersions versions = versions_of(client_, key, stop);
  if (versions.count == 1 && !answer.is_taken) return PutOutcome::stored;
  return is_ours(key, versions.first, evidence, stop) ? PutOutcome::stored
                                                      : PutOutcome::already_there;
}

PutOutcome S3Store::put_if_absent(const ObjectKey& key, base::ByteView body, std::stop_token stop) {
  base::throw_if_stopped(stop);
  const bool is_conditional = facts(stop).conditional_put;
  if (!is_conditional && stat(key, stop)) return PutOutcome::already_there;
  const Evidence evidence{.nonce = random_nonce(), .size = body.size(), .etag = [body] {
                            return base::to_hex(from_base64(md5_base64(body)));
                          }};
  const S3PutAnswer answer = client_.put(full_key(key), body, put_options(evidence.nonce), stop);
  return settle(full_key(key), answer, evidence, is_conditional, stop);
}

std::unique_ptr<storage::ObjectWriter> S3Store::begin_write(const ObjectKey& key,
                                                            const storage::WriteOptions& options,
                                                            std::stop_token stop) {
  base::throw_if_stopped(stop);
  (void)facts(stop);
  return std::make_unique<S3Writer>(*this, key, options, std::move(stop));
}

std::optional<ObjectInfo> S3Store::stat(const ObjectKey& key, std::stop_token stop) {
  base::throw_if_stopped(stop);
  if (!reads_first_versions(stop)) {
    const std::optional<S3Head> head = client_.head(full_key(key), "", stop);
    if (!head) return std::nullopt;
    note_version(head->version_id);
    if (!reads_first_versions(stop)) return ObjectInfo{key, head->size, head->modified};
  }
  const std::optional<S3Entry> entry = first_version(full_key(key), stop);
  if (!entry) return std::nullopt;
  return ObjectInfo{key, entry->size, entry->modified};
}

void S3Store::read(const ObjectKey& key, uint64_t offset, base::ByteSpan out,
                   std::stop_token stop) {
  base::throw_if_stopped(stop);
  const std::string full = full_key(key);
  if (!reads_first_versions(stop)) {
    note_version(client_.get(full, "", offset, out, stop));
    if (!reads_first_versions(stop)) return;
  }
  if (const std::optional<std::string> known = known_first_version(full)) {
    try {
      client_.get(full, *known, offset, out, stop);
      return;
    } catch (const base::Error& failure) {
      if (failure.kind() != ErrorKind::absent) throw;  // else it was removed, and perhaps put anew
    }
  }
  const std::optional<S3Entry> entry = first_version(full, stop);
  if (!entry) throw base::error(ErrorKind::absent, "{} has no object {}", url(), key.text());
  client_.get(full, entry->version_id, offset, out, stop);
}

std::optional<std::string> S3Store::known_first_version(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto known = first_version_ids_.find(key);
  return known == first_version_ids_.end() ? std::nullopt : std::optional(known->second);
}

std::optional<ObjectInfo> S3Store::info_of(const S3Entry& entry) const {
  const std::string name = entry.key.substr(prefix_.size());
  if (name == facts_name || name == probe_name || name.starts_with(canary_prefix))
    return std::nullopt;
  try {
    return ObjectInfo{ObjectKey(name), entry.size, entry.modified};
  } catch (const base::Error&) {
    return std::nullopt;  // somebody else's: no object of ours has such a name
  }
}

void S3Store::list(const std::string& prefix, const std::function<bool(const ObjectInfo&)>& visit,
                   std::stop_token stop) {
  base::throw_if_stopped(stop);
  if (reads_first_versions(stop)) {
    list_first_versions(prefix, visit, std::move(stop));
    return;
  }
  client_.list(
      prefix_ + prefix,
      [&](const S3Entry& entry) {
        const std::optional<ObjectInfo> info = info_of(entry);
        return !info || visit(*info);
      },
      stop);
}

void S3Store::list_first_versions(const std::string& prefix,
                                  const std::function<bool(const ObjectInfo&)>& visit,
                                  std::stop_token stop) {
  std::optional<S3Entry> oldest;  // so far, of the key that is being listed
  const auto visit_oldest = [&] {
    const std::optional<ObjectInfo> info = oldest ? info_of(*oldest) : std::nullopt;
    oldest.reset();
    return !info || visit(*info);
  };
  bool goes_on = true;
  client_.list_versions(
      prefix_ + prefix,
      [&](const S3Entry& entry) {
        if (entry.is_delete_marker) return true;
        if (oldest && oldest->key != entry.key) goes_on = visit_oldest();
        if (goes_on) oldest = entry;
        return goes_on;
      },
      stop);
  if (goes_on) visit_oldest();
}

void S3Store::remove(const ObjectKey& key, std::stop_token stop) {
  base::throw_if_stopped(stop);
  const std::string full = full_key(key);
  std::vector<std::string> version_ids;
  client_.list_versions(
      full,
      [&](const S3Entry& entry) {
        if (entry.key == full) version_ids.push_back(entry.version_id);
        return entry.key == full;
      },
      stop);
  // The newest first: were we stopped in between, what is left is still the object.
  for (const std::string& id : version_ids) client_.remove(full, id, stop);
  const std::lock_guard lock(mutex_);
  first_version_ids_.erase(full);
}

base::Instant S3Store::now(std::stop_token stop) {
  base::throw_if_stopped(stop);
  return client_.now(std::move(stop));
}

std::vector<Shadow> S3Store::shadows(size_t count_max, std::stop_token stop) {
  std::vector<Shadow> found;
  std::string key;
  uint64_t count = 0;
  const auto finish = [&] {
    const bool is_object = !key.empty() && info_of({.key = key});
    if (count > 1 && is_object) found.push_back({key.substr(prefix_.size()), count});
    return found.size() < count_max;
  };
  bool goes_on = true;
  client_.list_versions(
      prefix_,
      [&](const S3Entry& entry) {
        if (entry.key != key) {
          goes_on = finish();
          key = entry.key;
          count = 0;
        }
        if (!entry.is_delete_marker) ++count;
        return goes_on;
      },
      stop);
  if (goes_on) finish();
  return found;
}

uint64_t S3Store::abort_leftovers(base::Instant before, std::stop_token stop) {
  std::vector<S3Upload> leftovers;
  client_.list_uploads(
      prefix_,
      [&](const S3Upload& upload) {
        if (upload.initiated < before) leftovers.push_back(upload);
        return true;
      },
      stop);
  for (const S3Upload& upload : leftovers) client_.abort_upload(upload.key, upload.upload_id, stop);
  return leftovers.size();
}

uint64_t S3Store::remove_canaries(base::Instant before, std::stop_token stop) {
  std::vector<S3Entry> old;
  client_.list_versions(
      prefix_ + std::string(canary_prefix),
      [&](const S3Entry& entry) {
        if (entry.modified < before) old.push_back(entry);
        return true;
      },
      stop);
  uint64_t removed = 0;
  for (const S3Entry& entry : old) {
    try {
      client_.remove(entry.key, entry.version_id, stop);
      ++removed;
    } catch (const base::Error& failure) {
      if (failure.kind() != base::ErrorKind::denied) throw;  // it is locked still
    }
  }
  return removed;
}

}  // namespace cloud
