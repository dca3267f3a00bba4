#include "app/slot_run.h"

#include <algorithm>

#include "base/error.h"
#include "monitor/catalog.h"

namespace app {

using base::Error;
using base::ErrorKind;
using base::Instant;
using policy::Policy;
using policy::Tier;
using policy::TieredLayer;
using repository::Claim;
using repository::Repository;

namespace {

std::vector<Tier> tiers_of(const Policy& policy, TieredLayer layer) {
  if (layer == TieredLayer::snapshots) return policy.layers.snapshots;
  std::vector<Tier> tiers;
  for (const policy::DumpTier& dump : policy.layers.dumps) tiers.push_back(dump.tier);
  return tiers;
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
                  fmt::format("the slot {} was claimed at {} by {}", base::to_compact(claim.slot),
                              base::to_rfc3339(claim.at), claim.host),
                  fmt::format("let it end; it may be claimed again {} after that",
                              base::human_duration(slot.finish_within)));
    }
    attempt = std::max(attempt, claim.attempt + 1);
  }
  return attempt;
}

Claim claim_slot(const Repository& repository, const Slot& slot,
                 const std::optional<std::string>& base_snapshot, Instant now,
                 std::stop_token stop) {
  const int attempt = next_attempt(repository, slot, now, stop);
  Claim claim = repository::new_claim(slot.lanes[0], slot.due.value_or(now), attempt,
                                      repository::new_run_id(now), now);
  claim.base = base_snapshot;
  for (const repository::Lane& lane : slot.lanes) {
    claim.lane = lane;
    while (!put_claim(repository, claim, stop)) {
      if (slot.due) {
        throw base::error(ErrorKind::conflict, "the slot {} was claimed by another run just now",
                          base::to_compact(claim.slot));
      }
      claim.slot += std::chrono::seconds(1);  // by hand, the second only names it
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

void write_records(const Repository& repository, const Slot& slot, repository::RunRecord record) {
  record.ended = base::system_clock().now();
  for (const repository::Lane& lane : slot.lanes) {
    record.lane = lane;
    put_run(repository, record, {});  // also of a run that was told to stop
  }
}

}  // namespace

Slot slot_by_hand(TieredLayer layer) {
  return {std::nullopt, {}, {monitor::lane(layer, "by-hand")}, std::chrono::hours(24)};
}

Slot newest_slot(const Policy& policy, TieredLayer layer, const std::string& name, Instant now) {
  const std::vector<Tier> tiers = tiers_of(policy, layer);
  const auto tier = std::ranges::find(tiers, name, &Tier::name);
  if (tier == tiers.end()) {
    throw Error(ErrorKind::invalid,
                fmt::format("the policy has no tier '{}' of {}", name, policy::name(layer)),
                fmt::format("layers.{} in the policy names those there are", policy::name(layer)));
  }
  Slot slot{.finish_within = tier->finish_within};
  slot.due = policy::last_slot_at_or_before(tier->cadence, policy.timezone, now);
  for (const Tier& other : tiers) {
    const bool shares =
        layer == TieredLayer::snapshots &&
        policy::last_slot_at_or_before(other.cadence, policy.timezone, now) == *slot.due;
    if (other.name != name && !shares) continue;
    slot.tiers.push_back(other.name);
    slot.lanes.push_back(monitor::lane(layer, other.name));
  }
  return slot;
}

void run_slot(const Repository& repository, const Slot& slot,
              const std::optional<std::string>& base_snapshot, const Work& work,
              std::stop_token stop) {
  const Instant now = base::system_clock().now();
  require_agreeing_clock(repository, now, stop);
  const Claim claim = claim_slot(repository, slot, base_snapshot, now, stop);
  repository::RunRecord record{
      .slot = claim.slot, .attempt = claim.attempt, .run = claim.run, .started = now};
  try {
    record.details = work(claim);
    record.ok = true;
  } catch (const Error& failure) {
    record.error = failure.message();
    try {
      write_records(repository, slot, record);
    } catch (const Error& second) {
      throw Error(failure.kind(),
                  fmt::format("{} (and its record could not be written: {})", failure.message(),
                              second.message()),
                  failure.hint());
    }
    throw;
  }
  write_records(repository, slot, record);
}

}  // namespace app
