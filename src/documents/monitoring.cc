#include "documents/monitoring.h"

#include <fmt/ranges.h>

#include "policy/duration.h"

namespace documents {

using policy::Monitor;
using policy::SecretSource;

namespace {

std::string news_of_success(const Monitor& monitor, const policy::Zone& zone) {
  switch (monitor.slack->success) {
    case policy::SuccessNews::never:
      return "successes are not told";
    case policy::SuccessNews::digest:
      return "successes in a digest, " + cadence_in_words(monitor.digest, zone);
    case policy::SuccessNews::each:
      return "each success, too";
  }
  return {};
}

std::vector<Text> routes(const Facts& facts) {
  const Monitor& monitor = facts.policy.monitor;
  std::vector<Text> items;
  if (monitor.slack) {
    items.push_back("Slack, " + strong(monitor.slack->channel) + ": every alert; " +
                    news_of_success(monitor, facts.policy.timezone));
  }
  if (monitor.pagerduty) {
    items.push_back(strong("PagerDuty") + ": what is critical pages on-call" +
                    (monitor.pagerduty->changes ? "; a good run is a change event" : ""));
  }
  if (monitor.alertmanager) items.push_back("Alertmanager at " + code(monitor.alertmanager->url));
  if (monitor.webhook) {
    items.push_back("A webhook, its address in " +
                    code(policy::print_secret(monitor.webhook->url)));
  }
  if (monitor.email) items.push_back(fmt::format("Mail to {}", fmt::join(monitor.email->to, ", ")));
  return items;
}

}  // namespace

void write_monitoring(const Facts& facts, Document& document) {
  const policy::Policy& policy = facts.policy;
  const Monitor& monitor = policy.monitor;
  document.heading("Monitoring", "monitoring");
  std::vector<Text> items = routes(facts);
  if (items.empty()) {
    items.push_back(strong("Nobody is told.") + " The policy's " + code("monitor") +
                    " names no one; " + code("seawall status") + " tells by its exit code");
  }
  items.push_back(fmt::format("Missed backup alert threshold: {} missed run{} {} on-call",
                              monitor.missed_runs, monitor.missed_runs == 1 ? "" : "s in a row",
                              monitor.missed_runs == 1 ? "pages" : "page"));
  items.push_back("Looked at every " + policy::describe_duration(monitor.look_every) +
                  " where somebody watches; an alert that stays is told again every " +
                  policy::describe_duration(monitor.repeat_every));
  if (monitor.heartbeat_ping) {
    items.push_back("The watcher itself is watched: it asks the address in " +
                    code(policy::print_secret(*monitor.heartbeat_ping)) +
                    " after each look, and its silence pages");
  }
  if (policy.drill && policy.drill->weekly) {
    items.push_back(
        "Weekly health check, " + cadence_in_words(*policy.drill->weekly, policy.timezone) + ": " +
        link("the restore drill", "runbooks/restore-drill") + " verifies restorability");
  }
  if (policy.drill && policy.drill->quarterly) {
    items.push_back("Each quarter the " + link("checklist", "runbooks/restore-drill#checklist") +
                    " is signed off by its last day");
  }
  if (!policy.drill) {
    items.push_back(strong("No drill is scheduled") + " by this policy; " +
                    link("by hand", "runbooks/restore-drill") + " it can be held at any time");
  }
  if (policy.run.probe) {
    items.push_back("That backups cannot be destroyed by whoever writes them is tried, " +
                    cadence_in_words(*policy.run.probe, policy.timezone));
  }
  if (monitor.fire_drill) {
    items.push_back("Once a month, on the first such day, on-call is paged to see who answers: " +
                    cadence_in_words(*monitor.fire_drill, policy.timezone));
  }
  if (policy.run.heartbeat)
    items.push_back("A row is written each minute, so that what a restore loses is measured");
  document.bullets(std::move(items));
  document.paragraph("What to do when one comes: " + link("incidents", "runbooks/incident") + ".");
}

std::vector<AlertSecret> alert_secrets(const Monitor& monitor) {
  std::vector<AlertSecret> secrets;
  const auto add = [&](const char* what, const SecretSource& kept, const char* made) {
    secrets.push_back({what, policy::print_secret(kept), made});
  };
  if (monitor.slack)
    add("Slack's webhook", monitor.slack->webhook, "in Slack's app, Incoming Webhooks");
  if (monitor.pagerduty) {
    add("PagerDuty's routing key", monitor.pagerduty->routing_key,
        "in the service's integration, Events API v2");
    if (monitor.pagerduty->rest_token)
      add("PagerDuty's API token", *monitor.pagerduty->rest_token, "in PagerDuty, API Access Keys");
  }
  if (monitor.alertmanager && monitor.alertmanager->token)
    add("Alertmanager's token", *monitor.alertmanager->token, "with whoever runs it");
  if (monitor.webhook) {
    add("The webhook's address", monitor.webhook->url, "with whoever receives it");
    if (monitor.webhook->token)
      add("The webhook's token", *monitor.webhook->token, "with whoever receives it");
  }
  if (monitor.email && monitor.email->password)
    add("The mail server's password", *monitor.email->password, "with whoever runs it");
  if (monitor.heartbeat_ping)
    add("The heartbeat's address", *monitor.heartbeat_ping, "with the service that waits for it");
  return secrets;
}

}  // namespace documents
