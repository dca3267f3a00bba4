// Re-reads what a repository holds: every object, every block. Lists all that is wrong instead of
// stopping at the first.
#pragma once

#include <atomic>

#include "repository/snapshot_root.h"

namespace repository {

struct Damage {
  std::string key;
  std::string what;
  std::vector<std::string> snapshots;  // that cannot be restored because of it
};

struct VerifyReport {
  uint64_t objects = 0;
  uint64_t bytes = 0;
  uint64_t blocks = 0;
  std::vector<Damage> damage;
};

struct VerifyProgress {
  std::atomic<uint64_t> bytes_total{0};
  std::atomic<uint64_t> bytes_done{0};
};

// Reads all of the repository with this many threads. Throws what listing throws, and denied where
// no object of a class may be read; what is wrong with an object is in the report.
VerifyReport verify(const Repository& repository, unsigned threads, VerifyProgress& progress,
                    std::stop_token stop);

}  // namespace repository
