#include "app/snapshot_run.h"

#include <algorithm>

#include "base/error.h"
#include "monitor/catalog.h"
#include "repository/journal.h"

namespace app {

using base::Error;
using base::ErrorKind;
using base::Instant;
using policy::Tier;
using repository::Claim;
using repository::Repository;
using repository::SnapshotRoot;

namespace {

struct Slot {
  std::string id;              // of the snapshot to be
  std::optional<Instant> due;  // nothing: by hand
  std::vector<std::string> tiers;
  std::vector<repository::Lane> lanes;
  base::Duration finish_within;
};

Slot slot_by_hand(Instant now) {
  return {base::to_compact(now),
          std::nullopt,
          {},
          {monitor::lane(policy::TieredLayer::snapshots, "by-hand")},
          std::chrono::hours(24)};
}

Slot newest_slot(const policy::Policy& policy, const std::string& name, Instant now) {
  const auto tier = std::ranges::find(policy.layers.snapshots, name, &Tier::name);
  if (tier == policy.layers.snapshots.end()) {
    throw Error(ErrorKind::invalid, fmt::format("the policy has no tier '{}' of snapshots", name),
                "layers.snapshots in the policy names those there are");
  }
  Slot slot{.finish_within = tier->finish_within};
  slot.due = policy::last_slot_at_or_before(tier->cadence, policy.timezone, now);
  slot.id = base::to_compact(*slot.due);
  for (const Tier& other : policy.layers.snapshots) {
    if (policy::last_slot_at_or_before(other.cadence, policy.timezone, now) != *slot.due) continue;
    slot.tiers.push_back(other.name);
    slot.lanes.push_back(monitor::lane(policy::TieredLayer::snapshots, other.name));
  }
  return slot;
}

// The attempt that may be claimed now. Throws conflict while an earlier one may still come to
// something.
int next_attempt(const Repository& repository, const Slot& slot, Instant now,
                 std::stop_token stop) {
  if (!slot.due) return 1;
  int attempt = 1;
  for (const Claim& claim : repository::read_claims(repository, slot.lanes[0], stop)) {
    if (claim.slot != *slot.due) continue;
    bool failed = false;
    for (const repository::RunRecord& run :
         repository::read_runs(repository, slot.lanes[0], stop)) {
      failed = failed || (run.slot == claim.slot && run.attempt == claim.attempt && !run.ok);
    }
    if (!failed && now - claim.at < slot.finish_within) {
      throw Error(ErrorKind::conflict,
                  fmt::format("the slot {} was claimed at {} by {}", slot.id,
                              base::to_rfc3339(claim.at), claim.host),
                  fmt::format("let it end; it may be claimed again {} after that",
                              base::human_duration(slot.finish_within)));
    }
    attempt = std::max(attempt, claim.attempt + 1);
  }
  return attempt;
}

Claim claim_slot(const Repository& repository, const Slot& slot, repository::EpochNumber epoch,
                 Instant now, std::stop_token stop) {
  const int attempt = next_attempt(repository, slot, now, stop);
  Claim claim = repository::new_claim(slot.lanes[0], slot.due.value_or(now), attempt,
                                      repository::new_run_id(now), now);
  const std::vector<std::string> ids = repository::snapshot_ids(repository, epoch, stop);
  if (!ids.empty()) claim.base = ids.back();
  for (const repository::Lane& lane : slot.lanes) {
    claim.lane = lane;
    if (!put_claim(repository, claim, stop)) {
      throw base::error(ErrorKind::conflict, "the slot {} was claimed by another run just now",
                        slot.id);
    }
  }
  return claim;
}

void require_agreeing_clock(const Repository& repository, Instant now, std::stop_token stop) {
  const base::Duration apart = std::chrono::abs(repository.store().now(stop) - now);
  if (apart <= std::chrono::minutes(1)) return;
  throw Error(ErrorKind::invalid,
              fmt::format("this host's clock is {} off the store's, so it may not claim a slot",
                          base::human_duration(apart)),
              "set it right (NTP)");
}

}  // namespace

std::optional<SnapshotRoot> run_snapshot(Context& context, const std::optional<std::string>& tier,
                                         layers::SnapshotProgress& progress, std::stop_token stop) {
  const Repository repository = context.repository(stop);
  provider::NativeCluster cluster = context.cluster();
  const repository::Epoch epoch = repository.epoch_for(cluster.identity(), stop);
  const Instant now = base::system_clock().now();
  require_agreeing_clock(repository, now, stop);
  const Slot slot = tier ? newest_slot(context.policy(), *tier, now) : slot_by_hand(now);
  if (repository.store().stat(repository::snapshot_key(epoch.number, slot.id), stop))
    return std::nullopt;
  const Claim claim = claim_slot(repository, slot, epoch.number, now, stop);

  repository::RunRecord record{
      .slot = claim.slot, .attempt = claim.attempt, .run = claim.run, .started = now};
  const auto write_record = [&] {
    record.ended = base::system_clock().now();
    for (const repository::Lane& lane : slot.lanes) {
      record.lane = lane;
      put_run(repository, record, {});
    }
  };
  const layers::SnapshotRequest request{
      .id = slot.id,
      .run = claim.run,
      .slot = slot.due,
      .tiers = slot.tiers,
      .threads = context.threads(),
      .compress_level = context.policy().repository.compress_level};
  try {
    SnapshotRoot root = layers::take_snapshot(cluster, repository, epoch, request, progress, stop);
    record.ok = true;
    record.details = {{"snapshot", root.id},
                      {"bytes", root.totals.bytes},
                      {"stored_bytes", root.totals.stored_bytes}};
    write_record();
    return root;
  } catch (const Error& failure) {
    record.error = failure.message();
    try {
      write_record();
    } catch (const Error& second) {
      throw Error(failure.kind(),
                  fmt::format("{} (and its record could not be written: {})", failure.message(),
                              second.message()),
                  failure.hint());
    }
    throw;
  }
}

}  // namespace app
