#include "policy/schema_watching.h"

namespace policy {

namespace {

Field secret_field(std::string name, std::string doc, std::string example, bool required) {
  return {.name = std::move(name),
          .type = FieldType::secret,
          .doc = std::move(doc),
          .example = std::move(example),
          .required = required};
}

Field duration_field(std::string name, std::string doc, const std::string& otherwise) {
  return {.name = std::move(name),
          .type = FieldType::duration,
          .doc = std::move(doc),
          .example = otherwise,
          .default_value = otherwise};
}

Field boolean_field(std::string name, std::string doc, const std::string& otherwise) {
  return {.name = std::move(name),
          .type = FieldType::boolean,
          .doc = std::move(doc),
          .example = "true",
          .default_value = otherwise};
}

Field text_field(std::string name, std::string doc, std::string example, bool required = false) {
  return {.name = std::move(name),
          .type = FieldType::text,
          .doc = std::move(doc),
          .example = std::move(example),
          .required = required};
}

Field at_field(std::string name, std::string doc, std::string example) {
  return {.name = std::move(name),
          .type = FieldType::at,
          .doc = std::move(doc),
          .example = std::move(example)};
}

Field service_field(std::string name, std::string doc, const std::string& otherwise) {
  return {.name = std::move(name),
          .type = FieldType::endpoint,
          .doc = std::move(doc),
          .example = otherwise,
          .default_value = otherwise};
}

Field slack_field() {
  return {.name = "slack",
          .doc = "Alerts to a channel of Slack's.",
          .fields = {secret_field("webhook", "Where the URL of the incoming webhook is.",
                                  "env:SLACK_WEBHOOK_URL", true),
                     text_field("channel",
                                "The channel that the webhook posts to, for whoever reads this.",
                                "\"#ops\"", true),
                     {.name = "success",
                      .type = FieldType::choice,
                      .doc = "What is told of runs that went well: each of them, a digest once a "
                             "day, or nothing.",
                      .example = "digest",
                      .default_value = "digest",
                      .choices = {{"digest"}, {"each"}, {"never"}}}}};
}

Field pagerduty_field() {
  return {
      .name = "pagerduty",
      .doc = "Pages through PagerDuty's Events API v2.",
      .fields = {secret_field("routing_key", "Where the integration's routing key is.",
                              "env:PAGERDUTY_ROUTING_KEY", true),
                 boolean_field("changes",
                               "Whether a run that went well is sent as a change event. It is "
                               "never an incident.",
                               "true"),
                 secret_field("rest_token",
                              "Where a read-only REST token is: it tells who answered a fire "
                              "drill, and when.",
                              "env:PAGERDUTY_TOKEN", false),
                 service_field("endpoint", "The events service.", "https://events.pagerduty.com"),
                 service_field("rest_endpoint", "The REST service.", "https://api.pagerduty.com")}};
}

Field email_field() {
  return {
      .name = "email",
      .doc = "Alerts by SMTP.",
      .fields = {text_field("server",
                            "smtps://host:465, or smtp://host:587 with STARTTLS, which is demanded "
                            "of any host but this one.",
                            "smtps://mail.example.net:465", true),
                 text_field("from", "The sender.", "seawall@example.net", true),
                 {.name = "to",
                  .type = FieldType::texts,
                  .doc = "Who gets them.",
                  .example = "[ops@example.net]",
                  .required = true},
                 text_field("user", "The name to log in by.", "seawall"),
                 secret_field("password", "Where its password is.", "env:SMTP_PASSWORD", false)}};
}

}  // namespace

Field limits_field() {
  return {.name = "limits",
          .doc = "What seawall may use of this host.",
          .fields = {{.name = "jobs",
                      .type = FieldType::integer,
                      .doc = "Threads that work at once. Without it, as many as there are cores.",
                      .example = "2",
                      .least = 1,
                      .most = 64},
                     {.name = "read_per_second",
                      .type = FieldType::size,
                      .doc = "How much of the cluster's files a snapshot reads in a second.",
                      .example = "200MB"},
                     {.name = "store_per_second",
                      .type = FieldType::size,
                      .doc = "How much snapshots and dumps send to their stores in a second. WAL "
                             "and restores are never held back.",
                      .example = "50MB"},
                     {.name = "nice",
                      .type = FieldType::integer,
                      .doc = "How far snapshots and dumps step back behind others for the CPU.",
                      .example = "10",
                      .least = 0,
                      .most = 19}}};
}

Field run_field() {
  return {
      .name = "run",
      .doc = "How `seawall run` carries this policy out.",
      .fields = {
          {.name = "listen",
           .type = FieldType::listen,
           .doc = "Where /metrics, /healthz and /readyz are served. Without it, nowhere.",
           .example = "127.0.0.1:9187"},
          {.name = "socket",
           .type = FieldType::path,
           .doc = "The socket where `seawall wal push` finds the daemon. Without the daemon it "
                  "works by itself.",
           .example = "/run/seawall/push.sock",
           .default_value = "/run/seawall/push.sock"},
          {.name = "at_once",
           .type = FieldType::integer,
           .doc = "Snapshots and dumps that run at once.",
           .example = "2",
           .default_value = "2",
           .least = 1,
           .most = 16},
          duration_field(
              "retry_after",
              "The pause behind a failed run; each next is twice as long, until the next "
              "slot.",
              "1m"),
          {.name = "textfile",
           .type = FieldType::path,
           .doc = "A file for the textfile collector of node_exporter, where nothing can scrape.",
           .example = "/var/lib/prometheus/node-exporter/seawall.prom"},
          boolean_field("heartbeat",
                        "Whether a row is written each minute into seawall.heartbeat of the "
                        "database: it proves that an idle database is only idle, and a drill "
                        "measures the RPO by it.",
                        "false"),
          at_field("probe",
                   "When the writer's own credential tries to overwrite and delete what it wrote, "
                   "and must be refused.",
                   "\"04:30\"")}};
}

Field monitor_field() {
  return {
      .name = "monitor",
      .doc = "Who is told, and when.",
      .fields = {
          slack_field(),
          pagerduty_field(),
          {.name = "alertmanager",
           .doc = "Alerts to Prometheus' Alertmanager.",
           .fields = {{.name = "url",
                       .type = FieldType::endpoint,
                       .doc = "The server, without /api/v2/alerts.",
                       .example = "http://127.0.0.1:9093",
                       .required = true},
                      secret_field("token", "Where a bearer token is, if it wants one.",
                                   "env:ALERTMANAGER_TOKEN", false)}},
          {.name = "webhook",
           .doc = "Alerts as JSON to any URL.",
           .fields = {secret_field("url", "Where the URL is.", "env:ALERT_WEBHOOK_URL", true),
                      secret_field("token", "Where a bearer token is, if it wants one.",
                                   "env:ALERT_WEBHOOK_TOKEN", false)}},
          email_field(),
          {.name = "ca_file",
           .type = FieldType::path,
           .doc = "Certificates to trust in place of the system's, by every route above.",
           .example = "/etc/ssl/private-ca.pem"},
          secret_field("heartbeat_ping",
                       "Where the URL is that is asked after each look that came to an end: a "
                       "dead man's switch. Its silence must page.",
                       "env:HEARTBEAT_PING_URL", false),
          {.name = "missed_runs",
           .type = FieldType::integer,
           .doc = "So many runs of a tier missed in a row page.",
           .example = "1",
           .default_value = "1",
           .least = 1,
           .most = 10},
          duration_field("look_every", "How often the watcher looks.", "1m"),
          duration_field("repeat_every", "How often an alert that stays is told again.", "4h"),
          {.name = "digest",
           .type = FieldType::at,
           .doc = "When the digest of what went well is sent.",
           .example = "\"09:00\"",
           .default_value = "09:00"},
          text_field("runbooks", "The URL below which the runbooks are, for links in alerts.",
                     "https://wiki.example.net/runbooks"),
          at_field("fire_drill",
                   "On the first such weekday of each month, a page for real, to see who answers.",
                   "\"Mon 10:00\"")}};
}

Field drill_field() {
  return {
      .name = "drill",
      .doc = "Rehearsed restores.",
      .fields = {
          {.name = "weekly",
           .type = FieldType::at,
           .doc = "When the weekly health check restores a backup and asks it questions.",
           .example = "\"Sun 06:00\""},
          boolean_field("quarterly",
                        "Whether somebody must sign off the checklist by each quarter's last day.",
                        "false"),
          {.name = "scratch",
           .type = FieldType::path,
           .doc = "The folder for scratch servers, with room for one restored cluster.",
           .example = "/var/lib/seawall/drill",
           .default_value = "/var/lib/seawall/drill"},
          duration_field("finish_within", "A drill that takes longer has failed.", "4h"),
          {.name = "memory",
           .type = FieldType::size,
           .doc = "How much memory the scratch server may use for its buffers.",
           .example = "256MiB",
           .default_value = "256MiB"},
          text_field("command",
                     "A command of the application's own, run by the shell; PGHOST, PGPORT, "
                     "PGUSER and PGDATABASE lead to the scratch server. It must exit 0.",
                     "/usr/local/bin/check-restored-app"),
          {.name = "checks",
           .type = FieldType::sections,
           .doc = "Questions to the restored database, and their answers.",
           .example = "[{ name: staff can log in, sql: \"select count(*) from staff_users where "
                      "password_hash is null\", expect: \"0\" }]",
           .fields = {text_field("name", "What is asked, in words.", "staff can log in", true),
                      text_field("sql", "A query that answers with one value.",
                                 "select count(*) from staff_users", true),
                      text_field("expect",
                                 "That value, or a bound on a number: \"> 0\", \">= 3\", \"< 10\", "
                                 "\"<= 10\", \"!= 0\".",
                                 "\"> 0\"", true)}}}};
}

}  // namespace policy
