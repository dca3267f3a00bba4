// What the daemon knows of itself: for /status.json, /metrics, the log and whoever watches it from
// inside. Values, made by the loop at each of its turns. Nothing secret is in it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "monitor/finding.h"
#include "policy/due.h"
#include "schedule/rounds.h"

namespace app {

struct RunState {
  policy::TieredLayer layer = policy::TieredLayer::snapshots;
  std::vector<std::string> tiers;
  base::Instant slot;
  base::Instant begun;
  std::string phase;     // while it is under way
  bool late = false;     // longer than finish_within
  bool stopped = false;  // asked to end
};

// How many runs this process has brought to an end, of a tier.
struct RunCounts {
  policy::TierKey tier;
  uint64_t well = 0;
  uint64_t failed = 0;
};

struct PolicyState {
  std::string name;  // of the policy; empty: its file was never usable
  std::string file;
  std::optional<base::Instant> loaded;  // the version that is carried out
  std::string broken;                   // why the file as it is now is not
  std::optional<base::Instant> broken_since;
  std::optional<base::Instant> looked;  // at the store, with success
  std::string unreachable;              // why the last look failed
  std::vector<RunState> runs;
  std::vector<RunCounts> counts;
  std::vector<schedule::RoundState> rounds;
};

struct DaemonState {
  std::string version;
  base::Instant started;
  base::Instant turned;
  bool ending = false;
  std::vector<PolicyState> policies;
};

base::Json to_json(const DaemonState& state);
// Prometheus' text format.
std::string to_metrics(const DaemonState& state);
// What is wrong with the daemon itself, for one of its policies.
std::vector<monitor::Finding> judge(const PolicyState& state);
// Whether each policy is loaded and its store answered when it was last asked. `why` says what is
// not.
bool is_ready(const DaemonState& state, std::string& why);
// One line for people: "2 policies, 1 run under way".
std::string describe(const DaemonState& state);

}  // namespace app
