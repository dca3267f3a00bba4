#include "layers/pitr/restore_plan.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "layers/pitr/wal_scan.h"

namespace layers {

using base::Error;
using base::ErrorKind;
using postgres::Lsn;
using postgres::Timeline;
using postgres::TimelineHistory;
using repository::Repository;
using repository::SnapshotRoot;
using repository::WalArchive;

namespace {

template <typename... Cases>
struct Match : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Match(Cases...) -> Match<Cases...>;

struct Reach {
  Lsn end;                        // of the archived log on this path
  std::optional<WalMoment> last;  // the last commit in it
};

class Planner {
 public:
  Planner(const Repository& repository, const PlanRequest& request, std::stop_token stop)
      : repository_(repository),
        request_(request),
        stop_(std::move(stop)),
        epoch_(choose_epoch()),
        archive_(repository, epoch_) {
    read_snapshots();
    std::ranges::sort(snapshots_, {}, &SnapshotRoot::stopped);
    if (snapshots_.empty()) {
      throw Error(
          ErrorKind::absent,
          fmt::format("there is no snapshot in {} to restore from", repository.store().url()),
          "'seawall backup snapshots' takes one; a dump restores with 'seawall restore dump'");
    }
  }

  RestorePlan plan() {
    if (const TargetSnapshot* by_id = std::get_if<TargetSnapshot>(&request_.target))
      return plan_snapshot(by_id->id);
    const TimelineHistory history = choose_path();
    return plan_on(history);
  }

 private:
  repository::Epoch choose_epoch() const {
    const std::vector<repository::Epoch> all = repository_.epochs(stop_);
    if (all.empty()) {
      throw base::error(ErrorKind::absent, "the repository at {} holds nothing yet",
                        repository_.store().url());
    }
    if (!request_.epoch) return all.back();
    for (const repository::Epoch& epoch : all) {
      if (epoch.number == *request_.epoch) return epoch;
    }
    throw base::error(ErrorKind::absent, "there is no epoch {}", request_.epoch->value);
  }

  // A root that cannot be read is passed over: another snapshot and more WAL come to the same
  // moment. Who asks for that very snapshot is refused.
  void read_snapshots() {
    std::optional<Error> first_failure;
    for (const std::string& id : repository::snapshot_ids(repository_, epoch_.number, stop_)) {
      try {
        snapshots_.push_back(repository::read_snapshot(repository_, epoch_.number, id, stop_));
      } catch (const Error& failure) {
        const TargetSnapshot* by_id = std::get_if<TargetSnapshot>(&request_.target);
        // invalid: of a newer seawall, as a flipped bit of its version says too.
        const bool unreadable =
            failure.kind() == ErrorKind::corrupt || failure.kind() == ErrorKind::invalid;
        if (!unreadable || (by_id != nullptr && by_id->id == id)) throw;
        base::warn("snapshot {} is passed over: {}", id, failure.message());
        if (!first_failure) first_failure = failure;
      }
    }
    if (snapshots_.empty() && first_failure) throw *first_failure;
  }

  // The path to restore along: the one asked for, or the only one there is. Where history branched,
  // a moment after the fork lies on several, and nobody but the user knows which is meant.
  TimelineHistory choose_path() const {
    if (request_.timeline) return archive_.history(*request_.timeline, stop_);
    std::vector<TimelineHistory> leaves;
    const std::vector<Timeline> timelines = archive_.timelines(stop_);
    for (const Timeline timeline : timelines) leaves.push_back(archive_.history(timeline, stop_));
    std::erase_if(leaves, [&](const TimelineHistory& path) {
      return std::ranges::any_of(leaves, [&](const TimelineHistory& other) {
        return other.timeline() != path.timeline() && is_superseded_by(path, other);
      });
    });
    // Of paths that are the same up to the target, one is enough: the oldest.
    for (size_t i = leaves.size(); i-- > 0;) {
      const bool same = std::ranges::any_of(leaves, [&](const TimelineHistory& other) {
        return other.timeline() != leaves[i].timeline() && adds_nothing(leaves[i], other);
      });
      if (same) leaves.erase(leaves.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (leaves.empty()) return TimelineHistory(snapshots_.back().timeline);
    if (leaves.size() == 1) return leaves.front();
    std::string list;
    for (const TimelineHistory& path : leaves) list += fmt::format(" {}", path.timeline().value);
    throw Error(
        ErrorKind::invalid,
        fmt::format("history branched: the target may lie on timelines{}", list),
        "say which is meant with --timeline N; 'seawall wal audit' shows where they branched");
  }

  // Where two paths part.
  static Lsn parting(const TimelineHistory& path, const TimelineHistory& other) {
    Lsn parted{};
    for (size_t i = 0; i < std::min(path.legs().size(), other.legs().size()); ++i) {
      if (path.legs()[i].timeline != other.legs()[i].timeline) break;
      parted = std::min(path.legs()[i].end, other.legs()[i].end);
    }
    return parted;
  }

  // Whether `path` has nothing of its own up to the target: it parted from `other` behind it, or
  // nothing was committed on it between.
  bool adds_nothing(const TimelineHistory& path, const TimelineHistory& other) const {
    const Lsn parted = parting(path, other);
    if (const auto* lsn = std::get_if<TargetLsn>(&request_.target)) return lsn->lsn <= parted;
    const auto* target = std::get_if<TargetTime>(&request_.target);
    if (target == nullptr) return false;
    bool adds = false;
    scan_wal(
        archive_, path, parted,
        [&](const WalMoment& moment) {
          adds = moment.time <= target->time;
          return false;
        },
        stop_);
    return !adds;
  }

  // Whether `other` branched off `path` and no transaction ended on `path` after that.
  bool is_superseded_by(const TimelineHistory& path, const TimelineHistory& other) const {
    for (const TimelineHistory::Leg& leg : other.legs()) {
      if (leg.timeline != path.timeline()) continue;
      bool goes_on = false;
      scan_wal(
          archive_, path, leg.end, [&](const WalMoment&) { return !(goes_on = true); }, stop_);
      return !goes_on;
    }
    return false;
  }

  const SnapshotRoot& snapshot_of_id(const std::string& id) const {
    for (const SnapshotRoot& root : snapshots_) {
      if (root.id == id) return root;
    }
    throw Error(ErrorKind::absent, fmt::format("there is no snapshot {}", id),
                "'seawall list' shows those there are");
  }

  RestorePlan plan_snapshot(const std::string& id) {
    const SnapshotRoot& root = snapshot_of_id(id);
    RestorePlan plan{
        .epoch = epoch_, .snapshot = root, .target = request_.target, .timeline = root.timeline};
    plan.ends_at = root.stop_lsn;
    const TimelineHistory history(root.timeline);
    add_legs(plan, history, root.stop_lsn);
    plan.last_record =
        last_record_before_end(archive_, history, root.start_lsn, root.stop_lsn, stop_);
    return plan;
  }

  // Snapshots on this path that ended before `limit` says, newest last.
  const SnapshotRoot& newest_snapshot(const TimelineHistory& history,
                                      const std::function<bool(const SnapshotRoot&)>& fits,
                                      std::string_view what) const {
    const SnapshotRoot* newest = nullptr;
    const SnapshotRoot* oldest = nullptr;
    for (const SnapshotRoot& root : snapshots_) {
      if (!history.contains(root.timeline, root.stop_lsn)) continue;
      if (oldest == nullptr) oldest = &root;
      if (fits(root)) newest = &root;
    }
    if (newest != nullptr) return *newest;
    if (oldest == nullptr) {
      throw base::error(ErrorKind::absent, "no snapshot lies on the path of timeline {}",
                        history.timeline().value);
    }
    throw Error(
        ErrorKind::invalid,
        fmt::format("{} is before the recovery window, which begins at {} ({}) with snapshot {}",
                    what, base::to_rfc3339(oldest->stopped), to_string(oldest->stop_lsn),
                    oldest->id),
        "choose a later moment");
  }

  RestorePlan plan_on(const TimelineHistory& history) {
    RestorePlan plan{
        .epoch = epoch_, .snapshot = {}, .target = request_.target, .timeline = history.timeline()};
    std::visit(Match{[&](const TargetLatest&) { plan_latest(plan, history); },
                     [&](const TargetSnapshot&) { CHECK(false); },
                     [&](const TargetTime& target) { plan_time(plan, history, target.time); },
                     [&](const TargetLsn& target) { plan_lsn(plan, history, target.lsn); },
                     [&](const TargetXid& target) {
                       plan_found(plan, history, fmt::format("transaction {}", target.xid),
                                  [&](const WalMoment& moment) {
                                    return moment.restore_point.empty() && moment.xid == target.xid;
                                  });
                     },
                     [&](const TargetName& target) {
                       plan_found(plan, history, fmt::format("restore point '{}'", target.name),
                                  [&](const WalMoment& moment) {
                                    return moment.restore_point == target.name;
                                  });
                     }},
               request_.target);
    return plan;
  }

  void plan_latest(RestorePlan& plan, const TimelineHistory& history) {
    plan.snapshot = newest_snapshot(
        history, [](const SnapshotRoot&) { return true; }, "this");
    const Lsn end = end_of_log(history, plan.snapshot.stop_lsn);
    if (const std::optional<WalMoment> last =
            last_commit(archive_, history, plan.snapshot.start_lsn, stop_)) {
      plan.last_commit = last->time;
    }
    plan.ends_at = end;
    add_legs(plan, history, end);
  }

  void plan_time(RestorePlan& plan, const TimelineHistory& history, base::Instant time) {
    plan.snapshot = newest_snapshot(
        history, [&](const SnapshotRoot& root) { return root.stopped <= time; },
        base::to_rfc3339(time));
    const std::optional<WalMoment> last =
        last_commit(archive_, history, plan.snapshot.stop_lsn, stop_);
    if (!last || last->time < time) {
      throw Error(ErrorKind::invalid,
                  fmt::format("{} is after the last transaction in the archive, which ended at {}",
                              base::to_rfc3339(time),
                              last ? base::to_rfc3339(last->time)
                                   : base::to_rfc3339(plan.snapshot.stopped)),
                  "to restore all there is: --at latest; WAL that the server has not archived yet "
                  "may still be in its pg_wal");
    }
    // Recovery stops at the first transaction that ended after the target, so the log is needed up
    // to that one.
    std::optional<Lsn> stops_at;
    scan_wal(
        archive_, history, plan.snapshot.stop_lsn,
        [&](const WalMoment& moment) {
          if (!moment.restore_point.empty()) return true;
          if (moment.time > time) {
            stops_at = moment.end;
            return false;
          }
          plan.last_commit = moment.time;
          plan.ends_at = moment.end;
          return true;
        },
        stop_);
    if (!plan.ends_at) plan.ends_at = plan.snapshot.stop_lsn;
    if (!stops_at) plan.last_record = last->begin;
    add_legs(plan, history, stops_at.value_or(last->end));
  }

  void plan_lsn(RestorePlan& plan, const TimelineHistory& history, Lsn lsn) {
    plan.snapshot = newest_snapshot(
        history, [&](const SnapshotRoot& root) { return root.stop_lsn <= lsn; }, to_string(lsn));
    const Lsn end = end_of_log(history, plan.snapshot.stop_lsn);
    if (lsn > end) {
      throw Error(ErrorKind::invalid,
                  fmt::format("{} is after the end of the archived log, {}", to_string(lsn),
                              to_string(end)),
                  "to restore all there is: --at latest");
    }
    plan.ends_at = lsn;
    add_legs(plan, history, lsn);
    plan.last_record =
        last_record_before_end(archive_, history, plan.snapshot.start_lsn, lsn, stop_);
  }

  // A target that only the log tells where it is: looked for from the newest snapshot back.
  void plan_found(RestorePlan& plan, const TimelineHistory& history, const std::string& what,
                  const std::function<bool(const WalMoment&)>& is_it) {
    Lsn scanned_from{};
    for (auto root = snapshots_.rbegin(); root != snapshots_.rend(); ++root) {
      if (!history.contains(root->timeline, root->stop_lsn)) continue;
      std::optional<WalMoment> found;
      scan_wal(
          archive_, history, root->stop_lsn,
          [&](const WalMoment& moment) {
            if (is_it(moment)) found = moment;
            return !found && (!scanned_from || moment.end <= scanned_from);
          },
          stop_);
      if (found) {
        plan.snapshot = *root;
        plan.ends_at = found->end;
        plan.last_commit = found->time;
        add_legs(plan, history, found->end);
        return;
      }
      scanned_from = root->stop_lsn;
    }
    throw Error(
        ErrorKind::invalid,
        fmt::format("{} is not in the archived log of timeline {}", what, history.timeline().value),
        "its window begins with the oldest snapshot: see 'seawall list'");
  }

  // Where the archived log ends on this path; a hole is not an end.
  Lsn end_of_log(const TimelineHistory& history, Lsn from) const {
    const std::map<uint64_t, repository::SegmentHolding> held =
        archive_.holdings(history.timeline(), stop_);
    if (held.empty()) return from;
    const Lsn last_segment{held.rbegin()->first * epoch_.segment_bytes};
    return scan_wal(
        archive_, history, std::max(from, last_segment), [](const WalMoment&) { return true; },
        stop_);
  }

  // The segments from the snapshot's start to `end`, which must all be there.
  void add_legs(RestorePlan& plan, const TimelineHistory& history, Lsn end) {
    const uint64_t size = epoch_.segment_bytes;
    const Lsn needed = std::max(end, plan.snapshot.stop_lsn);
    const uint64_t last = postgres::segment_before(history.timeline(), needed, size).number;
    std::map<Timeline, std::map<uint64_t, repository::SegmentHolding>> held;
    for (const TimelineHistory::Leg& leg : history.legs())
      held[leg.timeline] = archive_.holdings(leg.timeline, stop_);
    for (uint64_t number = plan.snapshot.start_lsn.value / size; number <= last; ++number) {
      const Timeline timeline = holder(history, number, held, number == last);
      const repository::SegmentHolding& holding = held[timeline][number];
      plan.wal_stored_bytes += holding.stored_bytes;
      if (number == last) plan.last_is_partial = holding.covered_bytes < size;
      if (!plan.legs.empty() && plan.legs.back().timeline == timeline) {
        plan.legs.back().last = number;
      } else {
        plan.legs.push_back({timeline, number, number});
      }
    }
  }

  Timeline holder(const TimelineHistory& history, uint64_t number,
                  const std::map<Timeline, std::map<uint64_t, repository::SegmentHolding>>& held,
                  bool is_last) const {
    const uint64_t size = epoch_.segment_bytes;
    for (auto leg = history.legs().rbegin(); leg != history.legs().rend(); ++leg) {
      const postgres::WalSegment segment{leg->timeline, number};
      if (segment.end(size) <= leg->begin || segment.start(size) >= leg->end) continue;
      const auto& of_timeline = held.at(leg->timeline);
      const auto at = of_timeline.find(number);
      if (at != of_timeline.end() &&
          (at->second.covered_bytes == size || (is_last && at->second.covered_bytes > 0))) {
        return leg->timeline;
      }
    }
    const std::optional<postgres::WalSegment> wanted = segment_on_path(history, number, size);
    throw Error(ErrorKind::corrupt,
                fmt::format("there is a hole in the archived log: segment {} is missing",
                            wanted ? wanted->name(size) : std::to_string(number)),
                "'seawall wal audit' lists all holes; the server may still have it in pg_wal");
  }

  const Repository& repository_;
  const PlanRequest& request_;
  std::stop_token stop_;
  repository::Epoch epoch_;
  WalArchive archive_;
  std::vector<SnapshotRoot> snapshots_;
};

}  // namespace

std::string describe(const RestoreTarget& target) {
  return std::visit(
      Match{[](const TargetLatest&) { return std::string("the end of the archived log"); },
            [](const TargetSnapshot& t) { return "snapshot " + t.id; },
            [](const TargetTime& t) { return base::to_rfc3339(t.time); },
            [](const TargetLsn& t) { return "position " + to_string(t.lsn); },
            [](const TargetXid& t) { return fmt::format("transaction {}", t.xid); },
            [](const TargetName& t) { return fmt::format("restore point '{}'", t.name); }},
      target);
}

RestorePlan plan_restore(const Repository& repository, const PlanRequest& request,
                         std::stop_token stop) {
  return Planner(repository, request, std::move(stop)).plan();
}

base::Json to_json(const RestorePlan& plan) {
  base::Json legs = base::Json::array();
  for (const WalLeg& leg : plan.legs) {
    legs.push_back({{"timeline", leg.timeline.value}, {"first", leg.first}, {"last", leg.last}});
  }
  return {{"target", describe(plan.target)},
          {"epoch", plan.epoch.number.value},
          {"snapshot", plan.snapshot.id},
          {"snapshot_stopped", base::to_rfc3339(plan.snapshot.stopped)},
          {"timeline", plan.timeline.value},
          {"bytes", plan.snapshot.totals.bytes},
          {"files", plan.snapshot.totals.files},
          {"wal", std::move(legs)},
          {"wal_stored_bytes", plan.wal_stored_bytes},
          {"last_segment_partial", plan.last_is_partial},
          {"ends_at", plan.ends_at ? base::Json(to_string(*plan.ends_at)) : base::Json(nullptr)},
          {"last_commit", plan.last_commit ? base::Json(base::to_rfc3339(*plan.last_commit))
                                           : base::Json(nullptr)}};
}

}  // namespace layers
