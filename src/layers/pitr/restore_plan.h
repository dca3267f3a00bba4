// What a restore is going to do: which snapshot, which WAL, up to where. Made before a byte moves,
// shown to the user, and carried by restore_command, so that a segment missing within it is an
// error and not the end of the log.
#pragma once

#include <variant>

#include "repository/snapshot_root.h"
#include "repository/wal_archive.h"

namespace layers {

// Where a restore is to end.
struct TargetLatest {};  // the end of the archived log
struct TargetSnapshot {
  std::string id;
};  // a snapshot's own end, nothing after it
struct TargetTime {
  base::Instant time;
};  // the last transaction that ended at or before it
struct TargetLsn {
  postgres::Lsn lsn;
};
struct TargetXid {
  uint32_t xid;
};
struct TargetName {
  std::string name;
};  // pg_create_restore_point()
using RestoreTarget =
    std::variant<TargetLatest, TargetSnapshot, TargetTime, TargetLsn, TargetXid, TargetName>;
std::string describe(const RestoreTarget& target);

// Segments `first` to `last` of one timeline, all of which the restore reads.
struct WalLeg {
  postgres::Timeline timeline;
  uint64_t first = 0;
  uint64_t last = 0;
};

struct RestorePlan {
  repository::Epoch epoch;
  repository::SnapshotRoot snapshot;
  RestoreTarget target;
  postgres::Timeline timeline;   // on which recovery ends
  std::vector<WalLeg> legs;      // oldest first
  bool last_is_partial = false;  // the last segment is there only in part, as streamed
  uint64_t wal_stored_bytes = 0;
  std::optional<postgres::Lsn> ends_at;  // where the target was found in the log
  // Recovery stops at the first record behind most targets. Where the log has none, this is the
  // begin of its last record, to stop behind.
  std::optional<postgres::Lsn> last_record;
  std::optional<base::Instant> last_commit;  // at or before the target
};

struct PlanRequest {
  RestoreTarget target = TargetLatest{};
  std::optional<postgres::Timeline> timeline;  // else the one the target lies on, if it is only one
  std::optional<repository::EpochNumber> epoch;
};

// Throws invalid when the target is outside what can be reached (the message says the window), or
// lies on two timelines; corrupt when there is a hole in the log on the way; absent when there is
// no snapshot to start from.
RestorePlan plan_restore(const repository::Repository& repository, const PlanRequest& request,
                         std::stop_token stop);

base::Json to_json(const RestorePlan& plan);

}  // namespace layers
