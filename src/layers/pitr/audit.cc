#include "layers/pitr/audit.h"

#include <mutex>

#include "base/error.h"
#include "base/task_group.h"
#include "layers/pitr/wal_scan.h"

namespace layers {

using base::ErrorKind;
using postgres::Timeline;
using postgres::WalSegment;
using repository::SegmentHolding;
using repository::WalArchive;

namespace {

using Held = std::map<uint64_t, SegmentHolding>;

class Auditor {
 public:
  Auditor(const repository::Repository& repository, const repository::Epoch& epoch,
          std::stop_token stop)
      : repository_(repository),
        archive_(repository, epoch),
        size_(epoch.segment_bytes),
        stop_(std::move(stop)) {
    report_.epoch = epoch.number;
  }

  AuditReport run(bool names_only, unsigned threads, AuditProgress& progress) {
    if (!names_only) read_all(threads, progress);
    for (const Timeline timeline : archive_.timelines(stop_)) {
      const Held held = archive_.holdings(timeline, stop_);
      if (held.empty()) continue;
      const postgres::TimelineHistory history = archive_.history(timeline, stop_);
      describe(timeline, held, history);
      find_holes(timeline, held, history);
    }
    return std::move(report_);
  }

 private:
  std::string name(Timeline timeline, uint64_t number) const {
    return WalSegment{timeline, number}.name(size_);
  }

  void describe(Timeline timeline, const Held& held, const postgres::TimelineHistory& history) {
    AuditTimeline row{.timeline = timeline,
                      .parent = {},
                      .forked_at = {},
                      .first = name(timeline, held.begin()->first),
                      .last = name(timeline, held.rbegin()->first),
                      .segments = held.size(),
                      .stored_bytes = 0,
                      .last_commit = last_commit_in(held, history, held.rbegin()->first),
                      .newest_object = {}};
    const auto& legs = history.legs();
    if (legs.size() > 1) {
      row.parent = legs[legs.size() - 2].timeline;
      row.forked_at = legs.back().begin;
    }
    for (const auto& [number, holding] : held) {
      row.stored_bytes += holding.stored_bytes;
      row.newest_object =
          std::max(row.newest_object.value_or(holding.stored_at), holding.stored_at);
    }
    report_.timelines.push_back(std::move(row));
  }

  void find_holes(Timeline timeline, const Held& held, const postgres::TimelineHistory& history) {
    uint64_t expected = held.begin()->first;
    for (const auto& [number, holding] : held) {
      if (number > expected) add_hole(timeline, held, history, expected, number - 1);
      const bool is_last = number == held.rbegin()->first;
      if (!is_last && holding.covered_bytes < size_)
        add_hole(timeline, held, history, number, number);
      expected = number + 1;
    }
  }

  void add_hole(Timeline timeline, const Held& held, const postgres::TimelineHistory& history,
                uint64_t first, uint64_t last) {
    AuditHole hole{.timeline = timeline,
                   .first = name(timeline, first),
                   .last = name(timeline, last),
                   .segments = last - first + 1,
                   .bytes = (last - first + 1) * size_,
                   .after = {},
                   .before = {}};
    if (first > held.begin()->first) hole.after = last_commit_in(held, history, first - 1);
    hole.before = first_commit_after(history, last + 1);
    report_.holes.push_back(std::move(hole));
  }

  // The last commit in segment `from`, or in the nearest one before it that has one.
  std::optional<base::Instant> last_commit_in(const Held& held,
                                              const postgres::TimelineHistory& history,
                                              uint64_t from) {
    for (uint64_t number = from;; --number) {
      if (!held.contains(number)) return std::nullopt;
      std::optional<base::Instant> found;
      quietly([&] {
        scan_wal(
            archive_, history, {number * size_},
            [&](const WalMoment& moment) {
              if (moment.end.value > (number + 1) * size_) return false;
              if (moment.restore_point.empty()) found = moment.time;
              return true;
            },
            stop_);
      });
      if (found || number == 0) return found;
    }
  }

  std::optional<base::Instant> first_commit_after(const postgres::TimelineHistory& history,
                                                  uint64_t number) {
    std::optional<base::Instant> found;
    quietly([&] {
      scan_wal(
          archive_, history, {number * size_},
          [&](const WalMoment& moment) {
            if (moment.restore_point.empty()) found = moment.time;
            return !found;
          },
          stop_);
    });
    return found;
  }

  // A damaged segment is in the report by its own name; here it only hides a time.
  void quietly(const std::function<void()>& scan) const {
    try {
      scan();
    } catch (const base::Error& failure) {
      if (failure.kind() != ErrorKind::corrupt && failure.kind() != ErrorKind::conflict) throw;
    }
  }

  void read_all(unsigned threads, AuditProgress& progress) {
    const std::vector<storage::ObjectInfo> objects =
        storage::list_all(repository_.store(), repository::wal_prefix(report_.epoch), stop_);
    for (const storage::ObjectInfo& object : objects) progress.bytes_total += object.size;
    report_.objects_read = objects.size();
    std::atomic<size_t> next{0};
    std::mutex mutex;
    base::TaskGroup tasks(stop_);
    tasks.spawn("audit", threads, [&](std::stop_token own) {
      for (size_t i = next++; i < objects.size(); i = next++) {
        try {
          archive_.check_object(objects[i], own);
        } catch (const base::Error& failure) {
          if (failure.kind() == ErrorKind::cancelled || failure.kind() == ErrorKind::unavailable)
            throw;
          const std::lock_guard lock(mutex);
          report_.damage.push_back({objects[i].key.text(), failure.message()});
        }
        progress.bytes_done += objects[i].size;
      }
    });
    tasks.join();
    std::ranges::sort(report_.damage, {}, &AuditDamage::key);
  }

  const repository::Repository& repository_;
  WalArchive archive_;
  uint64_t size_;
  std::stop_token stop_;
  AuditReport report_;
};

}  // namespace

AuditReport audit_wal(const repository::Repository& repository, const repository::Epoch& epoch,
                      bool names_only, unsigned threads, AuditProgress& progress,
                      std::stop_token stop) {
  return Auditor(repository, epoch, std::move(stop)).run(names_only, threads, progress);
}

}  // namespace layers
