// `seawall wal audit`: what the archive holds, where it has holes, what in it is damaged.
#pragma once

#include <atomic>

#include "repository/wal_archive.h"

namespace layers {

struct AuditHole {
  postgres::Timeline timeline;
  std::string first;  // segment names
  std::string last;
  uint64_t segments;
  uint64_t bytes;
  // The time that cannot be reached: between the last commit before it and the first behind it,
  // where both are known.
  std::optional<base::Instant> after;
  std::optional<base::Instant> before;
};

struct AuditDamage {
  std::string key;
  std::string what;
};

struct AuditTimeline {
  postgres::Timeline timeline;
  std::optional<postgres::Timeline> parent;
  postgres::Lsn forked_at;
  std::string first;
  std::string last;
  uint64_t segments;
  uint64_t stored_bytes;
  std::optional<base::Instant> last_commit;
  std::optional<base::Instant> newest_object;
};

struct AuditReport {
  repository::EpochNumber epoch;
  std::vector<AuditTimeline> timelines;
  std::vector<AuditHole> holes;
  std::vector<AuditDamage> damage;
  uint64_t objects_read = 0;
};

struct AuditProgress {
  std::atomic<uint64_t> bytes_total{0};
  std::atomic<uint64_t> bytes_done{0};
};

// Reads every WAL object of the epoch with this many threads, unless `names_only`.
AuditReport audit_wal(const repository::Repository& repository, const repository::Epoch& epoch,
                      bool names_only, unsigned threads, AuditProgress& progress,
                      std::stop_token stop);

}  // namespace layers
