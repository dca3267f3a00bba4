#include "monitor/catalog.h"

#include <algorithm>

#include "base/error.h"
#include "repository/journal.h"
#include "repository/policy_log.h"

namespace monitor {

using policy::TieredLayer;
using policy::TierHistory;
using policy::TierKey;
using repository::Epoch;
using repository::Repository;
using repository::SnapshotRoot;

namespace {

constexpr size_t drills_to_judge_by = 2;  // of each kind

policy::CatalogSnapshot to_catalog(const SnapshotRoot& root) {
  return {.id = root.id,
          .tiers = root.tiers,
          .slot = root.slot,
          .started = root.started,
          .ended = root.stopped,
          .epoch = root.epoch.value,
          .timeline = root.timeline.value,
          .start_lsn = root.start_lsn.value,
          .stop_lsn = root.stop_lsn.value};
}

bool is_damaged(const Catalog& catalog, const repository::DumpName& dump) {
  return catalog.verified &&
         std::ranges::any_of(catalog.verified->damage, [&](const repository::Damage& one) {
           return one.key == dump.archive_key().text();
         });
}

// As much of the record of a dump as the run that took it tells, for a credential that may not open
// the record itself.
std::optional<repository::DumpRecord> record_by_run(const std::vector<repository::RunRecord>& runs,
                                                    const repository::DumpName& name,
                                                    const std::string& tier) {
  for (const repository::RunRecord& run : runs) {
    if (!run.ok || base::member_if_there<std::string>(run.details, "dump") != name.text()) continue;
    repository::DumpRecord record;
    record.name = name;
    record.tier = tier;
    record.slot = run.slot;
    record.started = run.started;
    record.snapshot_at = run.started;
    record.finished = run.ended;
    return record;
  }
  return std::nullopt;
}

void read_dumps(Catalog& catalog, const Repository& repository, const std::string& database,
                const std::vector<DumpPlace>& places, std::stop_token stop) {
  for (const DumpPlace& place : places) {
    std::vector<repository::StoredDump> listed;
    try {
      listed = repository::list_dumps(place.store, stop);
    } catch (const base::Error& failure) {
      // Not every credential has business with dumps: who prunes a repository need not.
      if (failure.kind() != base::ErrorKind::denied) throw;
      catalog.denied_places[place.tier] = failure.message();
    }
    for (const repository::StoredDump& stored : listed) {
      if (stored.name.database != database) continue;
      CatalogedDump dump{.tier = place.tier, .stored = stored, .record = {}, .unreadable = {}};
      try {
        if (stored.finished) dump.record = repository::read_record(place.store, stored.name, stop);
      } catch (const base::Error& failure) {
        if (failure.kind() == base::ErrorKind::absent) continue;  // expired while we looked
        if (failure.kind() == base::ErrorKind::denied) {
          dump.closed = true;
          dump.record = record_by_run(
              repository::read_runs(repository, lane(TieredLayer::dumps, place.tier), stop),
              stored.name, place.tier);
        } else if (failure.kind() != base::ErrorKind::corrupt) {
          throw;
        }
        if (!dump.record) dump.unreadable = failure.message();
      }
      if (dump.record) {
        catalog.retention.dumps.push_back({.id = stored.name.text(),
                                           .tier = dump.record->tier,
                                           .slot = dump.record->slot,
                                           .started = dump.record->started,
                                           .damaged = is_damaged(catalog, stored.name)});
        dump.record->relations.clear();  // what was counted of a large database would add up
        dump.record->privileges.clear();
      }
      catalog.dumps.push_back(std::move(dump));
    }
  }
}

void read_wal(Catalog& catalog, const Repository& repository, const Epoch& epoch,
              std::stop_token stop) {
  const repository::WalArchive archive(repository, epoch);
  for (const postgres::Timeline timeline : archive.timelines(stop)) {
    const auto& held = catalog.wal[epoch.number.value][timeline.value] =
        archive.holdings(timeline, stop);
    const postgres::TimelineHistory history = archive.history(timeline, stop);
    const auto& legs = history.legs();
    policy::CatalogTimeline branch{.epoch = epoch.number.value, .timeline = timeline.value};
    if (legs.size() > 1) {
      branch.parent = legs[legs.size() - 2].timeline.value;
      branch.fork_lsn = legs.back().begin.value;
    }
    for (const auto& [number, holding] : held)
      branch.newest = std::max(branch.newest, holding.stored_at);
    catalog.retention.timelines.push_back(branch);
  }
}

// Since when each tier is promised, and in its present form. A tier that was dropped and came back
// starts anew.
void read_promises(Catalog& catalog, const policy::Policy& now_policy, const Repository& repository,
                   base::Instant now, std::stop_token stop) {
  std::map<TierKey, policy::Cadence> cadences;
  std::map<TierKey, std::pair<base::Instant, base::Instant>> since;
  std::optional<base::Instant> sealed_since;
  const auto take = [&](const policy::Policy& policy, base::Instant at) {
    std::map<TierKey, policy::Cadence> seen;
    for (const policy::Tier& tier : policy.layers.snapshots)
      seen[{TieredLayer::snapshots, tier.name}] = tier.cadence;
    for (const policy::DumpTier& tier : policy.layers.dumps)
      seen[{TieredLayer::dumps, tier.tier.name}] = tier.tier.cadence;
    for (const auto& [key, cadence] : seen) {
      const auto before = cadences.find(key);
      if (before == cadences.end()) {
        since[key] = {at, at};
      } else if (before->second != cadence) {
        since[key].second = at;
      }
    }
    cadences = std::move(seen);
  };
  for (const repository::PolicyVersion& version : repository::read_policies(repository, stop)) {
    if (version.text.empty()) {  // not open to us; the last that was kept is the one at hand
      sealed_since = version.since;
      continue;
    }
    sealed_since.reset();
    try {
      take(policy::parse(version.text, "policies/"), version.since);
    } catch (const base::Error&) {
      continue;  // written by another version: it says nothing that we understand
    }
  }
  take(now_policy, sealed_since.value_or(now));
  for (const auto& [key, cadence] : cadences) {
    catalog.histories[key].adopted = since[key].first;
    catalog.histories[key].cadence_since = since[key].second;
  }
}

void fill_histories(Catalog& catalog, const Repository& repository, std::stop_token stop) {
  for (auto& [key, history] : catalog.histories) {
    const std::string tier_lane = lane(key.layer, key.tier);
    std::map<std::pair<base::Instant, int>, bool> failed;
    for (const repository::RunRecord& run : repository::read_runs(repository, tier_lane, stop)) {
      failed[{run.slot, run.attempt}] = !run.ok;
      repository::RunRecord& last = catalog.last_runs[key];
      if (last.ended <= run.ended) last = run;
    }
    for (const repository::Claim& claim : repository::read_claims(repository, tier_lane, stop)) {
      history.claims.push_back(
          {claim.slot, claim.attempt, claim.at, failed[{claim.slot, claim.attempt}]});
    }
    if (key.layer == TieredLayer::snapshots) {
      for (const SnapshotRoot& root : catalog.snapshots) {
        if (catalog.verified && catalog.verified->damages(root.id)) continue;  // no result at all
        if (root.slot && std::ranges::find(root.tiers, key.tier) != root.tiers.end())
          history.results.push_back({*root.slot, root.stopped});
      }
    } else {
      for (const CatalogedDump& dump : catalog.dumps) {
        if (is_damaged(catalog, dump.stored.name)) continue;
        if (dump.record && dump.record->slot && dump.record->tier == key.tier)
          history.results.push_back({*dump.record->slot, dump.record->finished});
      }
    }
  }
}

void add_snapshots(Catalog& catalog, const Repository& repository, const Epoch& epoch,
                   std::stop_token stop) {
  for (SnapshotRoot& root :
       repository::read_snapshots(repository, epoch.number, catalog.unreadable, stop)) {
    catalog.retention.snapshots.push_back(to_catalog(root));
    catalog.retention.snapshots.back().damaged =
        catalog.verified && catalog.verified->damages(root.id);
    root.shards.clear();  // what was kept of a terabyte's would add up
    catalog.snapshots.push_back(std::move(root));
  }
}

// On a host that only seals: a snapshot of a slot is named after it, and whoever takes it serves
// all tiers that share the slot.
void add_snapshots_by_name(Catalog& catalog, const policy::Policy& policy,
                           const Repository& repository, const Epoch& epoch, std::stop_token stop) {
  for (const std::string& id : repository::snapshot_ids(repository, epoch.number, stop)) {
    SnapshotRoot root{.id = id, .run = ""};
    root.epoch = epoch.number;
    root.stopped = base::from_compact(id);
    for (const policy::Tier& tier : policy.layers.snapshots) {
      if (policy::last_slot_at_or_before(tier.cadence, policy.timezone, root.stopped) ==
          root.stopped)
        root.tiers.push_back(tier.name);
    }
    if (!root.tiers.empty()) root.slot = root.stopped;
    catalog.snapshots.push_back(std::move(root));
  }
}

}  // namespace

std::string lane(TieredLayer layer, const std::string& tier) {
  return fmt::format("{}-{}", policy::name(layer), tier);
}

Catalog read_catalog(const policy::Policy& policy, const Repository& repository,
                     const std::string& database, const std::vector<DumpPlace>& dump_places,
                     base::Instant now, std::stop_token stop) {
  Catalog catalog;
  catalog.epochs = repository.epochs(stop);
  catalog.verified = repository::newest_verification(repository, stop);
  catalog.probe = repository::newest_probe(repository, stop);
  for (const Epoch& epoch : catalog.epochs) {
    add_snapshots(catalog, repository, epoch, stop);
    read_wal(catalog, repository, epoch, stop);
  }
  read_dumps(catalog, repository, database, dump_places, stop);
  read_promises(catalog, policy, repository, now, stop);
  fill_histories(catalog, repository, stop);
  if (policy.drill) catalog.drills = read_drill_history(repository, drills_to_judge_by, stop);
  return catalog;
}

Catalog read_histories(const policy::Policy& policy, const Repository& repository,
                       const std::string& database, const std::vector<DumpPlace>& dump_places,
                       base::Instant now, std::stop_token stop) {
  Catalog catalog;
  if (!repository.seals_only())
    catalog.verified = repository::newest_verification(repository, stop);
  for (const Epoch& epoch : repository.epochs(stop)) {
    if (repository.seals_only()) {
      add_snapshots_by_name(catalog, policy, repository, epoch, stop);
    } else {
      add_snapshots(catalog, repository, epoch, stop);
    }
  }
  read_dumps(catalog, repository, database, dump_places, stop);
  read_promises(catalog, policy, repository, now, stop);
  fill_histories(catalog, repository, stop);
  return catalog;
}

std::vector<Hole> find_holes(const Catalog& catalog) {
  std::vector<Hole> holes;
  for (const auto& [epoch, timelines] : catalog.wal) {
    const auto of_epoch =
        std::ranges::find(catalog.epochs, epoch, [](const Epoch& e) { return e.number.value; });
    for (const auto& [timeline, held] : timelines) {
      if (held.empty()) continue;
      // What is older than the first segment held was let go, or belongs to the parent.
      uint64_t expected = held.begin()->first;
      for (const SnapshotRoot& root : catalog.snapshots) {
        if (root.epoch.value == epoch && root.timeline.value == timeline) {
          expected = std::min(expected, root.start_lsn.value / of_epoch->segment_bytes);
        }
      }
      for (const auto& [number, holding] : held) {
        const bool last = number == held.rbegin()->first;
        if (number > expected) holes.push_back({epoch, {timeline}, expected, number - 1});
        if (!last && holding.covered_bytes < of_epoch->segment_bytes)
          holes.push_back({epoch, {timeline}, number, number});
        expected = number + 1;
      }
    }
  }
  return holes;
}

}  // namespace monitor
