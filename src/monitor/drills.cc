#include "monitor/drills.h"

#include <algorithm>

#include "base/error.h"
#include "monitor/runbook_sections.h"
#include "repository/policy_log.h"

namespace monitor {

using base::Instant;
using policy::Policy;
using policy::Quarter;
using repository::DrillKind;
using repository::DrillRecord;
using repository::DrillVerdict;

namespace {

constexpr base::Duration sign_off_warning = std::chrono::days(14);

// Since when all policies up to the present one have had what `has` asks for.
template <typename Has>
void follow(std::optional<Instant>& since, const Policy& policy, Instant at, const Has& has) {
  if (!policy.drill || !has(*policy.drill)) {
    since.reset();
  } else if (!since) {
    since = at;
  }
}

bool was_signed(const DrillHistory& history, Quarter quarter) {
  const std::string name = policy::to_string(quarter);
  return std::ranges::any_of(history.sign_offs, [&](const repository::SignOff& sign_off) {
    return sign_off.quarter == name;
  });
}

void find_weekly(const Policy& policy, const DrillHistory& history, Instant now, DrillsDue& due) {
  const policy::Cadence& weekly = *policy.drill->weekly;
  const Instant slot = policy::last_slot_at_or_before(weekly, policy.timezone, now);
  const bool promised = history.weekly_since && *history.weekly_since <= slot;
  const bool held = std::ranges::any_of(
      history.records, [&](const DrillRecord& record) { return record.started >= slot; });
  if (!promised || held) {
    due.slot = policy::next_slot_after(weekly, policy.timezone, now);
    return;
  }
  due.slot = slot;
  due.deadline = slot + policy.drill->finish_within;
  due.state = now < *due.deadline ? DrillState::due : DrillState::missed;
}

// The newest of each kind that the policy still has, if it did not pass.
void judge_failures(const Policy& policy, const DrillHistory& history,
                    std::vector<Finding>& findings) {
  for (const DrillKind kind : drill_kinds(policy)) {
    const auto newest = std::find_if(history.records.rbegin(), history.records.rend(),
                                     [&](const DrillRecord& one) { return one.kind == kind; });
    if (newest == history.records.rend() || newest->passed) continue;
    findings.push_back(
        {.severity = Severity::critical,
         .what = fmt::format("the drill '{}' of {} failed: {}", repository::name(kind),
                             base::to_rfc3339(newest->started), newest->failure()),
         .remedy = fmt::format("seawall drill report {}; then, when its cause is mended, "
                               "seawall drill {}",
                               newest->id, repository::name(kind)),
         .key = fmt::format("drill-failed:{}", repository::name(kind)),
         .section = std::string(runbook::drill_failed),
         .since = newest->ended});
  }
}

void judge_quarters(const Policy& policy, const DrillsDue& due, Instant now,
                    std::vector<Finding>& findings) {
  for (const Quarter quarter : due.unsigned_quarters) {
    const std::string name = policy::to_string(quarter);
    const Instant ends = policy::begin_of(policy::next(quarter), policy.timezone);
    const std::string remedy = fmt::format(
        "go through the checklist, then seawall drill sign-off --by NAME --quarter {}", name);
    if (now >= ends) {
      findings.push_back({.severity = Severity::critical,
                          .what = fmt::format("the restore drill of {} was not signed off by {}",
                                              name, policy::last_day(quarter)),
                          .remedy = remedy,
                          .key = "unsigned:" + name,
                          .section = std::string(runbook::drill_failed),
                          .since = ends});
    } else if (ends - now <= sign_off_warning) {
      findings.push_back({.severity = Severity::warning,
                          .what = fmt::format("the restore drill of {} is to be signed off by {}",
                                              name, policy::last_day(quarter)),
                          .remedy = remedy,
                          .key = "unsigned:" + name,
                          .section = std::string(runbook::drill_failed)});
    }
  }
}

}  // namespace

DrillHistory read_drill_history(const repository::Repository& repository, size_t newest_max,
                                std::stop_token stop) {
  DrillHistory history;
  history.records = repository::read_drills(repository, newest_max, stop);
  history.sign_offs = repository::read_sign_offs(repository, stop);
  for (const repository::PolicyVersion& version : repository::read_policies(repository, stop)) {
    try {
      const Policy policy = policy::parse(version.text, "policies/");
      follow(history.weekly_since, policy, version.since,
             [](const policy::Drill& drill) { return drill.weekly.has_value(); });
      follow(history.quarterly_since, policy, version.since,
             [](const policy::Drill& drill) { return drill.quarterly; });
    } catch (const base::Error&) {
      continue;  // written by another version: it says nothing that we understand
    }
  }
  return history;
}

std::vector<DrillKind> drill_kinds(const Policy& policy) {
  std::vector<DrillKind> kinds;
  if (policy.layers.pitr) {
    kinds.push_back(DrillKind::latest);
    kinds.push_back(DrillKind::moment);
  }
  if (std::ranges::any_of(policy.layers.snapshots, [](const policy::Tier& tier) {
        return tier.cadence.kind == policy::Cadence::Kind::weekly;
      }))
    kinds.push_back(DrillKind::weekly);
  const std::vector<policy::DumpTier>& dumps = policy.layers.dumps;
  if (!dumps.empty()) kinds.push_back(DrillKind::dump);
  if (std::ranges::any_of(dumps, [](const policy::DumpTier& tier) { return !!tier.replica; }))
    kinds.push_back(DrillKind::replica);
  if (!dumps.empty()) kinds.push_back(DrillKind::major);
  return kinds;
}

DrillKind next_kind(const std::vector<DrillKind>& kinds, const std::vector<DrillRecord>& records) {
  CHECK(!kinds.empty());
  std::map<DrillKind, Instant> last;
  for (const DrillRecord& record : records)
    last[record.kind] = std::max(last[record.kind], record.started);
  return *std::ranges::min_element(kinds, {}, [&](DrillKind kind) { return last[kind]; });
}

DrillsDue drills_due(const Policy& policy, const DrillHistory& history, Instant now) {
  DrillsDue due{.quarter = policy::quarter_at(now, policy.timezone)};
  if (!policy.drill) return due;
  if (policy.drill->weekly) find_weekly(policy, history, now, due);
  if (!policy.drill->quarterly) return due;
  const Quarter before = policy::previous(due.quarter);
  const bool promised_before =
      history.quarterly_since &&
      *history.quarterly_since < policy::begin_of(due.quarter, policy.timezone);
  if (promised_before && !was_signed(history, before)) due.unsigned_quarters.push_back(before);
  if (!was_signed(history, due.quarter)) due.unsigned_quarters.push_back(due.quarter);
  return due;
}

std::vector<Finding> judge_drills(const Policy& policy, const DrillHistory& history, Instant now) {
  std::vector<Finding> findings;
  if (!policy.drill) return findings;
  const DrillsDue due = drills_due(policy, history, now);
  if (due.state == DrillState::missed) {
    findings.push_back({.severity = Severity::critical,
                        .what = fmt::format("the weekly restore drill due at {} was not held",
                                            base::to_rfc3339(*due.slot)),
                        .remedy = "seawall drill",
                        .key = "missed:drill-weekly",
                        .section = std::string(runbook::drill_failed),
                        .since = due.deadline});
  }
  judge_failures(policy, history, findings);
  judge_quarters(policy, due, now, findings);
  return findings;
}

}  // namespace monitor
