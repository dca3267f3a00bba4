#include "policy/retention.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "policy/duration.h"

namespace policy {

namespace {

using base::Duration;
using base::Instant;

// ---- Age: the same for snapshots and dumps.

// One object as far as ageing goes.
struct Aged {
  std::vector<std::string> tiers;
  Instant since;  // its slot, or when it was begun
  bool damaged;
  bool held;
};

Aged aged(const CatalogSnapshot& snapshot) {
  return {snapshot.tiers, snapshot.slot.value_or(snapshot.started), snapshot.damaged,
          snapshot.held};
}

Aged aged(const CatalogDump& dump) {
  std::vector<std::string> tiers;
  if (!dump.tier.empty()) tiers.push_back(dump.tier);
  return {std::move(tiers), dump.slot.value_or(dump.started), dump.damaged, dump.held};
}

// How long one tier keeps, or what stands in for a tier where none claims the object.
struct Keeper {
  std::string name;
  Duration retain;
};

class Ageing {
 public:
  Ageing(std::vector<Keeper> tiers, const Zone& zone, Instant now)
      : tiers_(std::move(tiers)), zone_(zone), now_(now) {}

  std::vector<Verdict> judge(const std::vector<std::string>& ids,
                             const std::vector<Aged>& objects) {
    const std::map<std::string, size_t> last_good = find_last_good(objects);
    const std::optional<size_t> newest_good = find_newest_good(objects);
    std::vector<Verdict> verdicts;
    for (size_t i = 0; i < objects.size(); ++i) {
      Verdict verdict{.id = ids[i], .keep = false, .reasons = {}};
      std::vector<std::string> past;
      for (const Keeper& keeper : keepers_of(objects[i])) {
        const Instant until = objects[i].since + keeper.retain;
        (now_ < until ? verdict.reasons : past).push_back(sentence(keeper, until));
        const auto last = last_good.find(keeper.name);
        if (last != last_good.end() && last->second == i) {
          verdict.reasons.push_back(fmt::format("the last good one of {}", keeper.name));
        }
      }
      if (tiers_.empty())
        verdict.reasons.push_back("no tier of the policy says how long it is kept");
      if (objects[i].held) verdict.reasons.push_back("held by a restore");
      if (verdict.reasons.empty() && newest_good == i) {
        verdict.reasons.push_back("the newest good one there is");
      }
      verdict.keep = !verdict.reasons.empty();
      if (!verdict.keep) verdict.reasons = std::move(past);
      verdicts.push_back(std::move(verdict));
    }
    return verdicts;
  }

 private:
  // The tiers of the policy that it was taken for, or the longest of all.
  std::vector<Keeper> keepers_of(const Aged& object) const {
    std::vector<Keeper> keepers;
    for (const Keeper& tier : tiers_) {
      if (std::ranges::find(object.tiers, tier.name) != object.tiers.end()) keepers.push_back(tier);
    }
    if (keepers.empty() && !tiers_.empty()) {
      const auto longest = std::ranges::max_element(tiers_, {}, &Keeper::retain);
      keepers.push_back({"", longest->retain});
    }
    return keepers;
  }

  std::map<std::string, size_t> find_last_good(const std::vector<Aged>& objects) const {
    std::map<std::string, size_t> last;
    for (size_t i = 0; i < objects.size(); ++i) {
      if (objects[i].damaged) continue;
      for (const Keeper& keeper : keepers_of(objects[i])) {
        if (keeper.name.empty()) continue;
        const auto [found, added] = last.emplace(keeper.name, i);
        if (!added && objects[found->second].since <= objects[i].since) found->second = i;
      }
    }
    return last;
  }

  static std::optional<size_t> find_newest_good(const std::vector<Aged>& objects) {
    std::optional<size_t> newest;
    for (size_t i = 0; i < objects.size(); ++i) {
      if (objects[i].damaged) continue;
      if (!newest || objects[*newest].since <= objects[i].since) newest = i;
    }
    return newest;
  }

  std::string sentence(const Keeper& keeper, Instant until) const {
    const std::string date = local_date(until, zone_);
    const std::string_view tense = now_ < until ? "until" : "ended";
    if (keeper.name.empty()) {
      return fmt::format("without a tier it is kept as long as the longest, {}: {} {}",
                         describe_duration(keeper.retain), tense, date);
    }
    return fmt::format("{} keeps {}: {} {}", keeper.name, describe_duration(keeper.retain), tense,
                       date);
  }

  std::vector<Keeper> tiers_;
  Zone zone_;
  Instant now_;
};

// ---- The recovery window: branches, their bases, and the WAL between.

using BranchId = std::pair<uint64_t, uint32_t>;  // epoch, timeline

// A stretch of one timeline on the way to a branch's head.
struct Stretch {
  uint32_t timeline;
  std::optional<uint64_t> end;  // where the way leaves it; nothing on the head itself
};

class Branches {
 public:
  explicit Branches(const RetentionInput& catalog) {
    for (const CatalogTimeline& line : catalog.timelines) {
      const auto [found, added] = lines_.emplace(BranchId{line.epoch, line.timeline}, line);
      if (!added) found->second.newest = std::max(found->second.newest, line.newest);
    }
    // A snapshot can be known before any WAL of its branch is listed.
    for (const CatalogSnapshot& snapshot : catalog.snapshots) {
      const BranchId id{snapshot.epoch, snapshot.timeline};
      lines_.emplace(id, CatalogTimeline{.epoch = snapshot.epoch,
                                         .timeline = snapshot.timeline,
                                         .newest = snapshot.ended});
    }
  }

  // Those on which a moment of the window lies: WAL of it came after the window's begin, or it is
  // where the cluster is now (an idle server writes no WAL and has not left).
  std::vector<BranchId> reached_by_window(Instant begin) const {
    std::vector<BranchId> ids;
    for (const auto& [id, line] : lines_) {
      const bool current = id == lines_.rbegin()->first;
      if (current || line.newest >= begin) ids.push_back(id);
    }
    return ids;
  }

  // The way back from the head of a branch: its own timeline, its parent up to the fork, and so on.
  std::vector<Stretch> way_to(BranchId head) const {
    std::vector<Stretch> way{{head.second, std::nullopt}};
    std::set<uint32_t> seen{head.second};
    auto line = lines_.find(head);
    while (line != lines_.end() && line->second.parent != 0 &&
           seen.insert(line->second.parent).second) {
      way.push_back({line->second.parent, line->second.fork_lsn});
      line = lines_.find({head.first, line->second.parent});
    }
    return way;
  }

  std::vector<BranchId> of_epoch(uint64_t epoch) const {
    std::vector<BranchId> ids;
    for (const auto& [id, line] : lines_) {
      if (id.first == epoch) ids.push_back(id);
    }
    return ids;
  }

 private:
  std::map<BranchId, CatalogTimeline> lines_;
};

// Where on the way a snapshot lies; nothing if recovery from it cannot follow the way.
std::optional<size_t> place_on(const std::vector<Stretch>& way, const CatalogSnapshot& snapshot) {
  for (size_t i = 0; i < way.size(); ++i) {
    if (way[i].timeline != snapshot.timeline) continue;
    if (way[i].end && snapshot.stop_lsn > *way[i].end) return std::nullopt;
    return i;
  }
  return std::nullopt;
}

// All WAL that recovery from `snapshot` to anywhere on the way can ask for.
void keep_way(std::vector<WalRange>& wal, const CatalogSnapshot& snapshot,
              const std::vector<Stretch>& way, const std::string& reason) {
  const std::optional<size_t> at = place_on(way, snapshot);
  CHECK(at.has_value());
  for (size_t i = 0; i <= *at; ++i) {
    uint64_t from = snapshot.start_lsn;
    if (i < *at) from = *way[i + 1].end;  // where this timeline begins
    wal.push_back({snapshot.epoch, way[i].timeline, from, way[i].end, reason});
  }
}

void keep(Verdict& verdict, std::string reason) {
  if (!verdict.keep) verdict.reasons.clear();
  verdict.keep = true;
  if (std::ranges::find(verdict.reasons, reason) == verdict.reasons.end()) {
    verdict.reasons.push_back(std::move(reason));
  }
}

void keep_window(Retention& retention, const RetentionInput& catalog, const Branches& branches,
                 Duration window, Instant now) {
  const Instant begin = now - window;
  for (const BranchId& head : branches.reached_by_window(begin)) {
    const std::vector<Stretch> way = branches.way_to(head);
    const CatalogSnapshot* base = nullptr;
    for (const CatalogSnapshot& snapshot : catalog.snapshots) {
      if (snapshot.epoch != head.first || snapshot.damaged || !place_on(way, snapshot)) continue;
      const bool before = snapshot.ended <= begin;
      const bool better =
          base == nullptr || (before ? base->ended > begin || base->ended < snapshot.ended
                                     : base->ended > snapshot.ended);
      if (better) base = &snapshot;
    }
    const std::string reason =
        fmt::format("the recovery window of {} needs it", describe_duration(window));
    if (base == nullptr) {  // a first snapshot may be running, and needs WAL from before its commit
      retention.wal.push_back(
          {head.first, head.second, 0, std::nullopt,
           "no good snapshot of this timeline is there yet, and one may be running"});
      continue;
    }
    keep(retention.snapshots[static_cast<size_t>(base - catalog.snapshots.data())],
         fmt::format("oldest base for the recovery window of {}", describe_duration(window)));
    keep_way(retention.wal, *base, way, reason);
  }
}

// A restore may be on its way to any branch that the snapshot can serve.
void keep_held(Retention& retention, const RetentionInput& catalog, const Branches& branches) {
  for (const CatalogSnapshot& snapshot : catalog.snapshots) {
    if (!snapshot.held) continue;
    for (const BranchId& head : branches.of_epoch(snapshot.epoch)) {
      const std::vector<Stretch> way = branches.way_to(head);
      if (place_on(way, snapshot)) {
        keep_way(retention.wal, snapshot, way,
                 fmt::format("held by a restore from {}", snapshot.id));
      }
    }
  }
}

template <typename Object>
std::vector<Verdict> judge_by_age(const std::vector<Object>& objects, std::vector<Keeper> tiers,
                                  const Zone& zone, Instant now) {
  std::vector<std::string> ids;
  std::vector<Aged> all;
  for (const Object& object : objects) {
    ids.push_back(object.id);
    all.push_back(aged(object));
  }
  return Ageing(std::move(tiers), zone, now).judge(ids, all);
}

}  // namespace

Retention decide_retention(const Policy& policy, const RetentionInput& catalog, Instant now) {
  std::vector<Keeper> snapshot_tiers;
  for (const Tier& tier : policy.layers.snapshots)
    snapshot_tiers.push_back({tier.name, tier.retain});
  std::vector<Keeper> dump_tiers;
  for (const DumpTier& dump : policy.layers.dumps)
    dump_tiers.push_back({dump.tier.name, dump.tier.retain});

  Retention retention;
  retention.snapshots =
      judge_by_age(catalog.snapshots, std::move(snapshot_tiers), policy.timezone, now);
  retention.dumps = judge_by_age(catalog.dumps, std::move(dump_tiers), policy.timezone, now);

  const Branches branches(catalog);
  if (policy.layers.pitr) {
    keep_window(retention, catalog, branches, policy.layers.pitr->retain, now);
  }
  keep_held(retention, catalog, branches);
  for (size_t i = 0; i < catalog.snapshots.size(); ++i) {
    const CatalogSnapshot& snapshot = catalog.snapshots[i];
    if (!retention.snapshots[i].keep) continue;
    retention.wal.push_back({snapshot.epoch, snapshot.timeline, snapshot.start_lsn,
                             snapshot.stop_lsn,
                             fmt::format("snapshot {} is whole only with it", snapshot.id)});
  }
  return retention;
}

bool needed(const Retention& retention, const WalPiece& piece) {
  return std::ranges::any_of(retention.wal, [&](const WalRange& range) {
    return range.epoch == piece.epoch && range.timeline == piece.timeline &&
           piece.end > range.from && (!range.to || piece.begin < *range.to);
  });
}

}  // namespace policy
