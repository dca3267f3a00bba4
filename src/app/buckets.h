// Buckets and key services as a policy reaches them: the one place where policy and cloud meet.
#pragma once

#include "app/keys.h"
#include "cloud/s3_store.h"

namespace app {

// What a store does with each object besides keeping it.
struct StoreCare {
  std::optional<policy::Lock> lock;
  std::string kms_key;                     // for encryption by the service; empty: none
  std::optional<base::Duration> patience;  // with a server that does not answer
};

// The bucket's store. `own` is how it is reached where that differs from the rest. Throws invalid,
// denied; nothing is asked yet.
std::unique_ptr<cloud::S3Store> open_bucket(const policy::Place& place, const policy::S3& settings,
                                            const policy::Reach& own, const StoreCare& care);

// Which lock keeps the object now, any version of it: "locked until ...". Nothing where no lock can
// be seen, also because we may not look. Throws what listing throws.
std::optional<std::string> lock_of(storage::ObjectStore& store, const storage::ObjectKey& key,
                                   std::stop_token stop);

// A key of AWS KMS or of a Transit engine (whose address and token are VAULT_ADDR, VAULT_TOKEN or
// ~/.vault-token, VAULT_NAMESPACE, VAULT_CACERT). Throws invalid, denied; nothing is asked yet.
std::unique_ptr<crypto::KeyWrapper> open_kms_key(const std::string& key);
std::unique_ptr<crypto::KeyWrapper> open_transit_key(const std::string& mount_and_key);

}  // namespace app
