#include "app/fire_drill.h"

#include "app/alert_pagerduty.h"
#include "app/secret.h"
#include "base/error.h"
#include "base/task_group.h"
#include "policy/calendar.h"

namespace app {

using base::Duration;
using base::Error;
using base::ErrorKind;
using base::Instant;
using base::Json;
using base::member;

namespace {

constexpr const char* prefix = "alerts/fire-drills/";
constexpr Duration between_questions = std::chrono::seconds(5);
constexpr Duration due_for = std::chrono::hours(24);
constexpr net::Timeouts timeouts{.connect = std::chrono::seconds(5),
                                 .stall = std::chrono::seconds(10),
                                 .whole = std::chrono::seconds(10)};

Json page(const policy::Policy& policy, const std::string& key, Instant now) {
  return {{"event_action", "trigger"},
          {"dedup_key", key},
          {"payload",
           {{"summary", fmt::format("FIRE DRILL of {}'s backups: nothing is wrong; please "
                                    "acknowledge, so that it is known that you were woken",
                                    policy.name)},
            {"source", "seawall/" + policy.name},
            {"severity", "critical"},
            {"timestamp", base::to_rfc3339(now)},
            {"component", "backups"},
            {"group", policy.name},
            {"class", "fire-drill"}}},
          {"client", "seawall"}};
}

// Who answered the page, by PagerDuty's REST API.
class Incidents {
 public:
  Incidents(const policy::PagerDuty& pagerduty, net::HttpClient& http)
      : pagerduty_(pagerduty), http_(http) {}

  struct Answer {
    std::string by;
    Instant at;
  };
  std::optional<Answer> answer(const std::string& key, std::stop_token stop) {
    net::Request request;
    request.url = net::Url::parse(pagerduty_.rest_endpoint + "/incidents");
    request.url.query = {{"incident_key", key}, {"date_range", "all"}};
    const std::string token = read_secret(*pagerduty_.rest_token, "PagerDuty's REST token");
    request.headers = {{"Authorization", "Token token=" + token},
                       {"Accept", "application/vnd.pagerduty+json;version=2"}};
    request.timeouts = timeouts;
    const net::Response answer = http_.send(request, stop);
    if (!answer.ok()) {
      throw base::error(
          answer.status == 401 || answer.status == 403 ? ErrorKind::denied : ErrorKind::unavailable,
          "PagerDuty's REST API answers {}", answer.status);
    }
    const Json body = base::parse_json(answer.text(), "PagerDuty's answer");
    for (const Json& incident : member<Json>(body, "incidents")) {
      if (std::optional<Answer> found = answer_in(incident)) return found;
    }
    return std::nullopt;
  }

 private:
  // An acknowledgement; or whoever has resolved it without one.
  static std::optional<Answer> answer_in(const Json& incident) {
    const Json acknowledgements =
        base::member_if_there<Json>(incident, "acknowledgements").value_or(Json::array());
    if (!acknowledgements.empty()) {
      const Json& first = acknowledgements.front();
      return Answer{name_in(first, "acknowledger"),
                    base::from_rfc3339(member<std::string>(first, "at"))};
    }
    if (base::member_if_there<std::string>(incident, "status").value_or("") == "triggered")
      return std::nullopt;
    const auto at = base::member_if_there<std::string>(incident, "last_status_change_at");
    if (!at) return std::nullopt;
    return Answer{name_in(incident, "last_status_change_by"), base::from_rfc3339(*at)};
  }

  static std::string name_in(const Json& object, const char* who) {
    const Json person = base::member_if_there<Json>(object, who).value_or(Json::object());
    return base::member_if_there<std::string>(person, "summary").value_or("somebody");
  }

  const policy::PagerDuty& pagerduty_;
  net::HttpClient& http_;
};

void wait_for_answer(FireDrill& drill, Incidents& incidents, const std::string& key, Duration wait,
                     const std::stop_token& stop) {
  const base::Stopwatch watch;
  do {
    try {
      drill.trouble.clear();
      if (const std::optional<Incidents::Answer> answer = incidents.answer(key, stop)) {
        drill.answered_by = answer->by;
        drill.answered_after = std::max(Duration(0), answer->at - drill.at);
        return;
      }
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::cancelled) throw;
      drill.trouble = failure.message();
      if (failure.kind() != ErrorKind::unavailable) return;  // it will not get better
    }
    if (!base::sleep_for(std::min(between_questions, wait), stop))
      throw Error(ErrorKind::cancelled, "stopped");
  } while (watch.elapsed() < wait);
}

}  // namespace

Json to_json(const FireDrill& drill) {
  return {{"at", base::to_rfc3339(drill.at)},
          {"ended", base::to_rfc3339(drill.ended)},
          {"can_tell", drill.can_tell},
          {"answered_by", drill.answered_by},
          {"answered_after_seconds",
           drill.answered_after ? Json(std::chrono::duration<double>(*drill.answered_after).count())
                                : Json(nullptr)},
          {"trouble", drill.trouble}};
}

bool fire_drill_due(const policy::Cadence& cadence, const policy::Zone& zone,
                    const std::vector<FireDrill>& drills, Instant now) {
  // The month of the newest slot has its first slot; only that one counts.
  const Instant newest = policy::last_slot_at_or_before(cadence, zone, now);
  const std::chrono::year_month_day day(policy::local_day(newest, zone));
  for (const Instant slot :
       policy::slots_between(cadence, zone, newest - std::chrono::hours(32 * 24),
                             newest + std::chrono::microseconds(1))) {
    const std::chrono::year_month_day of(policy::local_day(slot, zone));
    if (of.year() != day.year() || of.month() != day.month()) continue;
    const bool made =
        std::ranges::any_of(drills, [&](const FireDrill& drill) { return drill.at >= slot; });
    return !made && now - slot < due_for;
  }
  return false;
}

FireDrill run_fire_drill(const policy::Policy& policy, Duration wait, std::stop_token stop) {
  if (!policy.monitor.pagerduty) {
    throw Error(ErrorKind::invalid, "the policy has no monitor.pagerduty, by which to page",
                "a fire drill wakes the person on call, which the other routes do not promise");
  }
  const policy::PagerDuty& pagerduty = *policy.monitor.pagerduty;
  net::HttpClient http({.ca_file = policy.monitor.ca_file.value_or(""), .timeouts = {}});
  FireDrill drill{.at = base::system_clock().now(), .ended = {}, .answered_by = {}, .trouble = {}};
  const std::string key = dedup_key(policy.name, "fire-drill/" + base::to_compact(drill.at));
  send_event(pagerduty, http, "/v2/enqueue", page(policy, key, drill.at), stop);
  const auto resolve = [&](std::stop_token until) {
    const Json event = {{"event_action", "resolve"}, {"dedup_key", key}};
    send_event(pagerduty, http, "/v2/enqueue", event, until);
  };
  drill.can_tell = pagerduty.rest_token.has_value();
  try {
    Incidents incidents(pagerduty, http);
    if (drill.can_tell) wait_for_answer(drill, incidents, key, wait, stop);
  } catch (const Error& failure) {
    resolve({});  // nobody shall go on being paged for a drill that was called off
    throw;
  }
  // Who was paged shall find it in the list until it was answered or the time is up.
  resolve(stop);
  drill.ended = base::system_clock().now();
  return drill;
}

void put_fire_drill(const repository::Repository& repository, const FireDrill& drill,
                    std::stop_token stop) {
  const storage::ObjectKey key(fmt::format("{}{}.json", prefix, base::to_compact(drill.at)));
  if (repository.put_json(key, "alert", to_json(drill), stop) != storage::PutOutcome::stored)
    throw base::error(ErrorKind::conflict, "there is a record {} of another fire drill",
                      key.text());
}

std::vector<FireDrill> read_fire_drills(const repository::Repository& repository,
                                        std::stop_token stop) {
  std::vector<FireDrill> drills;
  for (const storage::ObjectInfo& info : storage::list_all(repository.store(), prefix, stop)) {
    const Json body = repository.read_json(info.key, "alert", stop);
    drills.push_back(base::corrupt_if_invalid([&] {
      FireDrill drill{.at = base::from_rfc3339(member<std::string>(body, "at")),
                      .ended = {},
                      .answered_by = {},
                      .trouble = {}};
      drill.ended = base::from_rfc3339(member<std::string>(body, "ended"));
      drill.can_tell = member<bool>(body, "can_tell");
      drill.answered_by = member<std::string>(body, "answered_by");
      drill.trouble = member<std::string>(body, "trouble");
      if (const auto seconds = base::member_if_there<double>(body, "answered_after_seconds"))
        drill.answered_after = Duration(static_cast<int64_t>(*seconds * 1e6));
      return drill;
    }));
  }
  return drills;
}

}  // namespace app
