#include "crypto/key_derivation.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/error.h"
#include "crypto/big_endian.h"
#include "crypto/openssl.h"

namespace crypto {

namespace {
OSSL_PARAM octets(const char* name, base::ByteView bytes) {
  // OpenSSL does not write through this pointer; its struct serves both directions.
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(bytes.data()),
                                           bytes.size());
}
}  // namespace

void hkdf_sha512(base::ByteView salt, base::ByteView secret, base::ByteView info,
                 base::ByteSpan out) {
  static EVP_KDF* const hkdf = [] {
    EVP_KDF* fetched = EVP_KDF_fetch(openssl_library(), "HKDF", nullptr);
    if (fetched == nullptr) throw_openssl("looking for HKDF");
    return fetched;
  }();
  struct Free {
    void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
  };
  const std::unique_ptr<EVP_KDF_CTX, Free> context(EVP_KDF_CTX_new(hkdf));
  if (context == nullptr) throw_openssl("making a key derivation");
  char hash[] = "SHA512";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash, 0),
                                   octets(OSSL_KDF_PARAM_SALT, salt),
                                   octets(OSSL_KDF_PARAM_KEY, secret),
                                   octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  require_openssl(EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(out.data()),
                                 out.size(), parameters),
                  "deriving a key");
}

DerivedKeys derive_keys(Suite suite, const MessageId& id, const SecretKey& data_key) {
  DerivedKeys derived;
  base::Bytes info;
  append_big(info, static_cast<uint16_t>(suite));
  base::append(info, base::as_bytes("DERIVEKEY"));
  hkdf_sha512(id, data_key.bytes(), info, derived.key.bytes);
  hkdf_sha512(id, data_key.bytes(), base::as_bytes("COMMITKEY"), derived.commitment);
  return derived;
}

}  // namespace crypto
