#include "base/direct_writer.h"

#include <fcntl.h>

#include <algorithm>

#include "base/error.h"

namespace base {

void DirectWriter::begin(File& file) {
  file_ = &file;
  used_ = 0;
  written_ = 0;
  direct_ = false;
}

void DirectWriter::write(ByteView bytes) {
  while (!bytes.empty()) {
    const size_t take = std::min(bytes.size(), buffer_.size() - used_);
    std::memcpy(buffer_.data() + used_, bytes.data(), take);
    used_ += take;
    bytes = bytes.subspan(take);
    if (used_ == buffer_.size()) flush();
  }
}

void DirectWriter::set_direct(bool on) {
  const int flags = fcntl(file_->descriptor(), F_GETFL);
  direct_ =
      fcntl(file_->descriptor(), F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0 && on;
}

// Writes the full buffer. Only now is it known that the body is long enough to go past the page
// cache.
void DirectWriter::flush() {
  if (written_ == 0) set_direct(true);
  try {
    file_->write_all_at(written_, {buffer_.data(), used_});
  } catch (const Error& failure) {
    if (!direct_ || failure.kind() != ErrorKind::invalid) throw;
    set_direct(false);  // this file system takes the flag but not the write
    file_->write_all_at(written_, {buffer_.data(), used_});
  }
  written_ += used_;
  used_ = 0;
}

void DirectWriter::finish() {
  if (direct_) set_direct(false);
  file_->write_all_at(written_, {buffer_.data(), used_});
  written_ += used_;
  used_ = 0;
}

}  // namespace base
