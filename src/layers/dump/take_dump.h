// Takes one dump of a database: pg_dump's custom archive into a store, and a record beside it.
// docs/formats/dump.md.
//
//   our session ── exports a snapshot ──> pg_dump ── archive ──> scanner ──> store
//        └── counts rows under it                                  └── offsets, table of contents
//                          both well, and the contents as the catalog ──> name ──> read back ──>
//                          record
#pragma once

#include <atomic>
#include <functional>

#include "base/phase_clock.h"
#include "policy/table_pattern.h"
#include "policy/zone.h"
#include "repository/dump_record.h"

namespace layers {

struct DumpRequest {
  std::string url;  // libpq's; its secrets reach pg_dump by environment alone
  std::string tier;
  std::optional<base::Instant> slot;  // nothing: asked for by hand
  policy::Zone zone;
  std::vector<policy::TablePattern> left_out;
  int compress = 9;
  bool roles_with_passwords = false;
  bool again = false;                  // take another one of a day that has its dump
  std::optional<base::Path> programs;  // where pg_dump is; nothing: looked for
  // Called when the archive is stored, before its record makes it a dump; what it throws leaves an
  // archive that is none, for prune to remove.
  std::function<void()> before_record;
};

// Told as it goes; read by another thread.
struct DumpProgress {
  base::PhaseClock phase{"connecting"};
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> tables_total{0};
  std::atomic<uint64_t> tables_counted{0};
  std::atomic<uint64_t> bytes_read_back{0};
};

// A table of contents larger than this stays without offsets.
inline constexpr uint64_t dump_head_bytes_max = 64 * base::MiB;

// Blocks until the dump and its record are stored. Throws conflict when the day has its dump,
// invalid for a pooled connection or a pg_dump older than the server, corrupt when what pg_dump
// wrote is not what the catalog says. Whatever is thrown before the archive is checked leaves no
// object.
repository::DumpRecord take_dump(storage::ObjectStore& store, const DumpRequest& request,
                                 DumpProgress& progress, std::stop_token stop);

}  // namespace layers
