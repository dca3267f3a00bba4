// A store whose objects are sealed before they leave this host: docs/formats/envelope.md. To
// whoever uses it, it is a store of plaintext; below it each object is one message.
//
// Borrows the store below. Safe to share between threads. Memory: of each object that is being
// written a frame, and what of its start may still be replaced; of each object that was read lately
// a key.
#pragma once

#include <list>
#include <map>
#include <mutex>
#include <unordered_map>

#include "crypto/key_wrapper.h"
#include "crypto/open.h"
#include "repository/index_cache.h"
#include "repository/object_header.h"
#include "storage/object_store.h"

namespace repository {

// Whose key opens an object, as keys are given out: the writer reads `index`, the watcher `index`
// and `meta`, who restores all three. docs/formats/envelope.md, "Classes".
enum class KeyClass {
  clear,  // not sealed: what says how the rest is
  index,  // block identities, roots, claims, runs, epochs, policies
  meta,   // records of dumps: counts, roles, their password hashes where the policy says so
  data,   // packs, WAL, dumps
};
std::string_view name(KeyClass key_class);
KeyClass class_of(const storage::ObjectKey& key);
// The epoch in the key of an object, or "-".
std::string epoch_in(const storage::ObjectKey& key);

inline constexpr const char* dumps_scope = "dumps";

class SealedStore final : public storage::ObjectStore {
 public:
  // `scope` is what the encryption context calls the repository: its id, or "dumps".
  SealedStore(storage::ObjectStore& below, std::shared_ptr<crypto::KeyWrapper> keys,
              std::string scope);

  // Labels tell contents by it. Without it they do not tell them: a store of dumps has none.
  void use(const crypto::HashKey& key) { hash_key_ = key; }
  // On a host that may seal and not open: index objects are read from there.
  void use(IndexCache cache) { index_cache_.emplace(std::move(cache)); }
  const std::optional<IndexCache>& index_cache() const { return index_cache_; }

  // What is known of an object without opening it; nothing when it is absent or not sealed. Throws
  // corrupt.
  std::optional<crypto::Label> label(const storage::ObjectKey& key, std::stop_token stop);

  std::string url() const override { return below_.url(); }
  uint64_t worth_asking_for() const override { return below_.worth_asking_for(); }
  storage::PutOutcome put_if_absent(const storage::ObjectKey& key, base::ByteView body,
                                    std::stop_token stop) override;
  std::unique_ptr<storage::ObjectWriter> begin_write(const storage::ObjectKey& key,
                                                     const storage::WriteOptions& options,
                                                     std::stop_token stop) override;
  std::optional<storage::ObjectInfo> stat(const storage::ObjectKey& key,
                                          std::stop_token stop) override;
  // Throws besides: denied when our keys do not open it, corrupt when it is not what was sealed
  // under this name.
  void read(const storage::ObjectKey& key, uint64_t offset, base::ByteSpan out,
            std::stop_token stop) override;
  std::optional<base::Bytes> get(const storage::ObjectKey& key, uint64_t bytes_max,
                                 std::stop_token stop) override;
  void list(const std::string& prefix, const std::function<bool(const storage::ObjectInfo&)>& visit,
            std::stop_token stop) override;
  void remove(const storage::ObjectKey& key, std::stop_token stop) override;
  base::Instant now(std::stop_token stop) override { return below_.now(stop); }

 private:
  // What opens one object.
  struct Opened {
    crypto::MessageHeader header;
    crypto::MessageKey key;
    crypto::Label label;
  };
  using OpenedPtr = std::shared_ptr<const Opened>;  // kept in the cache and by readers at once

  crypto::EncryptionContext context_of(const storage::ObjectKey& key) const;
  // The header that begins `bytes`, verified to be this object's.
  OpenedPtr open(const storage::ObjectKey& key, base::ByteView bytes, std::stop_token stop);
  OpenedPtr opened(const storage::ObjectKey& key, std::stop_token stop);
  void remember(const storage::ObjectKey& key, OpenedPtr opened);
  // What the message is sealed by: as its header has it, or as a later `key rewrap` wrapped it
  // again (docs/formats/envelope.md, "Sidecars"). Throws denied when our keys open neither.
  crypto::SecretKey data_key_of(const crypto::MessageHeader& header, std::stop_token stop);
  storage::ObjectInfo plain_info(storage::ObjectInfo info) const;
  // The copy of an index object, on a host that only seals. Nothing where there is none.
  std::optional<base::Bytes> copy_of(const storage::ObjectKey& key, std::stop_token stop);

  storage::ObjectStore& below_;
  std::shared_ptr<crypto::KeyWrapper> keys_;  // shared with the stores of dumps
  std::string scope_;
  std::optional<crypto::HashKey> hash_key_;
  std::optional<IndexCache> index_cache_;

  std::mutex mutex_;
  std::list<std::string> recent_;  // newest first
  std::unordered_map<std::string, std::pair<OpenedPtr, std::list<std::string>::iterator>> cache_;
  // By data_key_name(): those whose own header no key of ours opens any more. Bounded.
  std::map<std::string, std::vector<crypto::EncryptedDataKey>> replaced_;
};

}  // namespace repository
