// A key in a file of this host: AWS's raw AES keyring, so that AWS's SDKs open what it sealed.
// docs/formats/envelope.md, "Key file". Whoever loses the file loses the backups: keep a copy.
#pragma once

#include "base/file.h"
#include "crypto/key_wrapper.h"

namespace crypto {

inline constexpr std::string_view key_file_provider = "seawall-key-file";

class LocalKeyFile : public KeyWrapper {
 public:
  // Makes a new key and its file: mode 0600, durable, never over one that is there (conflict).
  static LocalKeyFile create(const base::Path& path, base::Instant now);
  // Reads the file. Throws invalid when there is none; denied when others than its owner could read
  // or change it; corrupt when it is not a key file, or a digit of it is wrong.
  static LocalKeyFile load(const base::Path& path);
  // The same from the file's text.
  static LocalKeyFile parse(std::string_view text);

  const std::string& id() const { return id_; }
  // 8 digits that stand for the key: what people compare with their copy. Tells nothing of it.
  const std::string& check() const { return check_; }
  // The file's text, to be kept elsewhere. A secret.
  std::string text() const;

  DataKey generate(const EncryptionContext& context, std::stop_token stop) override;
  void add_wrapping(DataKey& key, const EncryptionContext& context, std::stop_token stop) override;
  std::optional<SecretKey> unwrap(std::span<const EncryptedDataKey> wrapped,
                                  const EncryptionContext& context, std::stop_token stop) override;
  std::string describe() const override;

 private:
  LocalKeyFile(std::string id, SecretKey key);
  std::string id_;
  std::string check_;
  SecretKey key_;
};

}  // namespace crypto
