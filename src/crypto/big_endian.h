// Big-endian numbers, as the message format has them.
#pragma once

#include <bit>

#include "base/bytes.h"

namespace crypto {

template <typename T>
requires std::is_unsigned_v<T> T big_endian(T value) {
  if constexpr (sizeof(T) == 1) {
    return value;
  } else if constexpr (sizeof(T) == 2) {
    return __builtin_bswap16(value);
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bswap32(value);
  } else {
    return __builtin_bswap64(value);
  }
}

template <typename T>
T load_big(const std::byte* bytes) {
  return big_endian(base::load<T>(bytes));
}
template <typename T>
void store_big(std::byte* bytes, T value) {
  base::store<T>(bytes, big_endian(value));
}
template <typename T>
void append_big(base::Bytes& bytes, T value) {
  base::append<T>(bytes, big_endian(value));
}

}  // namespace crypto
