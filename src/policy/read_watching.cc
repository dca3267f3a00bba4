#include "policy/read_watching.h"

#include "policy/size.h"

namespace policy {

namespace {

std::optional<SecretSource> read_secret(const Section& section, std::string_view key) {
  if (!section.has(key)) return std::nullopt;
  return parse_secret(section.text(key));
}

std::optional<uint64_t> read_size(const Section& section, std::string_view key) {
  if (!section.has(key)) return std::nullopt;
  return parse_size(section.text(key));
}

std::optional<Cadence> read_at(const Section& section, std::string_view key) {
  if (!section.has(key)) return std::nullopt;
  return parse_at(section.text(key));
}

// A time that comes once a week.
std::optional<Cadence> read_weekly(const Section& section, std::string_view key,
                                   std::string_view example) {
  const std::optional<Cadence> cadence = read_at(section, key);
  if (cadence && cadence->kind != Cadence::Kind::weekly) {
    throw section.error_at(key, fmt::format("{} names no day of the week", key),
                           fmt::format("write \"{}\"", example));
  }
  return cadence;
}

base::Duration read_between(const Section& section, std::string_view key, base::Duration least,
                            base::Duration most) {
  const base::Duration given = section.duration(key);
  if (given < least || given > most) {
    throw section.error_at(
        key, fmt::format("{} is from {} to {}", key, print_duration(least), print_duration(most)),
        "");
  }
  return given;
}

Slack read_slack(const Section& section) {
  const std::string& success = section.text("success");
  return {.webhook = parse_secret(section.text("webhook")),
          .channel = section.text("channel"),
          .success = success == "each"    ? SuccessNews::each
                     : success == "never" ? SuccessNews::never
                                          : SuccessNews::digest};
}

PagerDuty read_pagerduty(const Section& section) {
  return {.routing_key = parse_secret(section.text("routing_key")),
          .changes = section.boolean("changes"),
          .rest_token = read_secret(section, "rest_token"),
          .endpoint = section.text("endpoint"),
          .rest_endpoint = section.text("rest_endpoint")};
}

Email read_email(const Section& section) {
  Email email;
  email.server = section.text("server");
  email.from = section.text("from");
  email.to = section.texts("to");
  email.user = section.text_if_given("user");
  email.password = read_secret(section, "password");
  const bool known = email.server.starts_with("smtps://") || email.server.starts_with("smtp://");
  if (!known || email.server.find_first_of("@?# ") != std::string::npos) {
    throw section.error_at("server", "monitor.email.server is not a mail server",
                           "write smtps://host:465 or smtp://host:587");
  }
  if (email.user.has_value() != email.password.has_value()) {
    throw section.error_at(email.user ? "user" : "password",
                           "monitor.email has a user or a password, but not both",
                           "give both, or neither");
  }
  if (email.to.empty())
    throw section.error_at("to", "monitor.email.to names nobody", "name who gets the mail");
  return email;
}

}  // namespace

Limits read_limits(const Section& section) {
  Limits limits;
  if (section.has("jobs")) limits.jobs = section.integer("jobs");
  if (section.has("nice")) limits.nice = section.integer("nice");
  limits.read_per_second = read_size(section, "read_per_second");
  limits.store_per_second = read_size(section, "store_per_second");
  return limits;
}

// Member by member: g++ 12 destroys some twice when a later initialiser of an aggregate throws.
Run read_run(const Section& section) {
  Run run;
  run.socket = section.text("socket");
  run.at_once = section.integer("at_once");
  run.retry_after = read_between(section, "retry_after", std::chrono::seconds(1), one_day);
  run.textfile = section.text_if_given("textfile");
  run.heartbeat = section.boolean("heartbeat");
  run.probe = read_at(section, "probe");
  if (section.has("listen")) run.listen = parse_listen(section.text("listen"));
  return run;
}

Monitor read_monitor(const Section& section) {
  Monitor monitor;
  monitor.ca_file = section.text_if_given("ca_file");
  monitor.heartbeat_ping = read_secret(section, "heartbeat_ping");
  monitor.missed_runs = section.integer("missed_runs");
  monitor.look_every = read_between(section, "look_every", std::chrono::seconds(1), one_day);
  monitor.repeat_every = read_between(section, "repeat_every", std::chrono::minutes(1), one_week);
  monitor.digest = parse_at(section.text("digest"));
  monitor.runbooks = section.text_if_given("runbooks");
  monitor.fire_drill = read_weekly(section, "fire_drill", "Mon 10:00");
  if (const auto slack = section.section("slack")) monitor.slack = read_slack(*slack);
  if (const auto pagerduty = section.section("pagerduty"))
    monitor.pagerduty = read_pagerduty(*pagerduty);
  if (const auto alertmanager = section.section("alertmanager")) {
    monitor.alertmanager = Alertmanager{.url = alertmanager->text("url"),
                                        .token = read_secret(*alertmanager, "token")};
  }
  if (const auto webhook = section.section("webhook")) {
    monitor.webhook =
        Webhook{.url = parse_secret(webhook->text("url")), .token = read_secret(*webhook, "token")};
  }
  if (const auto email = section.section("email")) monitor.email = read_email(*email);
  return monitor;
}

Drill read_drill(const Section& section) {
  Drill drill;
  drill.weekly = read_weekly(section, "weekly", "Sun 06:00");
  drill.quarterly = section.boolean("quarterly");
  drill.scratch = section.text("scratch");
  drill.finish_within = read_between(section, "finish_within", std::chrono::minutes(1), one_week);
  drill.memory_bytes_max = parse_size(section.text("memory"));
  drill.command = section.text_if_given("command");
  for (const Section& check : section.sections("checks")) {
    drill.checks.push_back(
        {.name = check.text("name"), .sql = check.text("sql"), .expect = check.text("expect")});
  }
  return drill;
}

}  // namespace policy
