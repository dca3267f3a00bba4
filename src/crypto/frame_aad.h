// What a frame is bound to besides its key: docs/formats/envelope.md, "Frames". For .cc files of
// this room.
#pragma once

#include <algorithm>

#include "crypto/aes_gcm.h"
#include "crypto/big_endian.h"

namespace crypto {

inline constexpr uint32_t last_frame_marker = 0xFFFFFFFF;

class FrameAad {
 public:
  FrameAad(const MessageId& id, bool last, uint32_t sequence, uint64_t plain_bytes) {
    put(id);
    put(base::as_bytes(last ? "AWSKMSEncryptionClient Final Frame"
                            : "AWSKMSEncryptionClient Frame"));
    store_big(bytes_.data() + size_, sequence);
    store_big(bytes_.data() + size_ + 4, plain_bytes);
    size_ += 12;
  }
  base::ByteView bytes() const { return base::ByteView(bytes_).first(size_); }

 private:
  void put(base::ByteView part) {
    std::ranges::copy(part, bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += part.size();
  }
  std::array<std::byte, 32 + 34 + 12> bytes_{};
  size_t size_ = 0;
};

inline GcmIv frame_iv(uint32_t sequence) {
  GcmIv iv{};
  store_big(iv.data() + 8, sequence);
  return iv;
}

}  // namespace crypto
