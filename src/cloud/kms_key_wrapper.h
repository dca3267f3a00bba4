// Data keys by AWS KMS, as AWS's own keyring has them: docs/formats/envelope.md, "Encrypted data
// keys". Sealing needs kms:GenerateDataKey (as a further recipient kms:Encrypt), opening
// kms:Decrypt; an alias or a bare id besides kms:DescribeKey where something is opened before
// anything was sealed.
#pragma once

#include <mutex>

#include "cloud/kms_client.h"
#include "crypto/key_wrapper.h"

namespace cloud {

inline constexpr std::string_view kms_provider = "aws-kms";

class KmsKeyWrapper : public crypto::KeyWrapper {
 public:
  // `key`: id, ARN, alias/NAME or an alias's ARN, in `region`, where `client` calls.
  KmsKeyWrapper(std::string key, std::string region, KmsClient client);

  crypto::DataKey generate(const crypto::EncryptionContext& context, std::stop_token stop) override;
  void add_wrapping(crypto::DataKey& key, const crypto::EncryptionContext& context,
                    std::stop_token stop) override;
  // Ours are all keys of the same account and region, so that what was sealed before a rotation to
  // another key still opens, as far as KMS lets these credentials; keys of other accounts, which
  // a stranger may have made, never are. A multi-region key's replica opens what any of them
  // sealed.
  std::optional<crypto::SecretKey> unwrap(std::span<const crypto::EncryptedDataKey> wrapped,
                                          const crypto::EncryptionContext& context,
                                          std::stop_token stop) override;
  // A multi-region key and its replicas are one key.
  bool has_wrapped(const crypto::EncryptedDataKey& entry, std::stop_token stop) override;
  std::string describe() const override;

 private:
  KmsArn own_arn(std::stop_token stop);
  void learn(const std::string& arn);
  std::optional<std::string> arn_to_ask(const crypto::EncryptedDataKey& entry, const KmsArn& own);

  const std::string key_;
  const std::string region_;
  KmsClient client_;
  std::mutex mutex_;
  std::optional<KmsArn> own_;  // once it is known
};

// The same with a client as the environment and AWS's own files say: credentials, endpoint,
// authorities; the region is that of an ARN, else the usual one. Throws invalid when none is said.
std::unique_ptr<KmsKeyWrapper> make_kms_key_wrapper(const std::string& key,
                                                    const Settings& settings,
                                                    std::shared_ptr<CredentialStore> credentials,
                                                    std::shared_ptr<net::HttpClient> http,
                                                    const net::RetryLimits& limits);

}  // namespace cloud
