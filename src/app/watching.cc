#include "app/watching.h"

#include "app/drill_round.h"
#include "app/fire_drill.h"
#include "app/look_log.h"
#include "app/slot_run.h"
#include "base/error.h"
#include "base/log.h"

namespace app {

using base::Instant;
using schedule::Round;

namespace {

constexpr const char* fire_drill_lane = "fire-drill";
constexpr base::Duration answer_wait = std::chrono::minutes(30);
constexpr base::Duration fire_drill_takes_max = std::chrono::hours(1);
constexpr base::Duration fire_drill_catch_up = std::chrono::hours(4);

// Claimed like a run, so that of several daemons one pages.
void fire_drill_in_slot(Context& context, Instant slot_begins, const std::stop_token& stop) {
  const repository::Repository repository = context.repository(stop);
  const policy::Policy& policy = context.policy();
  const bool due = fire_drill_due(*policy.monitor.fire_drill, policy.timezone,
                                  read_fire_drills(repository, stop), base::system_clock().now());
  const Slot slot{
      .due = slot_begins, .tiers = {}, .rows = {{fire_drill_lane, fire_drill_takes_max}}};
  if (!due || has_ended_well(repository, slot, stop)) return;
  bool claimed = false;
  const auto work = [&](const repository::Claim&) -> base::Json {
    claimed = true;
    const FireDrill drill = run_fire_drill(policy, answer_wait, stop);
    put_fire_drill(repository, drill, stop);
    return to_json(drill);
  };
  try {
    run_slot(repository, slot, std::nullopt, work, stop);
  } catch (const base::Error& failure) {
    if (claimed || failure.kind() != base::ErrorKind::conflict) throw;  // else another one pages
  }
}

Round fire_drill_round(const std::shared_ptr<const PolicyText>& policy) {
  return {.name = "fire drill",
          .when = *policy->policy.monitor.fire_drill,
          .work =
              [policy](Instant slot, const std::stop_token& stop) {
                Context context(policy->file, policy->policy);
                fire_drill_in_slot(context, slot, stop);
              },
          .catch_up = fire_drill_catch_up,
          .hangs_after = fire_drill_takes_max,
          .retry_after = std::chrono::minutes(10)};
}

// One watcher of one version of a policy; made by the round's first turn, in its own thread.
struct Looking {
  Looking(const PolicyText& policy, bool once)
      : context(policy.file, policy.policy),
        watcher(context, {.once = once, .tell = true}, base::system_clock().now()) {}
  Context context;
  Watcher watcher;
  LookLog log;
};

}  // namespace

DaemonPlugs Watching::plugs() {
  return {.rounds =
              [this](const std::shared_ptr<const PolicyText>& policy,
                     const DaemonPlugs::OwnFindings& own_findings) {
                return rounds(policy, own_findings);
              },
          .metrics = [this] { return metrics(); }};
}

std::vector<Round> Watching::rounds(const std::shared_ptr<const PolicyText>& policy,
                                    const DaemonPlugs::OwnFindings& own_findings) {
  std::vector<Round> all;
  all.push_back(watch_round(policy, own_findings));
  if (std::optional<Round> drill = drill_round(policy)) all.push_back(std::move(*drill));
  if (policy->policy.monitor.fire_drill && policy->policy.monitor.pagerduty)
    all.push_back(fire_drill_round(policy));
  return all;
}

Round Watching::watch_round(const std::shared_ptr<const PolicyText>& policy,
                            const DaemonPlugs::OwnFindings& own_findings) {
  // Kept from turn to turn, which never overlap.
  const auto looking = std::make_shared<std::unique_ptr<Looking>>();
  const auto work = [this, policy, own_findings, looking](Instant, const std::stop_token& stop) {
    if (!*looking) *looking = std::make_unique<Looking>(*policy, once_);
    (*looking)->watcher.set_own_findings(own_findings());
    Look look = (*looking)->watcher.look(base::system_clock().now(), stop);
    (*looking)->log.tell(look);
    note(policy, std::move(look));
    if (const std::optional<std::string>& file = policy->policy.run.textfile)
      base::write_file_durably(*file, base::as_bytes(metrics()), 0644);  // for who collects it
  };
  return {.name = "watch", .when = policy->policy.monitor.look_every, .work = work};
}

void Watching::note(const std::shared_ptr<const PolicyText>& policy, Look look) {
  const std::lock_guard lock(mutex_);
  seen_[policy->file] = {.policy = policy, .look = std::make_shared<const Look>(std::move(look))};
}

std::string Watching::metrics() const {
  std::vector<std::shared_ptr<const Look>> looks;  // what is printed borrows of them
  std::vector<monitor::PolicyMetrics> policies;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [file, seen] : seen_) {
      const std::shared_ptr<const PolicyText> policy = seen.policy.lock();
      if (!policy) continue;
      looks.push_back(seen.look);
      policies.push_back(metrics_of(policy->policy, *seen.look));
    }
  }
  return monitor::print_metrics(policies, version_, base::system_clock().now());
}

}  // namespace app
