#include "app/alert_test_message.h"

#include "base/error.h"

namespace app {

namespace {

Bulletin test_bulletin(const policy::Policy& policy, monitor::AlertStep step, base::Instant now) {
  const AlertItem item{.key = "test:alert",
                       .number = 1,
                       .group = "test:alert/" + base::to_compact(now),
                       .group_open = false,
                       .step = step,
                       .severity = monitor::Severity::critical,
                       .what = "somebody tries whether alerts arrive here",
                       .remedy = "nothing",
                       .section = "alerts",
                       .begun = now,
                       .at = now};
  return {.policy = policy.name,
          .exposure = {},
          .runbooks = policy.monitor.runbooks.value_or(""),
          .repeat_every = std::chrono::minutes(1),
          .test = true,
          .items = {item}};
}

}  // namespace

std::vector<RouteTest> test_routes(const policy::Policy& policy, const std::string& only,
                                   base::Instant now, std::stop_token stop) {
  net::HttpClient http({.ca_file = policy.monitor.ca_file.value_or(""), .timeouts = {}});
  std::vector<RouteTest> tests;
  std::string names;
  for (const std::unique_ptr<AlertRoute>& route : make_routes(policy, http)) {
    names += (names.empty() ? "" : ", ") + route->name();
    if (!only.empty() && route->name() != only) continue;
    Delivery delivery =
        route->tell(test_bulletin(policy, monitor::AlertStep::opened, now), stop).at(0);
    if (delivery.told) {
      delivery = route->tell(test_bulletin(policy, monitor::AlertStep::resolved, now), stop).at(0);
    }
    tests.push_back({route->name(), delivery});
  }
  if (names.empty()) {
    throw base::Error(base::ErrorKind::invalid, "the policy tells nobody: monitor has no route",
                      "name one: monitor.slack, pagerduty, alertmanager, webhook, email");
  }
  if (tests.empty()) {
    throw base::Error(base::ErrorKind::invalid, fmt::format("the policy has no route '{}'", only),
                      "it has " + names);
  }
  return tests;
}

}  // namespace app
