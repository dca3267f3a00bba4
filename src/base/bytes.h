// Sizes, byte spans, little-endian loads and stores, hexadecimal.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace base {

inline constexpr uint64_t KiB = 1024;
inline constexpr uint64_t MiB = 1024 * KiB;
inline constexpr uint64_t GiB = 1024 * MiB;

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;
using ByteSpan = std::span<std::byte>;

static_assert(std::endian::native == std::endian::little,
              "formats are little-endian, and so is every host we build for");

// The value stored little-endian at the start of `bytes`, which must be long enough.
template <typename T>
requires std::is_integral_v<T> T load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <typename T>
requires std::is_integral_v<T>
void store(std::byte* bytes, T value) { std::memcpy(bytes, &value, sizeof value); }

template <typename T>
requires std::is_integral_v<T>
void append(Bytes& bytes, T value) {
  const std::byte* raw = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), raw, raw + sizeof value);
}

inline void append(Bytes& bytes, ByteView more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(std::string_view text) {
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

std::string to_hex(ByteView bytes);  // lower case
// Throws invalid unless `text` is an even number of hexadecimal digits.
Bytes from_hex(std::string_view text);

// "1.7 GB" (powers of ten, three significant digits): for people only.
std::string human_bytes(uint64_t count);

// Random bytes from the kernel, fit for keys and nonces.
void fill_random(ByteSpan out);

}  // namespace base
