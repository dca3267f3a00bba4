// A new tar archive in a file, compressed: any tar reads it. POSIX.1-2001 (pax).
#pragma once

#include <memory>

#include "base/file.h"

namespace app {

class TarFile {
 public:
  enum class Packing { zstd, gzip };
  // By the end of the name: ".tar.zst", ".tar.gz", ".tgz". Throws invalid for another.
  static Packing packing_of(const base::Path& path);

  // Throws conflict when the file is there already.
  TarFile(const base::Path& path, base::Instant now);
  // Unfinished, it is removed.
  ~TarFile();
  TarFile(const TarFile&) = delete;
  TarFile& operator=(const TarFile&) = delete;

  void add(const std::string& path, base::ByteView content);
  // Ends it; durable on return.
  void finish();
  uint64_t bytes() const { return written_; }

 private:
  void put(base::ByteView plain);
  void flush(bool last);
  void header(const std::string& path, char type, uint64_t size);

  base::Path path_;
  Packing packing_;
  base::File file_;
  base::Instant now_;
  base::Bytes buffer_;
  uint64_t written_ = 0;
  bool finished_ = false;
};

}  // namespace app
