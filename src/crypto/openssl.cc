#include "crypto/openssl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

namespace crypto {

OSSL_LIB_CTX* openssl_library() {
  // Lives as long as the process: other statics may hold what was fetched from it.
  static OSSL_LIB_CTX* const library = [] {
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    OSSL_LIB_CTX* made = OSSL_LIB_CTX_new();
    if (made == nullptr) throw_openssl("starting OpenSSL");
    return made;
  }();
  return library;
}

void throw_openssl(const char* what) {
  const unsigned long code = ERR_get_error();
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  throw base::error(base::ErrorKind::unavailable, "{}: OpenSSL says {}", what,
                    reason != nullptr ? reason : "nothing more");
}

}  // namespace crypto
