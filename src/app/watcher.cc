#include "app/watcher.h"

#include <algorithm>

#include "app/alert_news.h"
#include "app/sample_objects.h"
#include "app/secret.h"
#include "app/server_facts.h"
#include "base/error.h"
#include "base/log.h"
#include "base/task_group.h"
#include "net/retry.h"

namespace app {

using base::Duration;
using base::Error;
using base::ErrorKind;
using base::Instant;
using monitor::Finding;
using monitor::Severity;
using repository::Repository;

namespace {

constexpr Duration store_patience = std::chrono::minutes(1);  // of one call to a bucket
constexpr Duration blind_patience = std::chrono::minutes(5);  // before it wakes somebody
constexpr Duration clock_tolerance = std::chrono::minutes(1);
constexpr int pings_failed_max = 3;  // in a row, before it is told
constexpr size_t routes_max = 8;

// What it is that a look could not be made for, by its key, and in words.
struct Blindness {
  const char* key;
  const char* section;
  const char* what;
  const char* remedy;
};
Blindness blindness_of(const Error& failure) {
  const bool expired = failure.message().find("Expired") != std::string::npos ||
                       failure.message().find("TokenRefreshRequired") != std::string::npos;
  switch (failure.kind()) {
    case ErrorKind::denied:
      if (expired) {
        return {"store:expired", "credentials", "the watcher's credential has expired",
                "renew it: docs/guide/s3.md says where it is looked for"};
      }
      return {"store:denied", "credentials", "the watcher's credential is refused",
              "'seawall policy iam watcher' prints what it needs; 'seawall check' asks for it"};
    case ErrorKind::absent:
      return {"store:gone", "lost-repository", "the repository is not there",
              "is the policy's repository.store right? If it was deleted: restore what you have "
              "from the replica, and begin a new one with 'seawall apply'"};
    case ErrorKind::corrupt:
      return {"store:damaged", "damage", "the repository cannot be read", "seawall verify"};
    case ErrorKind::full:
      return {"store:full", "disk-full", "there is no room left", "make room, or prune"};
    case ErrorKind::unavailable:
      return {"store:unreachable", "store-unreachable", "the repository cannot be reached",
              "look at the network from here, and at the store: 'seawall check' asks it"};
    default:
      if (failure.message().find("TimeTooSkewed") != std::string::npos ||
          failure.message().find("clock") != std::string::npos) {
        return {"clock:store", "clock", "the store refuses this host's clock",
                "set it right (NTP)"};
      }
      return {"store:unreadable", "store-unreachable", "the repository cannot be judged",
              "'seawall status' and 'seawall check' say more"};
  }
}

Finding finding(Severity severity, std::string key, std::string section, std::string what,
                std::string remedy) {
  return {.severity = severity,
          .what = std::move(what),
          .remedy = std::move(remedy),
          .key = std::move(key),
          .section = std::move(section),
          .since = {}};
}

std::vector<monitor::RouteRule> rules_of(const AlertRoutes& routes) {
  std::vector<monitor::RouteRule> rules;
  for (const std::unique_ptr<AlertRoute>& route : routes) rules.push_back(route->rule());
  return rules;
}

// Beginnings of the keys of what this look could not see.
std::vector<std::string> unseen_by(const Look& look) {
  if (!look.blind.empty()) return {""};
  std::vector<std::string> unseen = look.unseen;
  if (!look.server || !look.server->unreachable.empty()) {
    unseen.insert(unseen.end(), monitor::server_findings.begin(), monitor::server_findings.end());
  }
  for (const monitor::ReplicaState& replica : look.judgement->catalog.replicas) {
    if (!replica.unreachable.empty()) unseen.push_back(fmt::format("replica:{}-", replica.tier));
  }
  return unseen;
}

}  // namespace

Watcher::Watcher(Context& context, Options options, Instant begun)
    : context_(context),
      options_(options),
      begun_(begun),
      http_({.ca_file = context.policy().monitor.ca_file.value_or(""), .timeouts = {}}),
      routes_(make_routes(context.policy(), http_)) {
  CHECK(routes_.size() <= routes_max);
  context_.give_up_after(store_patience);
}

void Watcher::set_own_findings(std::vector<Finding> findings) { own_ = std::move(findings); }

Look Watcher::look(Instant now, std::stop_token stop) {
  Look look{.at = now};
  std::optional<Repository> repository;
  judge_repository(look, repository, stop);
  if (look.judgement) judge_server(look);
  for (const Finding& own : own_) look.findings.push_back(own);
  if (!ping_failure_.empty() && pings_failed_ >= pings_failed_max) {
    look.findings.push_back(finding(Severity::warning, "ping:failing", "alerts",
                                    "the dead man's switch cannot be told: " + ping_failure_,
                                    "look at monitor.heartbeat_ping in the policy"));
  }
  const Repository* const records = repository ? read_book(look, *repository, stop) : nullptr;
  if (look.judgement) look_at_objects(look, *repository, stop);
  for (Finding& untold : monitor::judge_deliveries(book_.alerts(), rules_of(routes_), now))
    look.findings.push_back(std::move(untold));
  if (options_.tell) {
    raise(look, records, stop);
    tell_all(look, records, stop);
    tell_news(look, records, stop);
    ping(look, stop);
  }
  for (const monitor::Alert& alert : book_.alerts())
    if (alert.open()) look.alerts.push_back(alert);
  if (!book_.only_in_memory().empty()) look.only_in_memory = book_.only_in_memory();
  return look;
}

// Where records are to be put; null where they may not be read, as who puts unseen would take
// its own of yesterday for another watcher's.
const Repository* Watcher::read_book(Look& look, const Repository& repository,
                                     std::stop_token stop) {
  try {
    book_.read(repository, look.at, stop);
    return &repository;
  } catch (const Error& failure) {
    if (failure.kind() == ErrorKind::cancelled) throw;
    look.only_in_memory = failure.message();
    return nullptr;
  }
}

// ---- what is wrong

void Watcher::look_at_objects(Look& look, const Repository& repository, std::stop_token stop) {
  // What was lost once is looked for until all is there: another sample would find nothing.
  const bool all = std::ranges::any_of(book_.alerts(), [](const monitor::Alert& alert) {
    return alert.open() && alert.key.starts_with("lost:");
  });
  try {
    for (Finding& lost : sample_objects(context_, repository, look.judgement->catalog,
                                        all ? Sample::all : Sample::some, stop))
      look.findings.push_back(std::move(lost));
  } catch (const Error& failure) {
    if (failure.kind() == ErrorKind::cancelled) throw;
    look.unseen.push_back("lost:");
    base::warn("a few objects could not be looked at: {}", failure.message());
  }
}

void Watcher::judge_repository(Look& look, std::optional<Repository>& repository,
                               std::stop_token stop) {
  try {
    repository.emplace(context_.repository(stop));
    judge_clock(look, *repository, stop);
    look.judgement = judge(context_, *repository, look.at, stop);
    for (const Finding& found : look.judgement->status.findings) look.findings.push_back(found);
    blind_since_.reset();
  } catch (const Error& failure) {
    if (failure.kind() == ErrorKind::cancelled) throw;
    look.judgement.reset();
    add_store_finding(look, failure);
  }
  if (look.judgement) {
    const monitor::Exposure exposure = monitor::exposure_of(look.judgement->status, nullptr);
    look.exposure = monitor::sentence(exposure, context_.policy().objectives.rpo, look.at);
  }
}

void Watcher::add_store_finding(Look& look, const Error& failure) {
  if (!blind_since_) blind_since_ = look.at;
  const Blindness blindness = blindness_of(failure);
  const bool may_pass = failure.kind() == ErrorKind::unavailable && !options_.once &&
                        look.at - *blind_since_ < blind_patience;
  look.blind = failure.message();
  Finding found =
      finding(may_pass ? Severity::warning : Severity::critical, blindness.key, blindness.section,
              fmt::format("{}, so nobody knows whether there are backups: {}", blindness.what,
                          failure.message()),
              failure.hint().empty() ? blindness.remedy : failure.hint());
  found.since = *blind_since_;
  look.findings.push_back(std::move(found));
}

void Watcher::judge_clock(Look& look, const Repository& repository, std::stop_token stop) {
  Duration ahead{};
  try {
    const Instant before = base::system_clock().now();
    ahead = before - repository.store().now(stop);
  } catch (const Error& failure) {
    // A folder's clock is asked by writing there, which a watcher need not be allowed to. A store
    // that does not answer tells so when it is read.
    if (failure.kind() == ErrorKind::cancelled) throw;
    look.unseen.push_back("clock:store");
    return;
  }
  if (std::chrono::abs(ahead) <= clock_tolerance) return;
  look.findings.push_back(finding(
      Severity::critical, "clock:store", "clock",
      fmt::format("this host's clock is {} {} the store's, so it may not claim slots, and what is "
                  "due is judged by a wrong time",
                  base::human_duration(std::chrono::abs(ahead)),
                  ahead > Duration(0) ? "ahead of" : "behind"),
      "set it right (NTP)"));
}

void Watcher::judge_server(Look& look) {
  look.server = read_server_facts(context_, look.judgement->last_commit, look.at);
  for (Finding& found : monitor::judge_server(context_.policy(), *look.server,
                                              look.judgement->status.last_transaction, look.at))
    look.findings.push_back(std::move(found));
  const monitor::Exposure exposure = monitor::exposure_of(look.judgement->status, &*look.server);
  look.exposure = monitor::sentence(exposure, context_.policy().objectives.rpo, look.at);
}

// ---- who is told

void Watcher::raise(Look& look, const Repository* repository, std::stop_token stop) {
  const policy::Monitor& monitor = context_.policy().monitor;
  const monitor::AlertRules rules{.missed_runs = monitor.missed_runs,
                                  .repeat_every = monitor.repeat_every};
  for (const monitor::NewEvent& event :
       monitor::judge_alerts(look.findings, book_.alerts(), rules, unseen_by(look), look.at))
    book_.record(repository, event, stop);
}

Bulletin Watcher::bulletin(const Look& look) const {
  return {
      .policy = context_.policy().name,
      .exposure = look.blind.empty() ? look.exposure : "What a loss now would take cannot be told.",
      .runbooks = context_.policy().monitor.runbooks.value_or(""),
      .repeat_every = context_.policy().monitor.repeat_every,
      .items = {}};
}

void Watcher::tell_all(Look& look, const Repository* repository, std::stop_token stop) {
  // What cannot be told by one route is told to the others at once: that is the second round.
  for (int round = 0; round < 2; ++round) {
    std::map<std::string, std::vector<monitor::DueTelling>> due;
    for (monitor::DueTelling& one :
         monitor::tellings_due(book_.alerts(), rules_of(routes_), look.at))
      due[one.route].push_back(one);
    if (due.empty()) return;
    std::map<std::string, std::vector<Delivery>> answers;
    for (const auto& [route, tellings] : due) answers[route] = {};
    base::TaskGroup tasks(stop);  // a route that does not answer holds up no other
    for (const std::unique_ptr<AlertRoute>& route : routes_) {
      const auto of_route = due.find(route->name());
      if (of_route == due.end()) continue;
      Bulletin message = bulletin(look);
      for (const monitor::DueTelling& one : of_route->second)
        message.items.push_back(item_of(book_.alerts()[one.alert], book_.alerts()));
      std::vector<Delivery>& answer = answers[route->name()];
      tasks.spawn("tell", 1, [&route = *route, &answer, message](std::stop_token inner) {
        answer = route.tell(message, inner);
      });
    }
    tasks.join();
    for (const auto& [route, tellings] : due) {
      for (size_t i = 0; i < tellings.size(); ++i) {
        const Delivery& answer = answers[route][i];
        book_.record(repository, tellings[i].alert,
                     {.route = route,
                      .at = look.at,
                      .told = answer.told,
                      .why = answer.why,
                      .permanent = answer.permanent},
                     tellings[i].attempt, stop);
        if (answer.told) {
          ++look.told;
        } else {
          look.untold.push_back(fmt::format("{}: {}", route, answer.why));
          base::warn("{} could not be told of {}: {}", route, book_.alerts()[tellings[i].alert].key,
                     answer.why);
        }
      }
    }
    bool more = false;
    for (Finding& untold : monitor::judge_deliveries(book_.alerts(), rules_of(routes_), look.at)) {
      const bool known =
          std::ranges::find(look.findings, untold.key, &Finding::key) != look.findings.end();
      if (!known) look.findings.push_back(std::move(untold));
      more = more || !known;
    }
    if (!more) return;
    raise(look, repository, stop);
  }
}

void Watcher::tell_news(Look& look, const Repository* repository, std::stop_token stop) {
  if (!look.judgement || repository == nullptr) return;
  const auto tell = [&](policy::SuccessNews wanted, const News& news, const std::string& kind) {
    for (const std::unique_ptr<AlertRoute>& route : routes_) {
      if (route->news() != wanted) continue;
      const std::string what = fmt::format("{}-{}/{}", kind, route->name(), news.key);
      if (!book_.claim_news(repository, what, news.at, begun_, look.at, stop)) continue;
      const Delivery answer = route->tell_news(news, stop);
      if (!answer.told)
        base::warn("{} could not be told what went well: {}", route->name(), answer.why);
    }
  };
  for (const News& news : recent_news(context_.policy(), look.judgement->catalog, look.at))
    tell(policy::SuccessNews::each, news, "each");
  const std::optional<Instant> due = digest_due(context_.policy(), look.at);
  const bool wanted = std::ranges::any_of(routes_, [](const std::unique_ptr<AlertRoute>& route) {
    return route->news() == policy::SuccessNews::digest;
  });
  if (!due || !wanted || *due == digest_told_) return;
  const std::vector<repository::RunRecord> runs = all_runs(context_.policy(), *repository, stop);
  tell(policy::SuccessNews::digest, digest(context_.policy(), *look.judgement, runs, *due),
       "digest");
  digest_told_ = *due;
}

// ---- who watches the watcher

void Watcher::ping(Look& look, std::stop_token stop) {
  const std::optional<policy::SecretSource>& source = context_.policy().monitor.heartbeat_ping;
  // Its silence is what pages when nothing else can.
  if (!source || !look.blind.empty()) return;
  const Delivery told = delivered([&] {
    net::Request request;
    const std::string url = read_secret(*source, "the dead man's switch");
    try {
      request.url = net::Url::parse(url);
    } catch (const Error&) {
      throw Error(ErrorKind::invalid, "monitor.heartbeat_ping leads to no URL");
    }
    request.path_is_secret = true;
    request.body_bytes_max = 64 * base::KiB;
    request.timeouts = net::Timeouts{.connect = std::chrono::seconds(5),
                                     .stall = std::chrono::seconds(10),
                                     .whole = std::chrono::seconds(10)};
    net::retrying({.deadline = std::chrono::seconds(15), .attempts_max = 2}, stop, [&](unsigned) {
      const net::Response answer = http_.send(request, stop);
      if (!answer.ok()) throw base::error(ErrorKind::unavailable, "it answers {}", answer.status);
    });
  });
  pings_failed_ = told.told ? 0 : pings_failed_ + 1;
  ping_failure_ = told.why;
  look.ping_failed = told.why;
  if (!told.told) base::warn("the dead man's switch could not be told: {}", told.why);
}

int exit_code(const Look& look) {
  int worst = 0;
  for (const Finding& found : look.findings) {
    if (found.severity == Severity::warning) worst = std::max(worst, 1);
    if (found.severity == Severity::critical) worst = 2;
  }
  return worst;
}

base::Json to_json(const Look& look) {
  base::Json json = {{"at", base::to_rfc3339(look.at)}, {"blind", look.blind}};
  json["findings"] = monitor::to_json(look.findings);
  json["loss_now"] = look.exposure;
  json["alerts"] = base::Json::array();
  for (const monitor::Alert& alert : look.alerts) json["alerts"].push_back(to_json(alert));
  json["told"] = look.told;
  json["untold"] = look.untold;
  json["only_in_memory"] = look.only_in_memory;
  json["ping_failed"] = look.ping_failed;
  return json;
}

monitor::PolicyMetrics metrics_of(const policy::Policy& policy, const Look& look) {
  monitor::PolicyMetrics metrics{.policy = policy.name, .looked = look.at, .findings = {}};
  metrics.findings = look.findings;
  metrics.alerts_open = look.alerts.size();
  metrics.rpo_objective = policy.objectives.rpo;
  if (look.server) metrics.server = &*look.server;
  if (!look.judgement) return metrics;
  metrics.status = &look.judgement->status;
  metrics.catalog = &look.judgement->catalog;
  metrics.loss_now =
      monitor::loss_now(monitor::exposure_of(look.judgement->status, metrics.server), look.at);
  return metrics;
}

std::vector<Finding> untold_findings(const policy::Policy& policy, const Repository& repository,
                                     Instant now, std::stop_token stop) {
  net::HttpClient http({.ca_file = {}, .timeouts = {}});
  const AlertRoutes routes = make_routes(policy, http);
  if (routes.empty()) return {};
  try {
    monitor::AlertBodies bodies;
    return monitor::judge_deliveries(monitor::read_alerts(repository, bodies, now, stop),
                                     rules_of(routes), now);
  } catch (const Error& failure) {
    if (failure.kind() != ErrorKind::denied) throw;  // who only seals cannot tell
    return {};
  }
}

}  // namespace app
