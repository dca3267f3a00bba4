#include "base/compress.h"

#include <zstd.h>

#include <bit>

#include "base/error.h"

namespace base {

namespace {
size_t check_zstd(size_t result, const char* what) {
  if (ZSTD_isError(result) != 0)
    throw error(ErrorKind::corrupt, "{}: {}", what, ZSTD_getErrorName(result));
  return result;
}
}  // namespace

void Compressor::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }
void Decompressor::Free::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

Compressor::Compressor(int level, bool checksum) : context_(ZSTD_createCCtx()) {
  CHECK(context_ != nullptr);
  check_zstd(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level),
             "setting the level");
  check_zstd(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, checksum ? 1 : 0),
             "setting the checksum");
}

size_t Compressor::bound(size_t size) { return ZSTD_compressBound(size); }

size_t Compressor::compress(ByteView plain, ByteSpan out) {
  return check_zstd(
      ZSTD_compress2(context_.get(), out.data(), out.size(), plain.data(), plain.size()),
      "compressing");
}

Bytes Compressor::compress(ByteView plain) {
  Bytes out(bound(plain.size()));
  out.resize(compress(plain, out));
  return out;
}

Bytes Compressor::compress_difference(ByteView plain, ByteView prefix) {
  CHECK(plain.size() + prefix.size() <= difference_bytes_max);
  ZSTD_CCtx_s* context = context_.get();
  const auto window =
      static_cast<int>(std::bit_width(std::max<size_t>(plain.size() + prefix.size(), KiB)));
  check_zstd(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window), "setting the window");
  check_zstd(ZSTD_CCtx_setParameter(context, ZSTD_c_enableLongDistanceMatching, 1),
             "setting long distances");
  check_zstd(ZSTD_CCtx_refPrefix(context, prefix.data(), prefix.size()), "taking the prefix");
  Bytes out = compress(plain);
  // The prefix was for this frame; what was set for it goes back to what the level says.
  check_zstd(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 0), "setting the window");
  check_zstd(ZSTD_CCtx_setParameter(context, ZSTD_c_enableLongDistanceMatching, 0),
             "setting long distances");
  return out;
}

Decompressor::Decompressor() : context_(ZSTD_createDCtx()) { CHECK(context_ != nullptr); }

void Decompressor::decompress_exactly(ByteView packed, ByteSpan out, ByteView prefix) {
  check_zstd(ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only), "beginning");
  check_zstd(ZSTD_DCtx_refPrefix(context_.get(), prefix.data(), prefix.size()),
             "taking the prefix");
  const size_t size = check_zstd(
      ZSTD_decompressDCtx(context_.get(), out.data(), out.size(), packed.data(), packed.size()),
      "decompressing");
  if (size != out.size()) {
    throw error(ErrorKind::corrupt, "decompressing: {} bytes came out where {} should", size,
                out.size());
  }
}

Bytes Decompressor::decompress(ByteView packed, size_t bytes_max) {
  Bytes out;
  begin();
  feed(packed, [&](ByteView piece) {
    if (out.size() + piece.size() > bytes_max) {
      throw error(ErrorKind::corrupt, "decompressing: more than {} bytes", bytes_max);
    }
    append(out, piece);
  });
  finish();
  return out;
}

void Decompressor::begin() {
  ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only);
  window_.resize(256 * KiB);
  hint_ = 0;
}

void Decompressor::feed(ByteView packed, const std::function<void(ByteView)>& sink) {
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{window_.data(), window_.size(), 0};
    const size_t before = in.pos;
    const size_t hint =
        check_zstd(ZSTD_decompressStream(context_.get(), &out, &in), "decompressing");
    if (in.pos == before && out.pos == 0)
      return;  // nothing to do: what it would like next says nothing of the last frame
    hint_ = hint;
    if (out.pos > 0) sink(ByteView(window_).first(out.pos));
    if (in.pos == in.size && out.pos < out.size)
      return;  // all is read, and zstd holds nothing back
  }
}

void Decompressor::finish() const {
  if (hint_ != 0)
    throw error(ErrorKind::corrupt, "decompressing: the data end in the middle of a frame");
}

}  // namespace base
