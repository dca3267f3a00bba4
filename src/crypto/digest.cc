#include "crypto/digest.h"

#define OPENSSL_API_COMPAT \
  10100  // the plain SHA-256: EVP would read OpenSSL's configuration and load its providers
#include <openssl/sha.h>
#include <xxhash.h>

#include "base/error.h"
#include "crypto/xxh3.h"

namespace crypto {

HashKey HashKey::random() {
  HashKey key;
  base::fill_random(key.secret_);
  return key;
}

HashKey HashKey::from(base::ByteView bytes) {
  if (bytes.size() != size) {
    throw base::error(base::ErrorKind::corrupt, "the hash key has {} bytes, not {}", bytes.size(),
                      size);
  }
  HashKey key;
  std::copy(bytes.begin(), bytes.end(), key.secret_.begin());
  return key;
}

Digest HashKey::digest(base::ByteView data) const {
  static_assert(size >= XXH3_SECRET_SIZE_MIN);
  Digest digest;
  xxh3::best().digest(data.data(), data.size(), secret_.data(), size, digest.bytes.data());
  return digest;
}

void KeyedDigest::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

KeyedDigest::KeyedDigest(const HashKey& key) : state_(XXH3_createState()) {
  CHECK(state_ != nullptr);
  CHECK(XXH3_128bits_reset_withSecret(state_.get(), key.bytes().data(), key.bytes().size()) ==
        XXH_OK);
}

void KeyedDigest::update(base::ByteView bytes) {
  if (!bytes.empty()) CHECK(xxh3::best().update(state_.get(), bytes.data(), bytes.size()));
}

Digest KeyedDigest::finish() const {
  Digest digest;
  xxh3::best().finish(state_.get(), digest.bytes.data());
  return digest;
}

void Sha256::Free::operator()(SHA256state_st* state) const { delete state; }

Sha256::Sha256() : state_(new SHA256_CTX) { CHECK(SHA256_Init(state_.get()) == 1); }

void Sha256::update(base::ByteView bytes) {
  CHECK(SHA256_Update(state_.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::finish_hex() {
  std::array<std::byte, 32> digest{};
  CHECK(SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), state_.get()) == 1);
  return base::to_hex(digest);
}

std::string sha256_hex(base::ByteView bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish_hex();
}

}  // namespace crypto
