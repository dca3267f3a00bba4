// The seam between messages and whoever keeps the keys: a key file here, AWS KMS and Vault in
// cloud/. A data key is made and wrapped by it when a message is sealed, and unwrapped when it is
// opened; the wrapped form travels in the message's header.
//
// Wrappers are safe to share between threads. Calls end soon after `stop`, as Error(cancelled).
// They never throw absent: that is what a caller takes for an object that is not there.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "crypto/message_header.h"
#include "crypto/secret.h"

namespace crypto {

// A fresh key, and the same key wrapped for each recipient.
struct DataKey {
  SecretKey plain;
  std::vector<EncryptedDataKey> wrapped;

  DataKey clone() const { return {plain.clone(), wrapped}; }
};

struct KeyWrapper {
  virtual ~KeyWrapper() = default;

  // A new data key, wrapped. Needs the right to generate only, not to decrypt.
  // Throws denied (also for a key that is disabled or gone), unavailable (worth a retry), invalid.
  virtual DataKey generate(const EncryptionContext& context, std::stop_token stop) = 0;

  // Wraps the same data key for this recipient too. Throws as generate does.
  virtual void add_wrapping(DataKey& key, const EncryptionContext& context,
                            std::stop_token stop) = 0;

  // The data key behind one of `wrapped`; nothing when none of them is this wrapper's. Entries of
  // others, the label among them, are passed over. Throws denied, unavailable; corrupt when an
  // entry of ours does not open: damaged, or sealed for another context.
  virtual std::optional<SecretKey> unwrap(std::span<const EncryptedDataKey> wrapped,
                                          const EncryptionContext& context,
                                          std::stop_token stop) = 0;

  // Whether this very key wrapped an entry that unwrap() opens. Another answer than true only where
  // a service opens what other keys of its own wrapped, too: that ends when those are disabled.
  // Throws as unwrap() does.
  virtual bool has_wrapped(const EncryptedDataKey& entry, std::stop_token stop) {
    static_cast<void>(entry);
    static_cast<void>(stop);
    return true;
  }

  // Which key, for people and as a name of it: "key file 20261122T190000Z-5f3a9c01". The same text
  // whenever the same keys are meant, and another for others. No secrets.
  virtual std::string describe() const = 0;
};

// Several recipients: the first generates, the others wrap what it made; any of them opens, and so
// do keys of before, which wrap nothing new.
class AnyOf : public KeyWrapper {
 public:
  // CHECKs that there is at least one that wraps.
  explicit AnyOf(std::vector<std::unique_ptr<KeyWrapper>> wrappers,
                 std::vector<std::unique_ptr<KeyWrapper>> retired = {});

  DataKey generate(const EncryptionContext& context, std::stop_token stop) override;
  void add_wrapping(DataKey& key, const EncryptionContext& context, std::stop_token stop) override;
  // Asks each in turn. When none opens, the failure of the first that failed is thrown, if one did.
  std::optional<SecretKey> unwrap(std::span<const EncryptedDataKey> wrapped,
                                  const EncryptionContext& context, std::stop_token stop) override;
  std::string describe() const override;

 private:
  std::vector<std::unique_ptr<KeyWrapper>> wrappers_;  // those that wrap first
  size_t wrapping_;                                    // how many of them do
};

}  // namespace crypto
