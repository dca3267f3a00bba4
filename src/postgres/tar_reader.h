// The tar that PostgreSQL writes: ustar with files, folders and links, numbers octal or base-256.
// Fed with pieces as they come from the network; content is handed on where it lies, never
// gathered. Source: PostgreSQL src/port/tar.c; POSIX, pax, "ustar Interchange Format". Belongs to
// one thread.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <variant>

#include "base/bytes.h"

namespace postgres {

inline constexpr size_t tar_block_bytes = 512;

struct TarEntry {
  enum class Kind { file, folder, link };
  std::string path;  // relative, without "." and ".." in it, and without a '/' at its end
  Kind kind;
  uint32_t mode;  // permission bits
  uint64_t size;  // 0 unless it is a file
  std::string link_target;
};

class TarReader {
 public:
  struct Content {
    base::ByteView bytes;  // within what next() was given
  };
  struct EntryEnd {};
  // An entry, its content in as many pieces as it comes in, and its end.
  using Event = std::variant<TarEntry, Content, EntryEnd>;

  // The next event; takes what it used from the front of `bytes`. Nothing once all of it is used.
  // Throws corrupt for anything that PostgreSQL would not write.
  std::optional<Event> next(base::ByteView& bytes);
  // Throws corrupt unless the archive may end here: whole entries, with or without the two blocks
  // of zeros at the end (before version 15 the server sent none).
  void finish() const;

 private:
  enum class State { header, content, padding, ended };
  std::optional<Event> take_header(base::ByteView& bytes);
  TarEntry begin_entry();

  State state_ = State::header;
  std::array<std::byte, tar_block_bytes> header_{};
  size_t header_used_ = 0;
  uint64_t content_left_ = 0;
  size_t padding_left_ = 0;
};

}  // namespace postgres
