#include "crypto/aes_gcm.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "crypto/openssl.h"

namespace crypto {

namespace {
const EVP_CIPHER* aes_256_gcm() {
  static EVP_CIPHER* const cipher = [] {
    EVP_CIPHER* fetched = EVP_CIPHER_fetch(openssl_library(), "AES-256-GCM", nullptr);
    if (fetched == nullptr) throw_openssl("looking for AES-256-GCM");
    return fetched;
  }();
  return cipher;
}
unsigned char* raw(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }
const unsigned char* raw(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}
}  // namespace

void AesGcm::Free::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

AesGcm::AesGcm(Direction direction, base::ByteView key)
    : direction_(direction), context_(EVP_CIPHER_CTX_new()) {
  CHECK(key.size() == 32);
  if (context_ == nullptr) throw_openssl("making a cipher");
  require_openssl(EVP_CipherInit_ex2(context_.get(), aes_256_gcm(), raw(key.data()), nullptr,
                                     direction == Direction::seal ? 1 : 0, nullptr),
                  "setting a cipher's key");
}

void AesGcm::run(const GcmIv& iv, base::ByteView aad, base::ByteView in, base::ByteSpan out) {
  CHECK(in.size() == out.size() && in.size() <= INT32_MAX && aad.size() <= INT32_MAX);
  require_openssl(EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, raw(iv.data()), -1, nullptr),
                  "setting a cipher's IV");
  int done = 0;
  if (!aad.empty()) {
    require_openssl(EVP_CipherUpdate(context_.get(), nullptr, &done, raw(aad.data()),
                                     static_cast<int>(aad.size())),
                    "authenticating");
  }
  if (in.empty()) return;
  require_openssl(EVP_CipherUpdate(context_.get(), raw(out.data()), &done, raw(in.data()),
                                   static_cast<int>(in.size())),
                  "running a cipher");
  CHECK(static_cast<size_t>(done) == in.size());
}

void AesGcm::seal(const GcmIv& iv, base::ByteView aad, base::ByteView plain, base::ByteSpan out,
                  std::span<std::byte, 16> tag) {
  CHECK(direction_ == Direction::seal);
  run(iv, aad, plain, out);
  int rest = 0;
  unsigned char none[16];
  require_openssl(EVP_CipherFinal_ex(context_.get(), none, &rest), "ending a cipher");
  require_openssl(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, 16, tag.data()),
                  "taking a tag");
}

bool AesGcm::open(const GcmIv& iv, base::ByteView aad, base::ByteView sealed, base::ByteView tag,
                  base::ByteSpan out) {
  CHECK(direction_ == Direction::open && tag.size() == 16);
  run(iv, aad, sealed, out);
  std::array<std::byte, 16> wanted{};
  std::copy(tag.begin(), tag.end(), wanted.begin());
  require_openssl(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, 16, wanted.data()),
                  "setting a tag");
  int rest = 0;
  unsigned char none[16];
  if (EVP_CipherFinal_ex(context_.get(), none, &rest) == 1) return true;
  ERR_clear_error();
  std::fill(out.begin(), out.end(), std::byte{0});  // nobody may see what was not verified
  return false;
}

}  // namespace crypto
