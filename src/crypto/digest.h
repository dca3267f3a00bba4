// Digests: the keyed XXH3-128 that is the identity of blocks and objects, and SHA-256 for what
// strangers check.
#pragma once

#include <array>
#include <compare>
#include <memory>
#include <string>

#include "base/bytes.h"

struct SHA256state_st;
struct XXH3_state_s;

namespace crypto {

// 128 bits in XXH3's canonical (big-endian) order, as kept in index shards.
struct Digest {
  std::array<std::byte, 16> bytes{};
  auto operator<=>(const Digest&) const = default;
  std::string hex() const { return base::to_hex(bytes); }
};
static_assert(sizeof(Digest) == 16);

// The repository's secret: who does not know it cannot make two blocks that look the same.
// docs/formats/repository.md, "hash key". Safe to share between threads.
class HashKey {
 public:
  static constexpr size_t size = 192;  // XXH3_SECRET_DEFAULT_SIZE
  static HashKey random();
  // Throws corrupt unless there are exactly `size` bytes.
  static HashKey from(base::ByteView bytes);
  base::ByteView bytes() const { return secret_; }
  // XXH3_128bits_withSecret (xxHash 0.8).
  Digest digest(base::ByteView data) const;

 private:
  std::array<std::byte, size> secret_{};
};

// The same digest over a stream; borrows the key. Belongs to one thread.
class KeyedDigest {
 public:
  explicit KeyedDigest(const HashKey& key);
  void update(base::ByteView bytes);
  Digest finish() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

// SHA-256 of a stream (FIPS 180-4).
class Sha256 {
 public:
  Sha256();
  void update(base::ByteView bytes);
  std::string finish_hex();

 private:
  struct Free {
    void operator()(SHA256state_st* state) const;
  };
  std::unique_ptr<SHA256state_st, Free> state_;
};

std::string sha256_hex(base::ByteView bytes);

}  // namespace crypto
