// Positions in the write-ahead log and the names of the files it is kept in.
// Source: PostgreSQL src/include/access/{xlogdefs,xlog_internal}.h.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postgres {

// A byte position in the log of one timeline.
struct Lsn {
  uint64_t value = 0;
  auto operator<=>(const Lsn&) const = default;
  explicit operator bool() const { return value != 0; }  // 0 is no position
};
std::string to_string(Lsn lsn);        // "16/B374D848"
Lsn parse_lsn(std::string_view text);  // throws invalid

struct LsnRange {
  Lsn start;  // inclusive
  Lsn end;    // exclusive
};

// A branch of history; the first is 1.
struct Timeline {
  uint32_t value = 0;
  auto operator<=>(const Timeline&) const = default;
};

// The size of a segment file, chosen at initdb: a power of two from 1 MiB to 1 GiB.
bool is_segment_size(uint64_t bytes);

// One segment file of one timeline.
struct WalSegment {
  Timeline timeline;
  uint64_t number = 0;  // lsn / segment size
  auto operator<=>(const WalSegment&) const = default;

  std::string name(uint64_t segment_bytes) const;  // 24 hexadecimal digits
  Lsn start(uint64_t segment_bytes) const { return {number * segment_bytes}; }
  Lsn end(uint64_t segment_bytes) const { return {(number + 1) * segment_bytes}; }
};
// The segment that holds the byte at `lsn`.
WalSegment segment_at(Timeline timeline, Lsn lsn, uint64_t segment_bytes);
// The segment that holds the byte before `lsn`, which is how an end of a range is meant.
WalSegment segment_before(Timeline timeline, Lsn lsn, uint64_t segment_bytes);
// Throws invalid when `name` is not one, or cannot be one at this segment size.
WalSegment parse_segment_name(std::string_view name, uint64_t segment_bytes);

// The files that PostgreSQL archives.
enum class WalFileKind {
  segment,         // 000000010000000000000001
  partial,         // 000000010000000000000001.partial: the last segment of a timeline that ended
  history,         // 00000002.history
  backup_history,  // 000000010000000000000002.00000028.backup
};
struct WalFileName {
  WalFileKind kind{};
  Timeline timeline;
  std::string text;          // as given
  std::string segment_name;  // the 24 digits; empty for a history file
};
// Nothing when PostgreSQL gives no file such a name.
std::optional<WalFileName> parse_wal_file_name(std::string_view name);

std::string history_file_name(Timeline timeline);

}  // namespace postgres
