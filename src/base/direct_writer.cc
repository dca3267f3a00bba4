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

// Writes the full buffer. Once enough was written, the body is known to be a long one.
void DirectWriter::flush() {
  if (written_ < cached_bytes) {
    file_->write_all_at(written_, {buffer_.data(), used_});
    // Only starts the writing; where it cannot be started so, sync() does all of it.
    sync_file_range(file_->descriptor(), static_cast<off_t>(written_), static_cast<off_t>(used_),
                    SYNC_FILE_RANGE_WRITE);
    written_ += used_;
    used_ = 0;
    return;
  }
  if (written_ == cached_bytes) set_direct(true);
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
