#include "app/daemon_look.h"

#include "repository/policy_log.h"

namespace app {

schedule::Offer look(Context& context, const PolicyText& policy, base::Instant now,
                     std::stop_token stop) {
  const repository::Repository repository = context.repository(stop);
  repository::keep_policy(repository, policy.text, now, stop);
  std::vector<monitor::DumpPlace> places;
  for (const policy::DumpTier& tier : policy.policy.layers.dumps)
    places.push_back({tier.tier.name, context.dump_store(tier.tier.name)});
  const monitor::Catalog catalog = monitor::read_histories(
      policy.policy, repository, context.cluster_database(), places, now, stop);

  std::map<policy::TierKey, schedule::FailedAttempt> failed;
  for (const auto& [tier, run] : catalog.last_runs) {
    if (!run.ok && !run.cancelled)
      failed[tier] = {.slot = run.slot, .attempt = run.attempt, .ended = run.ended};
  }
  return schedule::offer_of(policy::judge_policy(policy.policy, catalog.histories, now),
                            std::move(failed));
}

}  // namespace app
