#include "crypto/signature.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>

#include "crypto/openssl.h"

namespace crypto {

namespace {
constexpr size_t point_bytes = 49;  // 02 or 03, then 48 bytes; as base64 68 characters

base::Error bad_key() {
  return {base::ErrorKind::corrupt, "the message's public key is not a point of P-384"};
}

const unsigned char* raw(base::ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::array<unsigned char, point_bytes> decode_point(std::string_view text) {
  std::array<unsigned char, 51> out{};
  if (text.size() != 68 || !text.ends_with("==") ||
      EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()), 68) != 51) {
    throw bad_key();
  }
  std::array<unsigned char, point_bytes> point{};
  std::copy_n(out.begin(), point_bytes, point.begin());
  return point;
}
}  // namespace

void SignatureVerifier::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }
void SignatureVerifier::Free::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

SignatureVerifier::SignatureVerifier(std::string_view public_key) : context_(EVP_MD_CTX_new()) {
  struct FreeContext {
    void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  };
  std::array<unsigned char, point_bytes> point = decode_point(public_key);
  const std::unique_ptr<EVP_PKEY_CTX, FreeContext> making(
      EVP_PKEY_CTX_new_from_name(openssl_library(), "EC", nullptr));
  if (context_ == nullptr || making == nullptr) throw_openssl("making a verifier");
  require_openssl(EVP_PKEY_fromdata_init(making.get()), "making a verifier");
  char group[] = "secp384r1";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata(making.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    ERR_clear_error();
    throw bad_key();
  }
  key_.reset(key);
  require_openssl(EVP_DigestVerifyInit_ex(context_.get(), nullptr, "SHA384", openssl_library(),
                                          nullptr, key_.get(), nullptr),
                  "making a verifier");
}

void SignatureVerifier::update(base::ByteView message) {
  require_openssl(EVP_DigestVerifyUpdate(context_.get(), raw(message), message.size()),
                  "hashing a message");
}

bool SignatureVerifier::verify(base::ByteView signature) {
  const bool right = EVP_DigestVerifyFinal(context_.get(), raw(signature), signature.size()) == 1;
  ERR_clear_error();
  return right;
}

}  // namespace crypto
