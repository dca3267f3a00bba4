#include "app/daemon_state.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "monitor/runbook_sections.h"

namespace app {

using base::Instant;
using base::Json;
using monitor::Finding;
using monitor::Severity;

namespace {

Json at(const std::optional<Instant>& time) {
  return time ? Json(base::to_rfc3339(*time)) : Json(nullptr);
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json to_json(const RunState& run) {
  return {{"layer", policy::name(run.layer)}, {"tiers", run.tiers}, {"slot", at(run.slot)},
          {"begun", at(run.begun)},           {"phase", run.phase}, {"late", run.late},
          {"stopping", run.stopped}};
}

Json to_json(const schedule::RoundState& round) {
  return {{"name", round.name},
          {"begun", at(round.begun)},
          {"went_well", at(round.went_well)},
          {"working", round.working},
          {"hangs", round.hangs},
          {"turns", round.turns},
          {"failures", round.failures},
          {"failing_since", at(round.failing_since)},
          {"error", text_or_null(round.error)}};
}

Json to_json(const PolicyState& policy) {
  Json json = {{"name", policy.name},
               {"file", policy.file},
               {"loaded", at(policy.loaded)},
               {"broken", text_or_null(policy.broken)},
               {"broken_since", at(policy.broken_since)},
               {"looked", at(policy.looked)},
               {"unreachable", text_or_null(policy.unreachable)},
               {"runs", Json::array()},
               {"ended", Json::array()},
               {"rounds", Json::array()}};
  for (const RunState& run : policy.runs) json["runs"].push_back(to_json(run));
  for (const RunCounts& counts : policy.counts) {
    json["ended"].push_back({{"layer", policy::name(counts.tier.layer)},
                             {"tier", counts.tier.tier},
                             {"well", counts.well},
                             {"failed", counts.failed}});
  }
  for (const schedule::RoundState& round : policy.rounds) json["rounds"].push_back(to_json(round));
  return json;
}

// ---- Prometheus

std::string label(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '\\' || c == '"') quoted += '\\';
    quoted += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return quoted + '"';
}

class Metrics {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  void sample(const std::vector<std::pair<std::string_view, std::string>>& labels, double value) {
    std::string list;
    for (const auto& [name, text] : labels)
      list += fmt::format("{}{}={}", list.empty() ? "" : ",", name, label(text));
    text_ += fmt::format("{}{}{}{} {}\n", name_, list.empty() ? "" : "{", list,
                         list.empty() ? "" : "}", value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

void add_rounds(Metrics& metrics, const DaemonState& state) {
  using schedule::RoundState;
  const auto each = [&](const std::function<void(const std::string&, const RoundState&)>& add) {
    for (const PolicyState& policy : state.policies) {
      for (const RoundState& round : policy.rounds) add(policy.name, round);
    }
  };
  const auto labels = [](const std::string& policy, const RoundState& round) {
    return std::vector<std::pair<std::string_view, std::string>>{{"policy", policy},
                                                                 {"round", round.name}};
  };
  metrics.family("seawall_daemon_rounds_total", "counter", "Turns that a round has begun.");
  each([&](const std::string& policy, const RoundState& round) {
    metrics.sample(labels(policy, round), static_cast<double>(round.turns));
  });
  metrics.family("seawall_daemon_round_failures_total", "counter", "Turns of a round that failed.");
  each([&](const std::string& policy, const RoundState& round) {
    metrics.sample(labels(policy, round), static_cast<double>(round.failures));
  });
  metrics.family("seawall_daemon_round_last_success_timestamp_seconds", "gauge",
                 "When a turn of the round last ended well.");
  each([&](const std::string& policy, const RoundState& round) {
    if (round.went_well)
      metrics.sample(labels(policy, round), base::to_unix_seconds(*round.went_well));
  });
  metrics.family("seawall_daemon_round_hanging", "gauge",
                 "1 while a turn of the round takes longer than it should.");
  each([&](const std::string& policy, const RoundState& round) {
    metrics.sample(labels(policy, round), round.hangs ? 1 : 0);
  });
}

void add_runs(Metrics& metrics, const DaemonState& state) {
  metrics.family("seawall_daemon_runs_under_way", "gauge",
                 "Runs that this daemon carries out now.");
  for (const PolicyState& policy : state.policies) {
    for (const policy::TieredLayer layer :
         {policy::TieredLayer::snapshots, policy::TieredLayer::dumps}) {
      metrics.sample({{"policy", policy.name}, {"layer", std::string(policy::name(layer))}},
                     static_cast<double>(std::ranges::count(policy.runs, layer, &RunState::layer)));
    }
  }
  metrics.family("seawall_daemon_runs_total", "counter",
                 "Runs that this daemon brought to an end since it was started.");
  for (const PolicyState& policy : state.policies) {
    for (const RunCounts& counts : policy.counts) {
      const auto add = [&](const char* outcome, uint64_t count) {
        metrics.sample({{"policy", policy.name},
                        {"layer", std::string(policy::name(counts.tier.layer))},
                        {"tier", counts.tier.tier},
                        {"outcome", outcome}},
                       static_cast<double>(count));
      };
      add("ok", counts.well);
      add("failed", counts.failed);
    }
  }
}

}  // namespace

Json to_json(const DaemonState& state) {
  Json json = {{"version", state.version},
               {"started", at(state.started)},
               {"turned", at(state.turned)},
               {"ending", state.ending},
               {"policies", Json::array()}};
  for (const PolicyState& policy : state.policies) json["policies"].push_back(to_json(policy));
  return json;
}

std::string to_metrics(const DaemonState& state) {
  Metrics metrics;
  metrics.family("seawall_daemon_start_timestamp_seconds", "gauge", "When the daemon was started.");
  metrics.sample({}, base::to_unix_seconds(state.started));
  metrics.family("seawall_daemon_turn_timestamp_seconds", "gauge",
                 "When the daemon's loop turned last.");
  metrics.sample({}, base::to_unix_seconds(state.turned));
  metrics.family("seawall_daemon_policy_broken", "gauge",
                 "1 while the policy's file cannot be used and an older version is carried out.");
  for (const PolicyState& policy : state.policies)
    metrics.sample({{"policy", policy.name}, {"file", policy.file}}, policy.broken.empty() ? 0 : 1);
  metrics.family("seawall_daemon_store_reachable", "gauge",
                 "1 if the repository answered when the daemon asked it last.");
  for (const PolicyState& policy : state.policies)
    metrics.sample({{"policy", policy.name}}, policy.looked && policy.unreachable.empty() ? 1 : 0);
  add_runs(metrics, state);
  add_rounds(metrics, state);
  return metrics.take();
}

namespace {

// So long a round may fail before it is a finding: most of what ends it passes.
constexpr base::Duration patience = std::chrono::minutes(30);

// A round's name as a part of a key.
std::string dashed(std::string name) {
  std::ranges::replace(name, ' ', '-');
  return name;
}

}  // namespace

std::vector<Finding> judge(const PolicyState& state) {
  std::vector<Finding> findings;
  if (!state.broken.empty()) {
    const std::string still = state.loaded ? fmt::format("the version of {} is still carried out",
                                                         base::to_rfc3339(*state.loaded))
                                           : "nothing of it is carried out";
    findings.push_back(
        {.severity = Severity::critical,
         .what = fmt::format("{} cannot be used, {}: {}", state.file, still, state.broken),
         .remedy = "mend the file; the daemon reads it again within seconds",
         .key = "policy:broken",
         .section = std::string(monitor::runbook::missed_backup),
         .since = state.broken_since});
  }
  for (const RunState& run : state.runs) {
    if (!run.late) continue;
    findings.push_back(
        {.severity = Severity::warning,
         .what = fmt::format("the run of {} {} for {} has not ended since {}",
                             policy::name(run.layer), fmt::join(run.tiers, ", "),
                             base::to_rfc3339(run.slot), base::to_rfc3339(run.begun)),
         .remedy = fmt::format(
             "it is at \"{}\": look at the server and the store, or give the tier more time "
             "by finish_within",
             run.phase),
         .key = fmt::format("late:{}-{}", policy::name(run.layer), fmt::join(run.tiers, "-")),
         .section = std::string(monitor::runbook::missed_backup),
         .since = run.begun});
  }
  for (const schedule::RoundState& round : state.rounds) {
    if (!round.hangs) continue;
    findings.push_back({.severity = Severity::warning,
                        .what = fmt::format("the daemon's {} hangs since {}", round.name,
                                            base::to_rfc3339(round.begun.value_or(Instant{}))),
                        .remedy = "restart the daemon if it does not end, and say so in an issue",
                        .key = "hangs:" + dashed(round.name),
                        .section = std::string(monitor::runbook::missed_backup),
                        .since = round.begun});
  }
  for (const schedule::RoundState& round : state.rounds) {
    if (!round.failing_since || !round.begun || *round.begun - *round.failing_since < patience)
      continue;
    findings.push_back({.severity = Severity::warning,
                        .what = fmt::format("the daemon's {} fails since {}: {}", round.name,
                                            base::to_rfc3339(*round.failing_since), round.error),
                        .remedy = "its error says what to mend; the daemon goes on trying",
                        .key = "fails:" + dashed(round.name),
                        .section = std::string(monitor::runbook::missed_backup),
                        .since = round.failing_since});
  }
  return findings;
}

bool is_ready(const DaemonState& state, std::string& why) {
  for (const PolicyState& policy : state.policies) {
    const std::string name = policy.name.empty() ? policy.file : policy.name;
    if (!policy.loaded) {
      why += fmt::format("{}: the policy cannot be used\n", name);
    } else if (!policy.unreachable.empty()) {
      why += fmt::format("{}: {}\n", name, policy.unreachable);
    } else if (!policy.looked) {
      why += fmt::format("{}: the store has not been asked yet\n", name);
    }
  }
  if (state.policies.empty()) why = "no policy\n";
  if (state.ending) why += "the daemon is ending\n";
  return why.empty();
}

std::string describe(const DaemonState& state) {
  size_t runs = 0;
  size_t broken = 0;
  for (const PolicyState& policy : state.policies) {
    runs += policy.runs.size();
    broken += policy.broken.empty() ? 0 : 1;
  }
  std::string text = state.policies.size() == 1 ? fmt::format("policy {}", state.policies[0].name)
                                                : fmt::format("{} policies", state.policies.size());
  text += runs == 0 ? ", nothing under way"
                    : fmt::format(", {} run{} under way", runs, runs == 1 ? "" : "s");
  if (broken > 0) text += fmt::format(", {} broken", broken);
  return text;
}

}  // namespace app
