#include "crypto/secret.h"

#include <openssl/crypto.h>
#include <sys/mman.h>

#include "base/error.h"

namespace crypto {

namespace {
constexpr size_t page_bytes = 4096;  // the smallest there is; mmap rounds up
}

void wipe(base::ByteSpan bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

bool same_secret(base::ByteView a, base::ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void SecretKey::Unmap::operator()(std::byte* page) const {
  wipe({page, size});
  munmap(page, page_bytes);
}

SecretKey::SecretKey() {
  void* page =
      mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) base::throw_errno("taking memory for a key");
  page_.reset(static_cast<std::byte*>(page));
  // Best effort: RLIMIT_MEMLOCK may be 0, and a key that may be swapped beats none.
  static_cast<void>(mlock(page, page_bytes));
  static_cast<void>(madvise(page, page_bytes, MADV_DONTDUMP));
}

SecretKey SecretKey::random() {
  SecretKey key;
  base::fill_random({key.page_.get(), size});
  return key;
}

SecretKey SecretKey::from(base::ByteView bytes) {
  if (bytes.size() != size) {
    throw base::error(base::ErrorKind::corrupt, "a key has {} bytes, not {}", bytes.size(), size);
  }
  SecretKey key;
  std::copy(bytes.begin(), bytes.end(), key.page_.get());
  return key;
}

}  // namespace crypto
