// Keys in memory: wiped when they go, kept out of swap and core dumps where the system lets us.
#pragma once

#include <array>
#include <memory>

#include "base/bytes.h"

namespace crypto {

// Overwrites the bytes in a way that the compiler may not leave out.
void wipe(base::ByteSpan bytes);
// Whether both are the same bytes, in a time that does not tell where they differ.
bool same_secret(base::ByteView a, base::ByteView b);

// A 256-bit key on a page of its own: locked and left out of core dumps as far as the limits allow,
// wiped in the end. For the few keys that live long. Reading it is safe from several threads.
class SecretKey {
 public:
  static constexpr size_t size = 32;
  static SecretKey random();
  // Throws corrupt unless there are exactly `size` bytes. The caller wipes its own copy.
  static SecretKey from(base::ByteView bytes);
  SecretKey clone() const { return from(bytes()); }
  base::ByteView bytes() const { return {page_.get(), size}; }

 private:
  struct Unmap {
    void operator()(std::byte* page) const;
  };
  SecretKey();
  std::unique_ptr<std::byte, Unmap> page_;
};

// Bytes of a secret that pass through: on the stack or inside an object, wiped in the end.
template <size_t N>
struct Wiped {
  std::array<std::byte, N> bytes{};
  Wiped() = default;
  Wiped(const Wiped&) = default;
  Wiped& operator=(const Wiped&) = default;
  ~Wiped() { wipe(bytes); }
};

}  // namespace crypto
