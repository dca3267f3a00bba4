#include "app/daemon_rounds.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "app/drill_round.h"
#include "app/heartbeat.h"
#include "app/probe.h"
#include "app/replica.h"
#include "app/slot_run.h"
#include "base/error.h"
#include "base/log.h"
#include "layers/pitr/receive.h"

namespace app {

using base::Duration;
using base::Error;
using base::ErrorKind;
using base::Instant;
using schedule::Round;
using Policy = std::shared_ptr<const PolicyText>;  // shared with the turns under way

namespace {

constexpr Duration heartbeat_every = std::chrono::minutes(1);
constexpr Duration copies_every = std::chrono::minutes(10);
constexpr Duration receive_again = std::chrono::seconds(30);
// A probe that was missed while nobody ran is made up for on the same day.
constexpr Duration probe_catch_up = std::chrono::hours(12);
constexpr Duration probe_takes_max = std::chrono::hours(1);

Context context_of(const Policy& policy) { return Context(policy->file, policy->policy); }

bool keeps_in_buckets(const policy::Policy& policy) {
  const auto is_bucket = [](const policy::Place& place) {
    return place.kind == policy::Place::Kind::s3;
  };
  return is_bucket(policy.repository.store) ||
         std::ranges::any_of(policy.layers.dumps,
                             [&](const policy::DumpTier& tier) { return is_bucket(tier.store); });
}

Round heartbeat(const Policy& policy) {
  const auto work = [policy](Instant, std::stop_token) {
    postgres::Connection connection(connection_url(policy->policy.database.connection));
    beat(connection);
  };
  return {.name = "heartbeat", .when = heartbeat_every, .work = work};
}

// Ends only when it is stopped, or by what does not mend itself.
Round receiver(const Policy& policy) {
  const auto work = [policy](Instant, const std::stop_token& stop) {
    Context context = context_of(policy);
    const repository::Repository repository = context.repository(stop);
    provider::NativeCluster cluster = context.cluster();
    const repository::Epoch epoch = repository.epoch_for(cluster.identity(), stop);
    const policy::Receive& receive = *policy->policy.layers.pitr->receive;
    const std::string sql = "select 1 from pg_replication_slots where slot_name = $1 and active";
    if (!cluster.connection().query(sql, {receive.slot}).empty()) return;  // another daemon has it
    layers::ReceiveProgress progress;
    layers::receive_wal(cluster, repository, epoch,
                        {.slot = receive.slot, .flush_within = receive.flush}, progress, stop);
  };
  return {
      .name = "WAL receiver", .when = receive_again, .work = work, .hangs_after = Duration::max()};
}

// Who may not read dumps here does not copy them: that is for the credential of
// `seawall replicate dumps`, and `status` judges what came of it.
void copy_what_lags(Context& context, const std::stop_token& stop) {
  for (const policy::DumpTier& tier : context.policy().layers.dumps) {
    ReplicaProgress progress;
    const std::optional<ReplicaReport> report = replicate(context, tier, progress, stop);
    if (!report) continue;
    if (!report->copied.empty())
      base::info("copied to {}: {}", report->url, fmt::join(report->copied, ", "));
    if (report->kind && *report->kind != ErrorKind::denied) {
      throw base::error(*report->kind, "not copied to {}: {}", report->url,
                        fmt::join(report->failed, "; "));
    }
  }
}

Round copies(const Policy& policy) {
  const auto work = [policy](Instant, const std::stop_token& stop) {
    Context context = context_of(policy);
    context.hold_back(policy->caps);
    copy_what_lags(context, stop);
  };
  return {.name = "copies of dumps",
          .when = copies_every,
          .work = work,
          .hangs_after = std::chrono::hours(4)};
}

// Claimed like a run, so that of several daemons one probes.
void probe_in_slot(Context& context, Instant when, const std::stop_token& stop) {
  const repository::Repository repository = context.repository(stop);
  const Slot slot{.due = when, .tiers = {}, .rows = {{"probe-write-once", probe_takes_max}}};
  if (has_ended_well(repository, slot, stop)) return;
  const auto work = [&](const repository::Claim&) {
    const repository::ProbeRecord record = probe_write_once(context, stop);
    const int worst = exit_code(record);
    if (worst == 2)
      base::alarm("this host's credential can destroy backups: 'seawall status' says which");
    return base::Json{{"stores", record.stores.size()}, {"worst", worst}};
  };
  try {
    run_slot(repository, slot, std::nullopt, work, stop);
  } catch (const Error& failure) {
    if (failure.kind() != ErrorKind::conflict) throw;  // another daemon is at it
  }
}

Round probe(const Policy& policy) {
  const auto work = [policy](Instant slot, const std::stop_token& stop) {
    Context context = context_of(policy);
    probe_in_slot(context, slot, stop);
  };
  return {.name = "write-once probe",
          .when = *policy->policy.run.probe,
          .work = work,
          .catch_up = probe_catch_up,
          .hangs_after = std::chrono::hours(1),
          .retry_after = std::chrono::minutes(15)};
}

}  // namespace

std::vector<Round> rounds_of(Policy policy, bool lasting) {
  const policy::Policy& what = policy->policy;
  std::vector<Round> rounds;
  if (what.run.heartbeat) rounds.push_back(heartbeat(policy));
  if (lasting && what.layers.pitr && what.layers.pitr->receive) rounds.push_back(receiver(policy));
  const bool copied = std::ranges::any_of(what.layers.dumps, [](const policy::DumpTier& tier) {
    return tier.replica && tier.replica->by == policy::Copier::seawall;
  });
  if (copied) rounds.push_back(copies(policy));
  if (what.run.probe && keeps_in_buckets(what)) rounds.push_back(probe(policy));
  if (std::optional<Round> drill = drill_round(policy)) rounds.push_back(std::move(*drill));
  return rounds;
}

}  // namespace app
