#include "cloud/hashes.h"

#define OPENSSL_API_COMPAT \
  10100  // the plain functions: EVP would read OpenSSL's configuration and load its providers
#include <openssl/md5.h>
#include <openssl/sha.h>

#include "base/error.h"

namespace cloud {

namespace {
const unsigned char* raw(base::ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw(base::ByteSpan bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }
}  // namespace

Sha256Bytes sha256(base::ByteView bytes) {
  Sha256Bytes digest{};
  SHA256(raw(bytes), bytes.size(), raw(base::ByteSpan(digest)));
  return digest;
}

Sha256Bytes hmac_sha256(base::ByteView key, base::ByteView message) {
  std::array<std::byte, SHA256_CBLOCK> block{};
  if (key.size() > block.size()) {
    const Sha256Bytes short_key = sha256(key);
    std::copy(short_key.begin(), short_key.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  const auto pass = [&](std::byte pad, base::ByteView bytes) {
    base::Bytes whole;
    whole.reserve(block.size() + bytes.size());
    for (const std::byte byte : block) whole.push_back(byte ^ pad);
    base::append(whole, bytes);
    return sha256(whole);
  };
  const Sha256Bytes inner = pass(std::byte{0x36}, message);
  return pass(std::byte{0x5c}, inner);
}

std::string md5_base64(base::ByteView bytes) {
  std::array<std::byte, MD5_DIGEST_LENGTH> digest{};
  MD5(raw(bytes), bytes.size(), raw(base::ByteSpan(digest)));
  return to_base64(digest);
}

namespace {
constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

std::string to_base64(base::ByteView bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j)
      group = group << 8 | (j < count ? std::to_integer<uint32_t>(bytes[i + j]) : 0);
    for (size_t j = 0; j < 4; ++j) text += j <= count ? letters[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

base::Bytes from_base64(std::string_view text) {
  const auto fail = [] { throw base::Error(base::ErrorKind::corrupt, "this is not base64"); };
  if (text.size() % 4 != 0) fail();
  base::Bytes bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t group = 0;
    size_t padding = 0;
    for (size_t j = 0; j < 4; ++j) {
      const char c = text[i + j];
      const char* const at = c == '\0' ? nullptr : std::strchr(letters, c);
      if (c == '=' && i + 4 == text.size() && j >= 2) {
        ++padding;
      } else if (at == nullptr || padding > 0) {
        fail();
      }
      group = group << 6 | (c == '=' ? 0 : static_cast<uint32_t>(at - letters));
    }
    for (size_t j = 0; j < 3 - padding; ++j)
      bytes.push_back(static_cast<std::byte>(group >> (16 - 8 * j)));
    if ((group & ((1u << (8 * padding)) - 1)) != 0) fail();  // bits that stand for nothing
  }
  return bytes;
}

}  // namespace cloud
