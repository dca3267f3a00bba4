// The functions of xxh3.h, compiled with what the including source file is compiled for. Nothing
// but xxHash is included, and its functions are static here: what is made for one processor cannot
// be linked into what runs on all.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "crypto/xxh3.h"

namespace crypto::xxh3 {
namespace {

void put(XXH128_hash_t hash, void* out) {
  XXH128_canonicalFromHash(static_cast<XXH128_canonical_t*>(out), hash);
}

void digest(const void* data, size_t bytes, const void* secret, size_t secret_bytes, void* out) {
  put(XXH3_128bits_withSecret(data, bytes, secret, secret_bytes), out);
}

bool update(XXH3_state_s* state, const void* data, size_t bytes) {
  return XXH3_128bits_update(reinterpret_cast<XXH3_state_t*>(state), data, bytes) == XXH_OK;
}

void finish(const XXH3_state_s* state, void* out) {
  put(XXH3_128bits_digest(reinterpret_cast<const XXH3_state_t*>(state)), out);
}

}  // namespace
}  // namespace crypto::xxh3
