// Buckets and key services as a policy reaches them: the one place where policy and cloud meet.
#pragma once

#include "app/keys.h"
#include "cloud/s3_store.h"

namespace app {

// What a store does with each object besides keeping it.
struct StoreCare {
  std::optional<policy::Lock> lock;
  std::string kms_key;  // for encryption by the service; empty: none
};

// The bucket's store. `own` is how it is reached where that differs from the rest. Throws invalid,
// denied; nothing is asked yet.
std::unique_ptr<cloud::S3Store> open_bucket(const policy::Place& place, const policy::S3& settings,
                                            const policy::Reach& own, const StoreCare& care);

// A key of AWS KMS or of a Transit engine (whose address and token are VAULT_ADDR, VAULT_TOKEN or
// ~/.vault-token, VAULT_NAMESPACE, VAULT_CACERT). Throws invalid, denied; nothing is asked yet.
std::unique_ptr<crypto::KeyWrapper> open_kms_key(const std::string& key);
std::unique_ptr<crypto::KeyWrapper> open_transit_key(const std::string& mount_and_key);

}  // namespace app
