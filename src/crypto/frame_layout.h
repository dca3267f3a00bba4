// Where the frames of a message lie: arithmetic, no bytes. docs/formats/envelope.md, "What we
// write". Values; safe to share.
#pragma once

#include "crypto/message_header.h"

namespace crypto {

inline constexpr size_t frame_overhead = 32;       // sequence 4, IV 12, tag 16
inline constexpr size_t last_frame_overhead = 40;  // marker and size besides
inline constexpr uint64_t message_plain_max = uint64_t{1} << 43;

struct StoredRange {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  bool operator==(const StoredRange&) const = default;
};

class FrameLayout {
 public:
  // Of a message that we write: no empty last frame but for an empty plaintext. Throws invalid
  // above message_plain_max.
  static FrameLayout of_plain(uint64_t plain_bytes, uint64_t header_bytes = envelope_header_bytes,
                              uint32_t frame_bytes = envelope_frame_bytes);
  // Of a stored message without a signature, by anyone. Throws corrupt when no message has this
  // size.
  static FrameLayout of_stored(uint64_t stored_bytes, uint64_t header_bytes = envelope_header_bytes,
                               uint32_t frame_bytes = envelope_frame_bytes);

  uint64_t plain_bytes() const { return (frames_ - 1) * frame_bytes_ + last_bytes_; }
  uint64_t stored_bytes() const {
    return header_bytes_ + (frames_ - 1) * (frame_bytes_ + frame_overhead) + last_bytes_ +
           last_frame_overhead;
  }
  uint64_t header_bytes() const { return header_bytes_; }
  uint64_t frame_bytes() const { return frame_bytes_; }
  uint64_t frames() const { return frames_; }  // at least 1
  uint64_t last_bytes() const { return last_bytes_; }

  // The stored bytes of the frames that hold plaintext [offset, offset + count), which must lie
  // within it. Nothing is needed for nothing.
  StoredRange stored_range(uint64_t offset, uint64_t count) const;

 private:
  FrameLayout(uint64_t header_bytes, uint64_t frame_bytes, uint64_t frames, uint64_t last_bytes)
      : header_bytes_(header_bytes),
        frame_bytes_(frame_bytes),
        frames_(frames),
        last_bytes_(last_bytes) {}
  uint64_t header_bytes_;
  uint64_t frame_bytes_;
  uint64_t frames_;
  uint64_t last_bytes_;
};

}  // namespace crypto
