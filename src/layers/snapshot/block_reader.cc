#include "layers/snapshot/block_reader.h"

#include <fcntl.h>
#include <sys/uio.h>

#include "base/error.h"

namespace layers {

bool BlockReader::open(const base::Path& path) {
  if (file_ && file_.path() == path) return true;
  std::optional<base::File> file = base::File::open_if_there(path, O_RDONLY | O_NOFOLLOW);
  if (!file) return false;
  file_ = std::move(*file);
  posix_fadvise(file_.descriptor(), 0, 0,
                POSIX_FADV_RANDOM);  // what we read is all we want: no reading ahead
  return true;
}

size_t BlockReader::read(uint64_t offset, base::ByteSpan out) {
  // What comes without waiting was in the page cache before us.
  size_t cached = 0;
  while (no_wait_works_ && cached < out.size()) {
    const iovec part{out.data() + cached, out.size() - cached};
    const ssize_t got =
        preadv2(file_.descriptor(), &part, 1, static_cast<off_t>(offset + cached), RWF_NOWAIT);
    if (got > 0) {
      cached += static_cast<size_t>(got);
    } else if (got == 0) {
      return cached;
    } else if (errno == EAGAIN) {
      break;
    } else if (errno == EOPNOTSUPP || errno == ENOSYS) {
      no_wait_works_ = false;  // this file system cannot tell; then nothing is dropped
    } else if (errno != EINTR) {
      base::throw_errno(
          fmt::format("reading {} at byte {}", file_.path().string(), offset + cached));
    }
  }
  if (cached == out.size()) return cached;
  const size_t read = file_.read_at(offset + cached, out.subspan(cached));
  if (no_wait_works_ && read > 0) {
    posix_fadvise(file_.descriptor(), static_cast<off_t>(offset + cached), static_cast<off_t>(read),
                  POSIX_FADV_DONTNEED);
  }
  return cached + read;
}

}  // namespace layers
