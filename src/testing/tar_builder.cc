#include "testing/tar_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

namespace testing {

namespace {

constexpr size_t block = 512;

void put(base::ByteSpan header, size_t at, std::string_view text) {
  std::ranges::copy(base::as_bytes(text), header.begin() + static_cast<std::ptrdiff_t>(at));
}

void put_number(base::ByteSpan header, size_t at, size_t length, uint64_t value) {
  if (value < uint64_t{1} << (3 * (length - 1))) {
    put(header, at, fmt::format("{:0{}o} ", value, length - 1));
    return;
  }
  header[at] = std::byte{0x80};
  for (size_t i = at + length - 1; i > at; --i, value >>= 8) header[i] = std::byte(value & 0xFF);
}

}  // namespace

TarBuilder& TarBuilder::header(std::string_view path, char type, uint32_t mode, uint64_t size,
                               std::string_view link, std::string_view prefix) {
  std::array<std::byte, block> header{};
  put(header, 0, path);
  put_number(header, 100, 8, mode);
  put_number(header, 124, 12, size);
  put(header, 148, "        ");
  header[156] = static_cast<std::byte>(type);
  put(header, 157, link);
  put(header, 257, std::string_view("ustar\0", 6));
  put(header, 263, "00");
  put(header, 345, prefix);
  const uint64_t sum =
      std::accumulate(header.begin(), header.end(), uint64_t{0},
                      [](uint64_t so_far, std::byte byte) { return so_far + uint64_t(byte); });
  put_number(header, 148, 8, sum);
  base::append(bytes_, base::ByteView(header));
  return *this;
}

TarBuilder& TarBuilder::file(std::string_view path, std::string_view content, uint32_t mode) {
  header(path, '0', mode, content.size());
  base::append(bytes_, base::as_bytes(content));
  bytes_.resize((bytes_.size() + block - 1) / block * block);
  return *this;
}

TarBuilder& TarBuilder::folder(std::string_view path, uint32_t mode) {
  return header(fmt::format("{}/", path), '5', mode, 0);
}

TarBuilder& TarBuilder::link(std::string_view path, std::string_view target) {
  return header(path, '2', 0777, 0, target);
}

TarBuilder& TarBuilder::end() {
  bytes_.resize(bytes_.size() + 2 * block);
  return *this;
}

}  // namespace testing
