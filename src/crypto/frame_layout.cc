#include "crypto/frame_layout.h"

#include "base/error.h"

namespace crypto {

FrameLayout FrameLayout::of_plain(uint64_t plain_bytes, uint64_t header_bytes,
                                  uint32_t frame_bytes) {
  CHECK(frame_bytes > 0);
  if (plain_bytes > message_plain_max) {
    throw base::error(base::ErrorKind::invalid, "a message holds at most {}",
                      base::human_bytes(message_plain_max));
  }
  const uint64_t frames = plain_bytes == 0 ? 1 : (plain_bytes - 1) / frame_bytes + 1;
  return {header_bytes, frame_bytes, frames, plain_bytes - (frames - 1) * frame_bytes};
}

FrameLayout FrameLayout::of_stored(uint64_t stored_bytes, uint64_t header_bytes,
                                   uint32_t frame_bytes) {
  CHECK(frame_bytes > 0);
  const uint64_t each = uint64_t{frame_bytes} + frame_overhead;
  if (stored_bytes >= header_bytes + last_frame_overhead) {
    const uint64_t rest = stored_bytes - header_bytes - last_frame_overhead;
    // Full frames take `each`; what is left is the last one's content, up to a whole frame.
    const uint64_t full = rest / each;
    const uint64_t left = rest % each;
    if (left <= frame_bytes && full < UINT32_MAX - 1) {
      return {header_bytes, frame_bytes, full + 1, left};
    }
  }
  throw base::error(base::ErrorKind::corrupt,
                    "no sealed message has {} bytes: it was cut or something was added",
                    stored_bytes);
}

StoredRange FrameLayout::stored_range(uint64_t offset, uint64_t count) const {
  CHECK(offset <= plain_bytes() && count <= plain_bytes() - offset);
  if (count == 0) return {header_bytes_, 0};
  const uint64_t each = frame_bytes_ + frame_overhead;
  const uint64_t first = offset / frame_bytes_;
  const uint64_t last = (offset + count - 1) / frame_bytes_;
  const uint64_t begin = header_bytes_ + first * each;
  const uint64_t end = last + 1 == frames_ ? stored_bytes() : header_bytes_ + (last + 1) * each;
  return {begin, end - begin};
}

}  // namespace crypto
