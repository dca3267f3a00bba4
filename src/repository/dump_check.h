// Whether an archive's bytes are what its record says, taken as they pass. docs/formats/dump.md.
// Belongs to one thread.
#pragma once

#include "crypto/digest.h"
#include "repository/dump_record.h"

namespace repository {

class DumpCheck {
 public:
  // Borrows the record.
  explicit DumpCheck(const DumpRecord& record) : record_(record) {}

  // The archive's bytes, in order.
  void update(base::ByteView bytes);
  // Throws corrupt when they are not the recorded ones: size, and every digest that is recorded.
  void finish();

 private:
  uint64_t head_bytes() const { return record_.offsets ? record_.head_bytes : 0; }

  const DumpRecord& record_;
  uint64_t size_ = 0;
  crypto::Sha256 whole_;
  crypto::Sha256 head_;
  crypto::Sha256 rest_;
};

}  // namespace repository
