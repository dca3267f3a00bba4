// Looking for moments in the archived log: commits, restore points, transactions.
#pragma once

#include "repository/wal_archive.h"

namespace layers {

// A transaction's end, or a restore point, in the log.
struct WalMoment {
  postgres::Lsn begin;
  postgres::Lsn end;
  base::Instant time;
  uint32_t xid = 0;
  std::string restore_point;  // empty for a transaction
};

// Calls `visit` for each moment from `from` on along `history`, up to the end of what is archived
// or until it returns false. Gives the position where the log ended, or where the visitor stopped.
// Throws corrupt when the log crosses a stretch of wal_level=minimal, which cannot be replayed.
postgres::Lsn scan_wal(const repository::WalArchive& archive,
                       const postgres::TimelineHistory& history, postgres::Lsn from,
                       const std::function<bool(const WalMoment&)>& visit, std::stop_token stop);

// The same for every record. Gives where it ended and why.
struct WalEnd {
  postgres::Lsn position;
  std::string why;  // empty: the visitor stopped
};
WalEnd scan_records(const repository::WalArchive& archive, const postgres::TimelineHistory& history,
                    postgres::Lsn from,
                    const std::function<bool(const postgres::WalRecord&)>& visit,
                    std::stop_token stop);

// The begin of the last record archived on this path, if that is before `position`; nothing when a
// record begins there or behind. `from` is where one begins that is read if nothing nearer helps.
std::optional<postgres::Lsn> last_record_before_end(const repository::WalArchive& archive,
                                                    const postgres::TimelineHistory& history,
                                                    postgres::Lsn from, postgres::Lsn position,
                                                    std::stop_token stop);

// The last transaction's end that is archived on this path at or after `from`; nothing when there
// is none.
std::optional<WalMoment> last_commit(const repository::WalArchive& archive,
                                     const postgres::TimelineHistory& history, postgres::Lsn from,
                                     std::stop_token stop);

// The timeline whose archived segment `number` is read on this path: the newest of it that has one.
std::optional<postgres::WalSegment> segment_on_path(const postgres::TimelineHistory& history,
                                                    uint64_t number, uint64_t segment_bytes);

}  // namespace layers
