#include "app/alert_news.h"

#include "base/json.h"
#include "policy/duration.h"

namespace app {

using base::Instant;
using repository::RunRecord;

namespace {

constexpr base::Duration news_age_max = std::chrono::hours(1);
constexpr base::Duration digest_age_max = std::chrono::hours(6);

// "1.2 GB stored", as far as the run's record says.
std::string amount(const RunRecord& run) {
  for (const char* const name : {"stored_bytes", "size", "bytes"}) {
    if (const auto bytes = base::member_if_there<uint64_t>(run.details, name))
      return ", " + base::human_bytes(*bytes) + " stored";
  }
  return "";
}

std::string what_ran(const policy::TierKey& key) {
  return fmt::format("{} {}", policy::name(key.layer), key.tier);
}

std::vector<policy::TierKey> tiers(const policy::Policy& policy) {
  std::vector<policy::TierKey> keys;
  for (const policy::Tier& tier : policy.layers.snapshots)
    keys.push_back({policy::TieredLayer::snapshots, tier.name});
  for (const policy::DumpTier& tier : policy.layers.dumps)
    keys.push_back({policy::TieredLayer::dumps, tier.tier.name});
  return keys;
}

}  // namespace

std::vector<News> recent_news(const policy::Policy& policy, const monitor::Catalog& catalog,
                              Instant now) {
  std::vector<News> news;
  for (const auto& [key, run] : catalog.last_runs) {
    if (!run.ok || now - run.ended > news_age_max || run.ended > now) continue;
    news.push_back(
        {.policy = policy.name,
         .key = fmt::format("{}/{}", run.lane, base::to_compact(run.slot)),
         .headline = fmt::format("{} done in {}{}", what_ran(key),
                                 base::human_duration(run.ended - run.started), amount(run)),
         .lines = {fmt::format("due {}, done {}", base::to_rfc3339(run.slot),
                               base::to_rfc3339(run.ended))},
         .at = run.ended});
  }
  return news;
}

std::optional<Instant> digest_due(const policy::Policy& policy, Instant now) {
  const Instant slot = policy::last_slot_at_or_before(policy.monitor.digest, policy.timezone, now);
  return now - slot <= digest_age_max ? std::optional(slot) : std::nullopt;
}

std::vector<RunRecord> all_runs(const policy::Policy& policy,
                                const repository::Repository& repository, std::stop_token stop) {
  std::vector<RunRecord> runs;
  for (const policy::TierKey& key : tiers(policy)) {
    for (RunRecord& run :
         repository::read_runs(repository, monitor::lane(key.layer, key.tier), stop))
      runs.push_back(std::move(run));
  }
  return runs;
}

News digest(const policy::Policy& policy, const Judgement& judgement,
            const std::vector<RunRecord>& runs, Instant at) {
  News news{
      .policy = policy.name, .key = base::to_compact(at), .headline = {}, .lines = {}, .at = at};
  const Instant from = at - policy::period(policy.monitor.digest);
  size_t good = 0;
  size_t all = 0;
  for (const policy::TierKey& key : tiers(policy)) {
    const std::string lane = monitor::lane(key.layer, key.tier);
    for (const RunRecord& run : runs) {
      if (run.lane != lane || run.ended <= from || run.ended > at) continue;
      ++all;
      good += run.ok ? 1 : 0;
      news.lines.push_back(
          run.ok ? fmt::format("{}: done in {}{}", what_ran(key),
                               base::human_duration(run.ended - run.started), amount(run))
                 : fmt::format("{}: attempt {} failed: {}", what_ran(key), run.attempt, run.error));
    }
  }
  for (const monitor::StatusRow& row : judgement.status.rows) {
    if (row.kept && row.expected)
      news.lines.push_back(
          fmt::format("{} {}: {} of {} kept", row.layer, row.tier, *row.kept, *row.expected));
  }
  news.headline = all == 0      ? "nothing ran since the last digest"
                  : good == all ? fmt::format("all went well: {} run{}", all, all == 1 ? "" : "s")
                                : fmt::format("{} of {} runs went well", good, all);
  return news;
}

}  // namespace app
