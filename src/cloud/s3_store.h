// Objects in a bucket: s3://bucket/prefix, at AWS or any server that speaks S3.
//
// A put never replaces an object. Where the server honours `If-None-Match: *`, it sees to that; the
// store asks it once and keeps the answer in the bucket (store_facts.h). Where it does not:
//   - on a bucket with versions, the store looks first, and looks again after the put: the oldest
//     version is the object, for readers and writers alike, and newer ones are shadows without
//     effect, to be told to people (shadows());
//   - on one without, the store looks first and then puts, which a race can get by: then
//     facts().keeps_objects() is false, and `check` must say so.
// With versions, only AWS is trusted to honour it in a race.
// A put whose reply was lost is settled by a nonce in the object's metadata.
//
// Each writer holds at most (parts_in_flight + 3) parts in memory; each read nothing but the
// caller's bytes. Parts grow beyond part_bytes as part_plan.h says. Safe to share between threads.
#pragma once

#include <map>
#include <mutex>

#include "cloud/part_plan.h"
#include "cloud/s3_client.h"
#include "cloud/store_facts.h"
#include "storage/object_store.h"

namespace cloud {

// Every object is locked for so long from its put on. The bucket must have object lock enabled, and
// the credential may set retention (s3:PutObjectRetention); a bucket's own default needs neither.
struct S3Lock {
  enum class Mode { governance, compliance };
  Mode mode = Mode::compliance;
  base::Duration keep{0};
};

struct S3StoreOptions {
  S3Options server;    // with the bucket
  std::string prefix;  // "" or "a/b"; slashes at its ends do not matter
  uint64_t part_bytes = 8 * base::MiB;
  unsigned parts_in_flight = 4;  // of each writer
  unsigned parts_max = 10'000;   // some servers take 1 000
  std::optional<S3Lock> lock;
  std::string kms_key;  // ARN: SSE-KMS with this key; empty: as the bucket does by itself
};

// A key under which more than one version is.
struct Shadow {
  std::string key;  // as of the store
  uint64_t versions = 0;
};

class S3Store final : public storage::ObjectStore {
 public:
  // Throws invalid, denied (settings). Sends nothing, as S3Client.
  explicit S3Store(S3StoreOptions options);

  std::string url() const override;
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
  // With all its versions and delete markers.
  void remove(const storage::ObjectKey& key, std::stop_token stop) override;
  base::Instant now(std::stop_token stop) override;

  // What the server does; asked of it if nobody has yet, which needs a writer's credential.
  StoreFacts facts(std::stop_token stop);
  // Whether the server itself keeps objects from being replaced; else see keeps_objects().
  bool conditional(std::stop_token stop) { return facts(std::move(stop)).conditional(); }
  // Keys with more than one version, at most `count_max`: all of the bucket's prefix is listed.
  std::vector<Shadow> shadows(size_t count_max, std::stop_token stop);
  // Aborts uploads below the prefix that began before `before` and were never completed: their
  // writers are dead, and their parts cost room. Returns how many.
  uint64_t abort_leftovers(base::Instant before, std::stop_token stop);

  // Deletes what probes of write-once left before then, unless it is locked. Returns how many.
  uint64_t remove_canaries(base::Instant before, std::stop_token stop);

  // For calls beside objects: posture, probes.
  S3Client& client() { return client_; }
  std::string full_key(const storage::ObjectKey& key) const { return prefix_ + key.text(); }

 private:
  friend class S3Writer;
  // What we would know our object by, if its nonce cannot be read.
  struct Evidence {
    std::string nonce;
    uint64_t size = 0;
    std::function<std::string()> etag;  // empty: cannot be foretold
  };
  S3PutOptions put_options(const std::string& nonce) const;
  std::string locked_until() const;
  // Some servers drop the lock that an upload in parts began with: it is set on what came of it.
  void lock_again(const std::string& key, const std::string& version_id, std::stop_token stop);
  // The same where no answer named the version.
  void lock_first_version(const std::string& key, std::stop_token stop);
  storage::PutOutcome settle(const std::string& key, const S3PutAnswer& answer,
                             const Evidence& evidence, bool was_conditional, std::stop_token stop);
  bool is_ours(const std::string& key, const std::optional<S3Entry>& version,
               const Evidence& evidence, std::stop_token stop);
  // Facts as far as readers need them: those of a bucket never asked are those of an empty one.
  StoreFacts facts_for_reading(std::stop_token stop);
  bool reads_first_versions(std::stop_token stop);
  // An answer named a version although the bucket had none when it was asked.
  // True where that is news.
  bool note_version(const std::string& version_id);
  std::optional<std::string> known_first_version(const std::string& key);
  std::optional<S3Entry> first_version(const std::string& key, std::stop_token stop);
  std::optional<storage::ObjectInfo> info_of(const S3Entry& entry) const;
  void list_first_versions(const std::string& prefix,
                           const std::function<bool(const storage::ObjectInfo&)>& visit,
                           std::stop_token stop);

  const S3StoreOptions options_;
  const std::string prefix_;  // "" or "a/b/"
  S3Client client_;
  std::mutex mutex_;
  std::optional<StoreFacts> facts_;
  std::map<std::string, std::string> first_version_ids_;  // a version never changes; bounded
};

}  // namespace cloud
