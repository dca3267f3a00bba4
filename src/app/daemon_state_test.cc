#include "app/daemon_state.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

namespace app {
namespace {

using base::Instant;
using policy::TieredLayer;

const Instant noon = base::from_rfc3339("2028-02-29T12:00:00Z");

PolicyState healthy() {
  PolicyState policy;
  policy.name = "shop";
  policy.file = "/etc/seawall/seawall.yaml";
  policy.loaded = policy.looked = noon;
  policy.counts = {{.tier = {TieredLayer::dumps, "nightly"}, .well = 3, .failed = 1}};
  policy.rounds.emplace_back().name = "heartbeat";
  policy.rounds[0].went_well = noon;
  policy.rounds[0].turns = 7;
  return policy;
}

PolicyState in_trouble() {
  PolicyState policy = healthy();
  policy.name = "the \"other\"\n\\";
  policy.broken = "line 3 is wrong";
  policy.broken_since = noon;
  policy.unreachable = "no route to the store";
  RunState& run = policy.runs.emplace_back();
  run.layer = TieredLayer::snapshots;
  run.tiers = {"nightly", "weekly"};
  run.slot = run.begun = noon;
  run.phase = "reading";
  run.late = true;
  policy.rounds[0].hangs = true;
  policy.rounds[0].begun = noon;
  return policy;
}

DaemonState state_of(std::vector<PolicyState> policies) {
  DaemonState state;
  state.version = "1.2.3";
  state.started = state.turned = noon;
  state.policies = std::move(policies);
  return state;
}

TEST(DaemonState, writes_metrics_as_prometheus_reads_them) {
  const std::string text = to_metrics(state_of({healthy(), in_trouble()}));
  const std::regex sample(R"re([a-z_]+(\{([a-z]+="([^"\\\n]|\\["\\n])*",?)+\})? [0-9.e+]+)re");
  std::set<std::string> families;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(families.insert(line.substr(7, line.find(' ', 7) - 7)).second) << line;
    } else if (!line.starts_with("# HELP ")) {
      EXPECT_TRUE(std::regex_match(line, sample)) << line;
      EXPECT_TRUE(families.contains(line.substr(0, line.find_first_of("{ ")))) << line;
    }
  }
  for (const char* line :
       {"seawall_daemon_rounds_total{policy=\"shop\",round=\"heartbeat\"} 7\n",
        "seawall_daemon_store_reachable{policy=\"shop\"} 1\n",
        "seawall_daemon_store_reachable{policy=\"the \\\"other\\\"\\n\\\\\"} 0\n",
        "seawall_daemon_runs_total{policy=\"shop\",layer=\"dumps\",tier=\"nightly\",outcome="
        "\"failed\"} 1\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

TEST(DaemonState, finds_nothing_wrong_where_nothing_is) {
  EXPECT_TRUE(judge(healthy()).empty());
  std::string why;
  EXPECT_TRUE(is_ready(state_of({healthy()}), why));
  EXPECT_EQ(describe(state_of({healthy()})), "policy shop, nothing under way");
}

TEST(DaemonState, tells_of_a_round_that_fails_for_long_and_gives_each_finding_a_key) {
  PolicyState state = healthy();
  ASSERT_FALSE(state.rounds.empty());
  schedule::RoundState& round = state.rounds[0];
  round.name = "write-once probe";
  round.error = "refused";
  round.failing_since = base::from_rfc3339("2028-02-29T12:00:00Z");
  round.begun = *round.failing_since + std::chrono::minutes(29);
  EXPECT_TRUE(judge(state).empty());
  round.begun = *round.failing_since + std::chrono::minutes(31);
  ASSERT_EQ(judge(state).size(), 1u);
  EXPECT_EQ(judge(state)[0].key, "fails:write-once-probe");
  for (const monitor::Finding& finding : judge(in_trouble())) {
    EXPECT_NE(finding.key.find(':'), std::string::npos) << finding.what;
    EXPECT_FALSE(finding.section.empty()) << finding.what;
  }
}

TEST(DaemonState, names_a_broken_policy_a_late_run_and_a_round_that_hangs) {
  const std::vector<monitor::Finding> findings = judge(in_trouble());
  ASSERT_EQ(findings.size(), 3u);
  EXPECT_EQ(findings[0].severity, monitor::Severity::critical);
  EXPECT_NE(findings[0].what.find("line 3 is wrong"), std::string::npos);
  EXPECT_NE(findings[0].what.find("2028-02-29T12:00:00Z is still carried out"), std::string::npos);
  EXPECT_NE(findings[1].what.find("snapshots nightly, weekly"), std::string::npos);
  EXPECT_NE(findings[2].what.find("heartbeat"), std::string::npos);
  EXPECT_EQ(describe(state_of({healthy(), in_trouble()})), "2 policies, 1 run under way, 1 broken");
}

TEST(DaemonState, is_not_ready_without_its_store_or_its_policy) {
  std::string why;
  EXPECT_FALSE(is_ready(state_of({healthy(), in_trouble()}), why));
  EXPECT_NE(why.find("no route to the store"), std::string::npos);
  PolicyState never;
  never.file = "bad.yaml";
  why.clear();
  EXPECT_FALSE(is_ready(state_of({never}), why));
  EXPECT_NE(why.find("bad.yaml"), std::string::npos);
  why.clear();
  EXPECT_FALSE(is_ready(state_of({}), why));
}

TEST(DaemonState, as_json_has_what_is_under_way) {
  const base::Json json = to_json(state_of({in_trouble()}));
  const base::Json& policy = json.at("policies").at(0);
  EXPECT_EQ(policy.at("broken"), "line 3 is wrong");
  EXPECT_EQ(policy.at("runs").at(0).at("layer"), "snapshots");
  EXPECT_EQ(policy.at("runs").at(0).at("phase"), "reading");
  EXPECT_EQ(policy.at("ended").at(0).at("failed"), 1);
  EXPECT_EQ(policy.at("rounds").at(0).at("error"), nullptr);
}

}  // namespace
}  // namespace app
