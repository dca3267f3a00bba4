#include "app/slot_run.h"

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "base/task_group.h"
#include "base/version.h"
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
using repository::RunRecord;

namespace {

constexpr base::Duration last_words_max = std::chrono::seconds(10);

std::vector<Tier> tiers_of(const Policy& policy, TieredLayer layer) {
  if (layer == TieredLayer::snapshots) return policy.layers.snapshots;
  std::vector<Tier> tiers;
  for (const policy::DumpTier& dump : policy.layers.dumps) tiers.push_back(dump.tier);
  return tiers;
}

void add_tier(Slot& slot, TieredLayer layer, const Tier& tier) {
  slot.tiers.push_back(tier.name);
  slot.rows.push_back({monitor::lane(layer, tier.name), tier.finish_within});
}

// The attempt that may be claimed now. Throws conflict while an earlier one may still come to
// something.
int next_attempt(const Repository& repository, Instant slot, const Slot::Row& row, Instant now,
                 std::stop_token stop) {
  std::vector<Claim> claims = repository::read_claims(repository, row.lane, stop);
  std::erase_if(claims, [&](const Claim& claim) { return claim.slot != slot; });
  if (claims.empty()) return 1;
  const std::vector<RunRecord> runs = repository::read_runs(repository, row.lane, stop);
  int attempt = 1;
  for (const Claim& claim : claims) {
    const bool failed = std::ranges::any_of(runs, [&](const RunRecord& run) {
      return run.slot == claim.slot && run.attempt == claim.attempt && !run.ok;
    });
    if (!failed && now - claim.at < row.finish_within) {
      throw Error(ErrorKind::conflict,
                  fmt::format("the slot {} was claimed at {} by {}", base::to_compact(claim.slot),
                              base::to_rfc3339(claim.at), claim.host),
                  fmt::format("let it end; it may be claimed again {} after that",
                              base::human_duration(row.finish_within)));
    }
    attempt = std::max(attempt, claim.attempt + 1);
  }
  return attempt;
}

void require_agreeing_clock(const Repository& repository, Instant now, std::stop_token stop) {
  const base::Duration apart = std::chrono::abs(repository.store().now(stop) - now);
  if (apart <= std::chrono::minutes(1)) return;
  throw Error(ErrorKind::invalid,
              fmt::format("this host's clock is {} off the store's, so it may not claim a slot",
                          base::human_duration(apart)),
              "set it right (NTP)");
}

// What the run holds: a claim in each row.
class Claims {
 public:
  Claims(const Repository& repository, const Slot& slot,
         const std::optional<std::string>& base_snapshot, Instant now, const std::stop_token& stop)
      : repository_(repository), started_(now) {
    const std::string run = repository::new_run_id(now);
    std::vector<int> attempts;
    for (const Slot::Row& row : slot.rows) {
      attempts.push_back(slot.due ? next_attempt(repository, *slot.due, row, now, stop) : 1);
    }
    for (size_t i = 0; i < slot.rows.size(); ++i) {
      Claim claim =
          repository::new_claim(slot.rows[i].lane, slot.due.value_or(now), attempts[i], run, now);
      claim.base = base_snapshot;
      while (!put_claim(repository, claim, stop)) {
        if (slot.due) lose(claim);
        claim.slot += std::chrono::seconds(1);  // by hand, the second only names it
      }
      claims_.push_back(claim);
    }
  }

  const Claim& first() const { return claims_[0]; }

  void write_records(RunRecord record, const std::stop_token& stop) const {
    record.started = started_;
    record.ended = base::system_clock().now();
    for (const Claim& claim : claims_) {
      record.lane = claim.lane;
      record.slot = claim.slot;
      record.attempt = claim.attempt;
      record.run = claim.run;
      put_run(repository_, record, stop);
    }
  }

 private:
  // The rows that we hold already are given back, or nobody could have them for hours.
  [[noreturn]] void lose(const Claim& lost) const {
    const std::string why =
        fmt::format("the slot {} was claimed by another run just now", base::to_compact(lost.slot));
    RunRecord record;
    record.cancelled = true;
    record.error = why;
    write_records(record, {});
    throw Error(ErrorKind::conflict, why);
  }

  const Repository& repository_;
  Instant started_;
  std::vector<Claim> claims_;
};

// The last words of a run that was told to stop: whoever told it does not wait for ever.
void write_in_time(const Claims& claims, const RunRecord& record) {
  std::stop_source late;
  const std::jthread timer([&late](const std::stop_token& done) {
    if (base::sleep_for(last_words_max, done)) late.request_stop();
  });
  claims.write_records(record, late.get_token());
}

// Writes how a run failed, and throws it.
[[noreturn]] void fail(const Claims& claims, const Error& failure, base::Json details,
                       const std::stop_token& stop) {
  RunRecord record;
  record.details = std::move(details);
  record.cancelled = failure.kind() == ErrorKind::cancelled;
  record.error = failure.message();
  try {
    if (stop.stop_requested()) {
      write_in_time(claims, record);
    } else {
      claims.write_records(record, {});
    }
  } catch (const Error& second) {
    throw Error(failure.kind(),
                fmt::format("{} (and its record could not be written: {})", failure.message(),
                            second.message()),
                failure.hint());
  }
  throw Error(failure);
}

}  // namespace

Slot slot_by_hand(TieredLayer layer) {
  return {.due = std::nullopt,
          .tiers = {},
          .rows = {{monitor::lane(layer, "by-hand"), std::chrono::hours(24)}}};
}

Slot newest_slot(const Policy& policy, TieredLayer layer, const std::string& name, Instant now) {
  const std::vector<Tier> tiers = tiers_of(policy, layer);
  const auto tier = std::ranges::find(tiers, name, &Tier::name);
  if (tier == tiers.end()) {
    throw Error(ErrorKind::invalid,
                fmt::format("the policy has no tier '{}' of {}", name, policy::name(layer)),
                fmt::format("layers.{} in the policy names those there are", policy::name(layer)));
  }
  const Instant due = policy::last_slot_at_or_before(tier->cadence, policy.timezone, now);
  return slot_of(policy, {.layer = layer, .slot = due, .tickets = {{name, 1}}});
}

Slot slot_of(const Policy& policy, const policy::DueRun& run) {
  Slot slot{.due = run.slot, .tiers = {}, .rows = {}};
  for (const Tier& tier : tiers_of(policy, run.layer)) {
    const bool asked = std::ranges::any_of(run.tickets, [&](const policy::DueRun::Ticket& ticket) {
      return ticket.tier == tier.name;
    });
    const bool shares =
        run.layer == TieredLayer::snapshots &&
        policy::last_slot_at_or_before(tier.cadence, policy.timezone, run.slot) == run.slot;
    if (asked || shares) add_tier(slot, run.layer, tier);
  }
  CHECK(!slot.rows.empty());
  std::ranges::sort(slot.rows, {}, &Slot::Row::lane);
  return slot;
}

void run_slot(const Repository& repository, const Slot& slot,
              const std::optional<std::string>& base_snapshot, const Work& work,
              const SoFar& so_far, std::stop_token stop) {
  const Instant now = base::system_clock().now();
  require_agreeing_clock(repository, now, stop);
  const Claims claims(repository, slot, base_snapshot, now, stop);
  const auto with = [&](base::Json details) {
    if (!details.is_object()) details = base::Json::object();
    details["seawall"] = base::program_version;
    if (so_far) details.update(so_far());
    return details;
  };
  RunRecord record;
  try {
    record.details = with(work(claims.first()));
    record.ok = true;
  } catch (const Error& failure) {
    fail(claims, failure, with({}), stop);
  } catch (const std::exception& failure) {
    fail(claims, Error(ErrorKind::unavailable, failure.what()), with({}), stop);
  }
  if (stop.stop_requested()) {
    write_in_time(claims, record);
  } else {
    claims.write_records(record, {});
  }
}

void run_slot(const Repository& repository, const Slot& slot,
              const std::optional<std::string>& base_snapshot, const Work& work,
              std::stop_token stop) {
  run_slot(repository, slot, base_snapshot, work, {}, std::move(stop));
}

bool has_ended_well(const Repository& repository, const Slot& slot, std::stop_token stop) {
  return std::ranges::all_of(slot.rows, [&](const Slot::Row& row) {
    return std::ranges::any_of(
        repository::read_runs(repository, row.lane, stop),
        [&](const RunRecord& run) { return run.ok && run.slot == slot.due; });
  });
}

}  // namespace app
