// Data keys by HashiCorp Vault's Transit engine (or OpenBao's): docs/formats/envelope.md,
// "Encrypted data keys". AWS's SDKs do not know it.
//
// Data keys are made here, by the kernel, and wrapped by transit/encrypt with the encryption
// context as associated data: transit/datakey takes no associated data, so what it makes would
// open in any context. Sealing needs `update` on MOUNT/encrypt/NAME, and should not have `create`:
// with it a name that is written wrong makes a new key. Opening needs `update` on
// MOUNT/decrypt/NAME. Associated data wants Vault 1.9 and a key of type aes256-gcm96, aes128-gcm96
// or chacha20-poly1305; a derived key (`derived=true`) gets the context as its context, too.
#pragma once

#include <functional>

#include "crypto/key_wrapper.h"
#include "net/http_client.h"
#include "net/retry.h"

namespace cloud {

inline constexpr std::string_view transit_provider = "seawall-vault-transit";

struct TransitOptions {
  net::Url address;             // of the server: https://vault.internal:8200
  std::string vault_namespace;  // X-Vault-Namespace; empty: none
  std::string mount = "transit";
  std::string key;
  // The token, asked for anew for each call: an agent renews it, and replaces the file it is in.
  // Throws denied when there is none.
  std::function<std::string()> token;
};

// A token from VAULT_TOKEN, else from the file `path`: what it begins with up to the first white
// space. Throws denied when there is none, or others than its owner may read the file.
std::string vault_token(const std::optional<std::string>& variable, const std::string& path);

class TransitKeyWrapper : public crypto::KeyWrapper {
 public:
  TransitKeyWrapper(TransitOptions options, std::shared_ptr<net::HttpClient> http,
                    net::RetryLimits limits);

  crypto::DataKey generate(const crypto::EncryptionContext& context, std::stop_token stop) override;
  void add_wrapping(crypto::DataKey& key, const crypto::EncryptionContext& context,
                    std::stop_token stop) override;
  // Ours are entries of this mount and key, in whatever version of it.
  std::optional<crypto::SecretKey> unwrap(std::span<const crypto::EncryptedDataKey> wrapped,
                                          const crypto::EncryptionContext& context,
                                          std::stop_token stop) override;
  std::string describe() const override;

 private:
  std::string ask(const char* operation, const char* member, std::string body,
                  std::stop_token stop);

  const TransitOptions options_;
  const std::shared_ptr<net::HttpClient> http_;
  const net::RetryLimits limits_;
};

}  // namespace cloud
