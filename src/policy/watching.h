// The parts of a policy that are about carrying it out and watching that it was: the daemon, the
// watcher and its alerts, drills. Values. docs/guide/policy.md is the user's page of the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "policy/calendar.h"
#include "policy/listen.h"
#include "policy/secret_source.h"

namespace policy {

// How `seawall run` carries the policy out.
struct Run {
  std::optional<Listen> listen;  // /metrics, /healthz, /readyz; nothing: no HTTP
  std::string socket;            // absolute; where `wal push` finds the daemon
  int at_once = 2;               // runs of snapshots and dumps at a time
  base::Duration retry_after{};  // the first pause behind a failed run; each next is twice as long
  std::optional<std::string> textfile;  // absolute; metrics for node_exporter's textfile collector
  bool heartbeat = false;               // a row written each minute, so that RPO is measured
  std::optional<Cadence> probe;         // of write-once, by the writer's own credential
};

// What is told of runs that went well.
enum class SuccessNews { never, digest, each };

struct Slack {
  SecretSource webhook;
  std::string channel;  // "#spade-ops": for people; the webhook decides
  SuccessNews success = SuccessNews::digest;
};

struct PagerDuty {
  SecretSource routing_key;                // of an Events API v2 integration
  bool changes = true;                     // a good run is a change event, never an incident
  std::optional<SecretSource> rest_token;  // tells who answered a fire drill, and when
  std::string endpoint;                    // https://events.pagerduty.com
  std::string rest_endpoint;               // https://api.pagerduty.com
};

struct Alertmanager {
  std::string url;  // of the server, without /api/v2/alerts
  std::optional<SecretSource> token;
};

struct Webhook {
  SecretSource url;
  std::optional<SecretSource> token;  // sent as a bearer
};

struct Email {
  std::string server;  // smtps://host:465, smtp://host:587 (STARTTLS demanded unless loopback)
  std::string from;
  std::vector<std::string> to;
  std::optional<std::string> user;
  std::optional<SecretSource> password;
};

struct Monitor {
  std::optional<std::string> ca_file;  // absolute; PEM, for every route below
  std::optional<Slack> slack;
  std::optional<PagerDuty> pagerduty;
  std::optional<Alertmanager> alertmanager;
  std::optional<Webhook> webhook;
  std::optional<Email> email;
  std::optional<SecretSource> heartbeat_ping;  // a URL asked after each look: its silence pages
  int missed_runs = 1;                         // so many missed in a row page
  base::Duration look_every{};
  base::Duration repeat_every{};        // an alert that stays is told again
  Cadence digest;                       // of what went well
  std::optional<std::string> runbooks;  // the URL below which the runbooks are
  std::optional<Cadence> fire_drill;    // on the first such weekday of each month, a page for real
};

// A question to a restored database, and the answer that it must give.
struct DrillCheck {
  std::string name;
  std::string sql;     // answers with one value
  std::string expect;  // that value as text; or "> 0", "< 10", ">= 3", "<= 3", "!= x"
};

struct Drill {
  std::optional<Cadence> weekly;  // the weekly health check
  bool quarterly = false;         // with a checklist that somebody signs off by the quarter's end
  std::string scratch;            // absolute; a folder of its own, for the scratch servers
  base::Duration finish_within{};
  uint64_t memory_bytes_max = 0;  // shared_buffers and work of the scratch server
  std::optional<std::string>
      command;  // of the application, given the scratch server in PGHOST, ...
  std::vector<DrillCheck> checks;
};

}  // namespace policy
