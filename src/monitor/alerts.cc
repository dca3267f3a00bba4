#include "monitor/alerts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

namespace monitor {

using base::Duration;
using base::Instant;

namespace {

constexpr Duration one_day = std::chrono::hours(24);
constexpr Duration takeover = std::chrono::minutes(3);     // of what another watcher began to tell
constexpr Duration first_hold = std::chrono::minutes(30);  // of an alert that comes and goes
constexpr Duration first_pause = std::chrono::minutes(1);
constexpr Duration longest_pause = std::chrono::hours(1);
constexpr Duration patience = std::chrono::minutes(5);  // with a route that does not answer
constexpr size_t key_bytes_max = 120;
constexpr std::string_view undeliverable = "undeliverable:";

std::string_view kind_of(std::string_view key) { return key.substr(0, key.find(':')); }

// `first`, doubled `times` times, and no longer than `longest`.
Duration doubled(Duration first, size_t times, Duration longest) {
  for (size_t i = 0; i < times && first < longest; ++i) first *= 2;
  return std::min(first, longest);
}

class AlertJudge {
 public:
  AlertJudge(const std::vector<Alert>& alerts, const AlertRules& rules,
             const std::vector<std::string>& unseen, Instant now)
      : alerts_(alerts), rules_(rules), unseen_(unseen), now_(now) {}

  std::vector<NewEvent> run(const std::vector<Finding>& found) {
    for (const Finding& finding : found) {
      const Alert* const alert = newest(finding.key);
      if (alert == nullptr || !alert->open()) {
        open(finding, alert);
      } else if (is_to_be_repeated(*alert, finding)) {
        add(*alert, event_of(finding, AlertStep::repeated, alert->events.back().repeat + 1));
      }
    }
    for (const Alert& alert : alerts_) {
      const bool lasts = std::ranges::find(found, alert.key, &Finding::key) != found.end();
      if (!alert.open() || lasts || is_unseen(alert.key) || now_ - alert.opened() < hold(alert.key))
        continue;
      AlertEvent resolved = alert.events.back();
      resolved.step = AlertStep::resolved;
      resolved.at = now_;
      resolved.severity = alert.severity();
      resolved.tellings.clear();
      add(alert, std::move(resolved));
    }
    return std::move(events_);
  }

 private:
  const Alert* newest(const std::string& key) const {
    const Alert* found = nullptr;
    for (const Alert& alert : alerts_) {
      if (alert.key == key && (found == nullptr || found->number < alert.number)) found = &alert;
    }
    return found;
  }

  AlertEvent event_of(const Finding& finding, AlertStep step, int repeat) const {
    return {.step = step,
            .repeat = repeat,
            .at = now_,
            .severity = finding.severity,
            .what = finding.what,
            .remedy = finding.remedy,
            .ours = false,
            .tellings = {}};
  }

  void open(const Finding& finding, const Alert* before) {
    NewEvent opened{.key = finding.key,
                    .number = before == nullptr ? 1 : before->number + 1,
                    .group = {},
                    .section = finding.section,
                    .since = finding.since,
                    .event = event_of(finding, AlertStep::opened, 0)};
    std::string& group = groups_[std::string(kind_of(finding.key))];
    if (group.empty()) group = fmt::format("{}/{}", opened.key, opened.number);
    opened.group = group;
    events_.push_back(std::move(opened));
  }

  void add(const Alert& alert, AlertEvent event) {
    event.ours = false;
    events_.push_back({.key = alert.key,
                       .number = alert.number,
                       .group = alert.group,
                       .section = alert.section,
                       .since = alert.since,
                       .event = std::move(event)});
  }

  bool is_to_be_repeated(const Alert& alert, const Finding& finding) const {
    const AlertEvent& last = alert.events.back();
    if (finding.severity > alert.severity()) return true;
    const Duration pause = finding.severity == Severity::critical
                               ? rules_.repeat_every
                               : std::max(rules_.repeat_every, one_day);
    return now_ - last.at >= pause;
  }

  // How long an alert stays at least. One that has come and gone within the day stays longer each
  // time, so that what flaps is told of a few times and not at each look.
  Duration hold(const std::string& key) const {
    const auto lately = std::ranges::count_if(alerts_, [&](const Alert& alert) {
      return alert.key == key && !alert.open() && now_ - alert.opened() < one_day;
    });
    if (lately == 0) return Duration(0);
    return doubled(first_hold, static_cast<size_t>(lately) - 1, rules_.repeat_every);
  }

  bool is_unseen(const std::string& key) const {
    return std::ranges::any_of(unseen_,
                               [&](const std::string& begin) { return key.starts_with(begin); });
  }

  const std::vector<Alert>& alerts_;
  const AlertRules& rules_;
  const std::vector<std::string>& unseen_;
  Instant now_;
  std::map<std::string, std::string> groups_;  // of this look, by kind
  std::vector<NewEvent> events_;
};

// Keys are names in the repository, where only some characters are allowed, and where the colon
// tells them from others.
std::string fit_for_records(std::string_view key) {
  bool kind = key.find(':') != std::string_view::npos;
  std::string fit = kind ? "" : "finding:";
  for (const char c : key.substr(0, key_bytes_max)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || (c == '.' && !fit.empty());
    if (c == ':' && kind) {
      kind = false;
      fit += c;
    } else {
      fit += plain ? c : '-';
    }
  }
  return fit;
}

// Whether the newest event of an alert may be tried by this route now, and which attempt that is.
std::optional<int> attempt_due(const Alert& alert, const RouteRule& route, Instant now) {
  const AlertEvent& event = alert.events.back();
  if (alert.key == std::string(undeliverable) + route.name) return std::nullopt;
  if (event.told_by(route.name)) return std::nullopt;
  if (event.step == AlertStep::resolved) {
    if (!alert.ever_told_by(route.name) || now - event.at > one_day) return std::nullopt;
  } else if (event.severity < route.least) {
    return std::nullopt;
  }
  const Telling* last = nullptr;
  int attempts = 0;
  for (const Telling& telling : event.tellings) {
    if (telling.route != route.name) continue;
    ++attempts;
    if (last == nullptr || last->at < telling.at) last = &telling;
  }
  if (last == nullptr) {
    return event.ours || now - event.at >= takeover ? std::optional(1) : std::nullopt;
  }
  const Duration pause = doubled(first_pause, static_cast<size_t>(attempts) - 1, longest_pause);
  return now - last->at >= pause ? std::optional(attempts + 1) : std::nullopt;
}

}  // namespace

std::string_view name(AlertStep step) {
  switch (step) {
    case AlertStep::opened:
      return "opened";
    case AlertStep::repeated:
      return "repeated";
    case AlertStep::resolved:
      return "resolved";
  }
  return "resolved";
}

bool AlertEvent::told_by(std::string_view route) const {
  return std::ranges::any_of(
      tellings, [&](const Telling& telling) { return telling.route == route && telling.told; });
}

Severity Alert::severity() const {
  Severity worst = Severity::notice;
  for (const AlertEvent& event : events) worst = std::max(worst, event.severity);
  return worst;
}

bool Alert::ever_told_by(std::string_view route) const {
  return std::ranges::any_of(events, [&](const AlertEvent& event) { return event.told_by(route); });
}

std::vector<Finding> alerting(const std::vector<Finding>& findings, const AlertRules& rules) {
  std::vector<Finding> found;
  std::map<std::string, int> more;
  for (const Finding& finding : findings) {
    if (finding.severity == Severity::notice || !finding.told) continue;
    Finding alarm = finding;
    alarm.key = fit_for_records(finding.key);
    if (kind_of(finding.key) == "missed" && finding.times < rules.missed_runs)
      alarm.severity = Severity::warning;
    const auto before = std::ranges::find(found, alarm.key, &Finding::key);
    if (before == found.end()) {
      found.push_back(std::move(alarm));
      continue;
    }
    ++more[alarm.key];
    if (before->severity < alarm.severity) *before = std::move(alarm);
  }
  for (Finding& finding : found) {
    if (more.contains(finding.key))
      finding.what += fmt::format(" (and {} more like it)", more[finding.key]);
  }
  return found;
}

std::vector<NewEvent> judge_alerts(const std::vector<Finding>& findings,
                                   const std::vector<Alert>& alerts, const AlertRules& rules,
                                   const std::vector<std::string>& unseen, Instant now) {
  return AlertJudge(alerts, rules, unseen, now).run(alerting(findings, rules));
}

std::vector<DueTelling> tellings_due(const std::vector<Alert>& alerts,
                                     const std::vector<RouteRule>& routes, Instant now) {
  std::vector<DueTelling> due;
  for (const RouteRule& route : routes) {
    for (size_t i = 0; i < alerts.size(); ++i) {
      if (const std::optional<int> attempt = attempt_due(alerts[i], route, now))
        due.push_back({i, route.name, *attempt});
    }
  }
  return due;
}

std::vector<Finding> judge_deliveries(const std::vector<Alert>& alerts,
                                      const std::vector<RouteRule>& routes, Instant now) {
  struct Trouble {
    size_t alerts = 0;
    Instant since = Instant::max();
    bool long_enough = false;
    std::string why;
  };
  std::map<std::string, Trouble> by_route;
  for (const Alert& alert : alerts) {
    const AlertEvent& event = alert.events.back();
    std::map<std::string, const Telling*> last;
    std::map<std::string, Instant> first;
    for (const Telling& telling : event.tellings) {
      if (event.told_by(telling.route)) continue;
      if (std::ranges::find(routes, telling.route, &RouteRule::name) == routes.end()) continue;
      const Telling*& newest = last[telling.route];
      if (newest == nullptr || newest->at < telling.at) newest = &telling;
      Instant& oldest = first.try_emplace(telling.route, telling.at).first->second;
      oldest = std::min(oldest, telling.at);
    }
    for (const auto& [route, telling] : last) {
      if (event.step == AlertStep::resolved && now - event.at > one_day) continue;
      Trouble& trouble = by_route[route];
      ++trouble.alerts;
      trouble.since = std::min(trouble.since, first[route]);
      trouble.long_enough |= telling->permanent || now - first[route] >= patience;
      trouble.why = telling->why;
    }
  }
  std::vector<Finding> findings;
  for (const auto& [route, trouble] : by_route) {
    if (!trouble.long_enough) continue;
    findings.push_back(
        {.severity = Severity::critical,
         .what = fmt::format("{} could not be told of {} alert{}: {}", route, trouble.alerts,
                             trouble.alerts == 1 ? "" : "s", trouble.why),
         .remedy = "seawall alert test; seawall alert list says what it was",
         .key = std::string(undeliverable) + route,
         .section = "alerts",
         .since = trouble.since});
  }
  return findings;
}

}  // namespace monitor
