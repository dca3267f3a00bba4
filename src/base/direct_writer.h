// Writes a file from start to end. A long body goes past the page cache where the file system
// allows it (O_DIRECT): it then costs a fraction of the CPU and evicts nothing. Its first
// `cached_bytes` go through the cache and are sent to the disk at once, so that whoever writes a
// short body does not wait for each piece, but only once, in sync(). Belongs to one thread; borrows
// the file, which must be open for writing.
#pragma once

#include "base/file.h"

namespace base {

class DirectWriter {
 public:
  static constexpr uint64_t cached_bytes = 8 * MiB;

  DirectWriter() : buffer_(buffer_bytes) {}
  // Starts over with this file, at its first byte.
  void begin(File& file);
  void write(ByteView bytes);
  // Writes what is still held; the file then ends with the last byte written. Not durable before
  // file.sync().
  void finish();

 private:
  static constexpr size_t buffer_bytes = 1 * MiB;
  void flush();
  void set_direct(bool on);

  AlignedBuffer buffer_;
  File* file_ = nullptr;
  size_t used_ = 0;
  uint64_t written_ = 0;
  bool direct_ = false;
};

}  // namespace base
