// Reads stretches of data files beside a running server, leaving the page cache as it was: what was
// cached stays, what was not is dropped again. Belongs to one thread.
#pragma once

#include "base/file.h"

namespace layers {

class BlockReader {
 public:
  // Opens the file unless it is the one already open; false when it is not there (dropped beside
  // us).
  bool open(const base::Path& path);
  // Fills `out` from `offset`; fewer bytes where the file ends. Throws what reading throws: never
  // mistaken for an end.
  size_t read(uint64_t offset, base::ByteSpan out);

 private:
  base::File file_;
  bool no_wait_works_ = true;
};

}  // namespace layers
