// AES-256-GCM with 96-bit IVs and 128-bit tags, by OpenSSL.
#pragma once

#include <array>
#include <memory>

#include "base/bytes.h"
#include "crypto/message_header.h"

struct evp_cipher_ctx_st;

namespace crypto {

using GcmIv = std::array<std::byte, 12>;

// One key, many IVs; nothing is allocated after the constructor. Never seal twice with one IV.
// Belongs to one thread.
class AesGcm {
 public:
  enum class Direction { seal, open };
  AesGcm(Direction direction, base::ByteView key);  // of 32 bytes

  // Seals `plain` into `out`, of the same size; they may be the same memory.
  void seal(const GcmIv& iv, base::ByteView aad, base::ByteView plain, base::ByteSpan out,
            std::span<std::byte, 16> tag);
  // Opens `sealed` into `out`, of the same size. False when it is not what was sealed: then `out`
  // is zeros.
  [[nodiscard]] bool open(const GcmIv& iv, base::ByteView aad, base::ByteView sealed,
                          base::ByteView tag, base::ByteSpan out);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  void run(const GcmIv& iv, base::ByteView aad, base::ByteView in, base::ByteSpan out);
  Direction direction_;
  std::unique_ptr<evp_cipher_ctx_st, Free> context_;
};

}  // namespace crypto
