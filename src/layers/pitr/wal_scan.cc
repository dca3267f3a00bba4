#include "layers/pitr/wal_scan.h"

#include "base/error.h"
#include "base/task_group.h"

namespace layers {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::WalRecord;
using postgres::WalSegment;
using repository::WalArchive;

namespace {

// The path's segments. A segment in which the path changes timelines is read from the newer one,
// whose copy holds the older one's bytes up to the fork, or where that was never archived, from the
// older.
postgres::WalReader::Source path_source(const WalArchive& archive, const TimelineHistory& history,
                                        std::stop_token stop) {
  return [&archive, &history, stop](uint64_t number) -> std::optional<base::Bytes> {
    base::throw_if_stopped(stop);
    const uint64_t size = archive.epoch().segment_bytes;
    for (auto leg = history.legs().rbegin(); leg != history.legs().rend(); ++leg) {
      const WalSegment segment{leg->timeline, number};
      if (segment.end(size) <= leg->begin || segment.start(size) >= leg->end) continue;
      std::optional<base::Bytes> bytes =
          archive.fetch_segment(segment, WalArchive::Partial::zero_fill, stop);
      if (bytes) return bytes;
    }
    return std::nullopt;
  };
}

std::optional<WalMoment> moment_of(const WalRecord& record) {
  if (const std::optional<base::Instant> time = record.commit_time())
    return WalMoment{record.begin, record.end, *time, record.xid, {}};
  if (std::optional<WalRecord::RestorePoint> point = record.restore_point()) {
    return WalMoment{record.begin, record.end, point->time, 0, std::move(point->name)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<WalSegment> segment_on_path(const TimelineHistory& history, uint64_t number,
                                          uint64_t segment_bytes) {
  for (auto leg = history.legs().rbegin(); leg != history.legs().rend(); ++leg) {
    const WalSegment segment{leg->timeline, number};
    if (segment.end(segment_bytes) > leg->begin && segment.start(segment_bytes) < leg->end)
      return segment;
  }
  return std::nullopt;
}

WalEnd scan_records(const WalArchive& archive, const TimelineHistory& history, Lsn from,
                    const std::function<bool(const WalRecord&)>& visit, std::stop_token stop) {
  postgres::WalReader reader = postgres::WalReader::first_record_after(
      path_source(archive, history, stop), archive.epoch().segment_bytes, from);
  while (const std::optional<WalRecord> record = reader.next()) {
    if (!visit(*record)) return {record->end, {}};
  }
  return {reader.position(), reader.why_ended()};
}

Lsn scan_wal(const WalArchive& archive, const TimelineHistory& history, Lsn from,
             const std::function<bool(const WalMoment&)>& visit, std::stop_token stop) {
  const auto visit_record = [&](const WalRecord& record) {
    if (record.new_wal_level() == 0) {
      throw base::Error(
          base::ErrorKind::corrupt,
          fmt::format(
              "the server ran with wal_level=minimal from {} on: that stretch cannot be replayed",
              to_string(record.begin)),
          "start from a snapshot taken after it");
    }
    const std::optional<WalMoment> moment = moment_of(record);
    return !moment || visit(*moment);
  };
  return scan_records(archive, history, from, visit_record, stop).position;
}

std::optional<Lsn> last_record_before_end(const WalArchive& archive, const TimelineHistory& history,
                                          Lsn from, Lsn position, std::stop_token stop) {
  std::optional<Lsn> last;
  const auto visit = [&](const WalRecord& record) {
    last = record.begin;
    return record.begin < position;
  };
  const uint64_t size = archive.epoch().segment_bytes;
  const Lsn segment{(position.value - 1) / size * size};
  scan_records(archive, history, std::max(from, segment), visit, stop);
  if (!last) scan_records(archive, history, from, visit, stop);  // no record begins in the segment
  return last && *last < position ? last : std::nullopt;
}

std::optional<WalMoment> last_commit(const WalArchive& archive, const TimelineHistory& history,
                                     Lsn from, std::stop_token stop) {
  // From the newest segment backwards, until one holds a commit.
  const uint64_t size = archive.epoch().segment_bytes;
  const uint64_t first = from.value / size;
  const std::map<uint64_t, repository::SegmentHolding> held =
      archive.holdings(history.timeline(), stop);
  uint64_t last = held.empty() ? first : held.rbegin()->first;
  for (; last >= first; --last) {
    std::optional<WalMoment> found;
    const Lsn begin{std::max(from.value, last * size)};
    postgres::WalReader reader =
        postgres::WalReader::first_record_after(path_source(archive, history, stop), size, begin);
    while (const std::optional<WalRecord> record = reader.next()) {
      if (record->begin.value >= (last + 1) * size) break;
      if (std::optional<WalMoment> moment = moment_of(*record);
          moment && moment->restore_point.empty())
        found = moment;
    }
    if (found) return found;
    if (last == 0) break;
  }
  return std::nullopt;
}

}  // namespace layers
