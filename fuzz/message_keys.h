// A key wrapper for the fuzzed openers: one data key for everything, so that mutations reach what
// lies behind the key.
#pragma once

#include "crypto/key_derivation.h"
#include "crypto/open.h"

namespace fuzz {

inline crypto::SecretKey the_key() { return crypto::SecretKey::from(base::Bytes(32)); }

struct OneKey : crypto::KeyWrapper {
  crypto::DataKey generate(const crypto::EncryptionContext&, std::stop_token) override {
    return {the_key(), {{.provider = "fuzz", .info = {}, .ciphertext = {}}}};
  }
  void add_wrapping(crypto::DataKey&, const crypto::EncryptionContext&, std::stop_token) override {}
  std::optional<crypto::SecretKey> unwrap(std::span<const crypto::EncryptedDataKey>,
                                          const crypto::EncryptionContext&,
                                          std::stop_token) override {
    return the_key();
  }
  std::string describe() const override { return "a key for all"; }
};

// The input with commitment and tag of its header made right, which no fuzzer could guess; as it is
// when it has no header.
inline base::Bytes with_true_header(base::ByteView bytes) {
  base::Bytes message(bytes.begin(), bytes.end());
  try {
    std::optional<crypto::MessageHeader> header = crypto::parse_message_header(bytes);
    if (!header) return message;
    const crypto::DerivedKeys derived = crypto::derive_keys(header->suite, header->id, the_key());
    std::byte* body_end = message.data() + header->body.size();
    std::ranges::copy(derived.commitment, body_end - derived.commitment.size());
    crypto::AesGcm cipher(crypto::AesGcm::Direction::seal, derived.key.bytes);
    cipher.seal(crypto::GcmIv{}, base::ByteView(message).first(header->body.size()), {}, {},
                std::span<std::byte, 16>(body_end, 16));
  } catch (const base::Error& failure) {
    CHECK(failure.kind() == base::ErrorKind::corrupt || failure.kind() == base::ErrorKind::invalid);
  }
  return message;
}

}  // namespace fuzz
