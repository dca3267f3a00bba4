// OpenSSL as this room uses it: a library context of our own, so that the host's configuration file
// is not read and no provider of others is loaded, neither of which a backup may hang on. For .cc
// files of this room only.
#pragma once

#include <openssl/types.h>

#include "base/error.h"

namespace crypto {

OSSL_LIB_CTX* openssl_library();

// The error that OpenSSL reported last, which is not one of bytes from outside: no memory, an
// algorithm that is not built in.
[[noreturn]] void throw_openssl(const char* what);

// For calls that return 1.
inline void require_openssl(int result, const char* what) {
  if (result != 1) throw_openssl(what);
}

}  // namespace crypto
