// An archive on its way from pg_dump into a store: scanned as it passes, its head held back so that
// it can get its offsets. Belongs to one thread.
#pragma once

#include <memory>

#include "crypto/digest.h"
#include "layers/dump/archive_toc.h"
#include "storage/object_store.h"

namespace layers {

struct StoredArchive {
  uint64_t size = 0;
  std::optional<std::string> sha256;       // of what was read back; nothing: that was denied
  std::optional<std::string> head_sha256;  // of what was written last; nothing: all came in order
  std::string rest_sha256;
  uint64_t head_bytes = 0;
  bool offsets = false;
};

class ArchiveWriter {
 public:
  // Borrows the store. `visit` gets each entry of the table of contents.
  ArchiveWriter(storage::ObjectStore& store, storage::ObjectKey key, uint64_t head_bytes_max,
                std::function<void(const TocEntry&)> visit, std::stop_token stop);

  // Throws corrupt; what the store throws.
  void write(base::ByteView bytes);
  // Says that the archive is whole. Throws corrupt when it is not.
  void finish();
  // Gives it its name. Throws conflict when that is taken.
  void commit();
  // Reads it back from the store; `progress` is told the bytes read. A store that lets us put and
  // not get is only asked for the size. Throws corrupt when it is not what was written.
  StoredArchive read_back(const std::function<void(uint64_t)>& progress);

  const ArchiveScanner& scanner() const { return scanner_; }

 private:
  void begin(bool with_offsets);
  std::string read_whole(const std::string& rest, const std::function<void(uint64_t)>& progress);
  void require_listed();

  storage::ObjectStore& store_;
  storage::ObjectKey key_;
  uint64_t head_bytes_max_;
  std::stop_token stop_;
  ArchiveScanner scanner_;
  base::Bytes held_;  // until the head is complete; then the head alone
  std::unique_ptr<storage::ObjectWriter> writer_;
  bool with_offsets_ = false;
  uint64_t size_ = 0;
  crypto::Sha256 rest_;  // of what is behind the held head
};

}  // namespace layers
