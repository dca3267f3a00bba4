// AWS KMS: the calls that sealing needs, over JSON 1.1. What KMS refuses becomes one error of one
// kind here, and nowhere else.
#pragma once

#include "cloud/json_client.h"
#include "crypto/message_header.h"
#include "crypto/secret.h"

namespace cloud {

// The parts of arn:PARTITION:kms:REGION:ACCOUNT:key/ID or ...:alias/NAME.
struct KmsArn {
  std::string partition;
  std::string region;
  std::string account;
  std::string resource;  // "key/ID"

  // Nothing when it is no ARN of KMS.
  static std::optional<KmsArn> parse(std::string_view text);
  std::string text() const;
  bool multi_region() const { return resource.starts_with("key/mrk-"); }
};

// A data key under a KMS key, as KMS gives it back.
struct KmsWrapped {
  std::string key_arn;
  base::Bytes ciphertext;
};

// `key` is what people write: an id, an ARN, alias/NAME or an alias's ARN. Errors are
//   denied       the credentials may not; the key is disabled, pending deletion, or not there
//   corrupt      a ciphertext is damaged, or of another context or key
//   invalid      the key is of no use for this
//   unavailable  after what JsonClient tried
// Safe to share between threads.
class KmsClient {
 public:
  explicit KmsClient(JsonClient json) : json_(std::move(json)) {}

  struct Generated {
    crypto::SecretKey plain;
    KmsWrapped wrapped;
  };
  Generated generate_data_key(const std::string& key, const crypto::EncryptionContext& context,
                              std::stop_token stop);
  KmsWrapped encrypt(const std::string& key, const crypto::SecretKey& plain,
                     const crypto::EncryptionContext& context, std::stop_token stop);
  // `key_arn` must be that of the key that wrapped it.
  crypto::SecretKey decrypt(const std::string& key_arn, base::ByteView ciphertext,
                            const crypto::EncryptionContext& context, std::stop_token stop);

  struct Key {
    std::string arn;
    std::string state;  // "Enabled"; anything else is of no use
    bool customer_managed = false;
  };
  Key describe(const std::string& key, std::stop_token stop);

 private:
  base::Json call(const std::string& operation, const std::string& key, const base::Json& request,
                  std::stop_token stop);
  JsonClient json_;
};

}  // namespace cloud
