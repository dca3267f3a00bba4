// Which findings somebody is told of, when, and by which route. Pure functions of what is found,
// what was told before, and the time; app/watcher.h acts on them.
//
// An alert is one finding's life: opened, told again while it lasts, resolved when a look no longer
// finds it. Each of these is an event, and each event a record in the repository
// (docs/formats/repository.md, "Alerts"), so that several watchers tell it once: who puts the
// record tells, and the others only what that one did not within `takeover`.
//
//   found            -> opened      at once
//   it gets worse    -> repeated    at once
//   still found      -> repeated    after repeat_every; warnings after a day at the soonest
//   no longer found  -> resolved    once; after some time where it comes and goes
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/finding.h"

namespace monitor {

enum class AlertStep { opened, repeated, resolved };
std::string_view name(AlertStep step);

// One attempt to tell one event by one route.
struct Telling {
  std::string route;
  base::Instant at;
  bool told = false;
  std::string why;         // it could not be
  bool permanent = false;  // trying again as it is will not help
};

struct AlertEvent {
  AlertStep step = AlertStep::opened;
  int repeat = 0;  // of `repeated`, from 1
  base::Instant at;
  Severity severity = Severity::warning;
  std::string what;
  std::string remedy;
  bool ours = false;  // put by this process just now
  std::vector<Telling> tellings;

  bool told_by(std::string_view route) const;
};

struct Alert {
  std::string key;    // the finding's
  int number = 1;     // of this key's alerts, from 1
  std::string group;  // alerts that were opened by one look and are of one kind share it
  std::string section;
  std::optional<base::Instant> since;
  std::vector<AlertEvent> events;  // in order; never empty

  bool open() const { return events.back().step != AlertStep::resolved; }
  base::Instant opened() const { return events.front().at; }
  Severity severity() const;  // the worst so far
  bool ever_told_by(std::string_view route) const;
};

struct AlertRules {
  int missed_runs = 1;
  base::Duration repeat_every{};
};

// An event that is to be recorded now; with `step` opened it begins an alert.
struct NewEvent {
  std::string key;
  int number = 1;
  std::string group;
  std::string section;
  std::optional<base::Instant> since;
  AlertEvent event;
};

// What of the findings is an alert: warnings and critical ones that are not of the past, those of
// one key together. A notice never is; a missed run is critical from the missed_runs-th in a row
// on.
std::vector<Finding> alerting(const std::vector<Finding>& findings, const AlertRules& rules);

// What happened since, by the findings of one look. `alerts` are those open, those resolved within
// the last day, and the newest of each key. Those whose keys begin with one of `unseen` are not
// mended for not being found: this look could not tell. "" is all of them.
std::vector<NewEvent> judge_alerts(const std::vector<Finding>& findings,
                                   const std::vector<Alert>& alerts, const AlertRules& rules,
                                   const std::vector<std::string>& unseen, base::Instant now);

struct RouteRule {
  std::string name;
  Severity least = Severity::warning;  // what is less is not told by it
};

struct DueTelling {
  size_t alert = 0;  // in the list
  std::string route;
  int attempt = 1;
};

// What is to be told now, and what is to be tried again: pauses double from one minute to an hour.
// Only the newest event of an alert is; a resolution goes to the routes that were told of the
// alert, for a day at most.
std::vector<DueTelling> tellings_due(const std::vector<Alert>& alerts,
                                     const std::vector<RouteRule>& routes, base::Instant now);

// Routes by which something could not be told for five minutes, or for good.
std::vector<Finding> judge_deliveries(const std::vector<Alert>& alerts,
                                      const std::vector<RouteRule>& routes, base::Instant now);

}  // namespace monitor
