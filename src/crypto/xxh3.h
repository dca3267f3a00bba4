// XXH3-128 as this processor computes it fastest: xxHash's own code, once as any x86-64 (or other)
// processor runs it and once for AVX2, chosen when the program runs. Both give the same digest, and
// a state begun by xxHash may be carried on by either, as its layout is that of the header both
// include. Inside this room only: others use digest.h.
#pragma once

#include <cstddef>

struct XXH3_state_s;

namespace crypto::xxh3 {

struct Code {
  // The digest in canonical order, 16 bytes at `out`.
  void (*digest)(const void* data, size_t bytes, const void* secret, size_t secret_bytes,
                 void* out);
  // False only for a null `data`.
  bool (*update)(XXH3_state_s* state, const void* data, size_t bytes);
  void (*finish)(const XXH3_state_s* state, void* out);
};

extern const Code plain;
#ifdef __x86_64__
extern const Code avx2;  // only where the processor has it
#endif

// The best of them for this processor.
const Code& best();

}  // namespace crypto::xxh3
