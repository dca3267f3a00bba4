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
    try {
      take(policy::parse(version.text, "policies/"), version.since);
    } catch (const base::Error&) {
      continue;  // written by another version: it says nothing that we understand
    }
  }
  take(now_policy, now);
  for (const auto& [key, cadence] : cadences) {
    catalog.histories[key].adopted = since[key].first;
    catalog.histories[key].cadence_since = since[key].second;
  }
}

void read_histories(Catalog& catalog, const Repository& repository, std::stop_token stop) {
  for (auto& [key, history] : catalog.histories) {
    const std::string tier_lane = lane(key.layer, key.tier);
    std::map<std::pair<base::Instant, int>, bool> failed;
    for (const repository::RunRecord& run : repository::read_runs(repository, tier_lane, stop)) {
      failed[{run.slot, run.attempt}] = !run.ok;
    }
    for (const repository::Claim& claim : repository::read_claims(repository, tier_lane, stop)) {
      history.claims.push_back(
          {claim.slot, claim.attempt, claim.at, failed[{claim.slot, claim.attempt}]});
    }
    if (key.layer != TieredLayer::snapshots) continue;
    for (const SnapshotRoot& root : catalog.snapshots) {
      if (root.slot && std::ranges::find(root.tiers, key.tier) != root.tiers.end()) {
        history.results.push_back({*root.slot, root.stopped});
      }
    }
  }
}

}  // namespace

std::string lane(TieredLayer layer, const std::string& tier) {
  return fmt::format("{}-{}", policy::name(layer), tier);
}

Catalog read_catalog(const policy::Policy& policy, const Repository& repository, base::Instant now,
                     std::stop_token stop) {
  Catalog catalog;
  catalog.epochs = repository.epochs(stop);
  for (const Epoch& epoch : catalog.epochs) {
    for (SnapshotRoot& root : repository::read_snapshots(repository, epoch.number, stop)) {
      catalog.retention.snapshots.push_back(to_catalog(root));
      root.shards.clear();  // what was kept of a terabyte's would add up
      catalog.snapshots.push_back(std::move(root));
    }
    read_wal(catalog, repository, epoch, stop);
  }
  read_promises(catalog, policy, repository, now, stop);
  read_histories(catalog, repository, stop);
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
