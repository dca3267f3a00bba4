// zstd (RFC 8878), one frame at a time. A Compressor or Decompressor belongs to one thread.
#pragma once

#include <functional>
#include <memory>

#include "base/bytes.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace base {

class Compressor {
 public:
  // zstd's levels; `checksum` ends each frame with the low 32 bits of its content's XXH64.
  explicit Compressor(int level, bool checksum = false);
  // The most bytes that `size` bytes can become.
  static size_t bound(size_t size);
  // One frame that holds all of `plain`, written to the start of `out` (of at least bound() bytes);
  // its length.
  size_t compress(ByteView plain, ByteSpan out);
  Bytes compress(ByteView plain);
  // The same as a difference from `prefix`, which the reader must have: zstd's --patch-from. Both
  // together at most difference_bytes_max, so that any zstd reads it. Borrows `prefix` while it
  // works.
  static constexpr size_t difference_bytes_max = 64 * MiB;
  Bytes compress_difference(ByteView plain, ByteView prefix);

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_CCtx_s, Free> context_;
};

class Decompressor {
 public:
  Decompressor();
  // All frames of `packed`, skippable ones left out, into `out`, which they must fill exactly.
  // Throws corrupt. A difference is made whole with the `prefix` that it was made from.
  void decompress_exactly(ByteView packed, ByteSpan out, ByteView prefix = {});
  // The same into new memory; throws corrupt when it would be more than `bytes_max`.
  Bytes decompress(ByteView packed, size_t bytes_max);

  // A stream of frames, piece by piece: begin(), feed() each piece, then finish(), which throws
  // corrupt when the last frame was cut off.
  void begin();
  void feed(ByteView packed, const std::function<void(ByteView)>& sink);
  void finish() const;

 private:
  struct Free {
    void operator()(ZSTD_DCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_DCtx_s, Free> context_;
  Bytes window_;
  size_t hint_ = 0;  // what zstd waits for: 0 between frames
};

}  // namespace base
