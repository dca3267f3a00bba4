#include "crypto/xxh3_code.h"

namespace crypto::xxh3 {

const Code plain{digest, update, finish};

const Code& best() {
#ifdef __x86_64__
  static const Code& chosen = __builtin_cpu_supports("avx2") != 0 ? avx2 : plain;
  return chosen;
#else
  return plain;
#endif
}

}  // namespace crypto::xxh3
