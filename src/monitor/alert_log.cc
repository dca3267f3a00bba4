#include "monitor/alert_log.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"

namespace monitor {

using base::Instant;
using base::Json;
using base::member;
using repository::Repository;
using storage::ObjectInfo;
using storage::ObjectKey;
using storage::PutOutcome;

namespace {

constexpr const char* prefix = "alerts/";
constexpr const char* type = "alert";
constexpr base::Duration in_full = std::chrono::hours(48);

// "missed:snapshots-nightly" is the folder "missed=snapshots-nightly".
std::string folder_of(std::string key) {
  std::ranges::replace(key, ':', '=');
  return key;
}
std::string key_of(std::string folder) {
  std::ranges::replace(folder, '=', ':');
  return folder;
}

std::string alert_prefix(const std::string& key, int number) {
  return fmt::format("{}{}/{:06}/", prefix, folder_of(key), number);
}

std::string event_name(const AlertEvent& event) {
  return event.step == AlertStep::repeated ? fmt::format("repeated-{:04}", event.repeat)
                                           : std::string(name(event.step));
}

AlertStep step_named(std::string_view name) {
  if (name == "opened") return AlertStep::opened;
  return name == "resolved" ? AlertStep::resolved : AlertStep::repeated;
}

int number_in(std::string_view digits, const std::string& key) {
  int number = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failed != std::errc{} || end != digits.data() + digits.size())
    throw base::error(base::ErrorKind::corrupt, "{} is no record of an alert", key);
  return number;
}

// The objects of one alert: "opened.json", "told/opened.slack.01.json".
struct Folder {
  std::string key;
  int number = 1;
  std::vector<std::pair<std::string, ObjectInfo>> objects;  // by the rest of their names

  const ObjectInfo* find(std::string_view rest) const {
    for (const auto& [name, info] : objects) {
      if (name == rest) return &info;
    }
    return nullptr;
  }
};

// In order of keys and numbers. What is below alerts/ and is no alert has no '='.
std::vector<Folder> list_folders(const Repository& repository, const std::stop_token& stop) {
  std::vector<Folder> folders;
  for (const ObjectInfo& info : storage::list_all(repository.store(), prefix, stop)) {
    const std::string& text = info.key.text();
    const size_t begin = std::string_view(prefix).size();
    const size_t slash = text.find('/', begin);
    if (slash == std::string::npos || text.substr(begin, slash - begin).find('=') == text.npos)
      continue;
    const size_t second = text.find('/', slash + 1);
    if (second == std::string::npos)
      throw base::error(base::ErrorKind::corrupt, "{} is no record of an alert", text);
    const std::string key = key_of(text.substr(begin, slash - begin));
    const int number = number_in(text.substr(slash + 1, second - slash - 1), text);
    if (folders.empty() || folders.back().key != key || folders.back().number != number)
      folders.push_back({.key = key, .number = number, .objects = {}});
    folders.back().objects.emplace_back(text.substr(second + 1), info);
  }
  return folders;
}

AlertEvent event_from(const std::string& name, const Json& body) {
  AlertEvent event{.step = step_named(name), .at = {}, .what = {}, .remedy = {}, .tellings = {}};
  event.repeat = member<int>(body, "repeat");
  event.at = base::from_rfc3339(member<std::string>(body, "at"));
  event.severity = severity_named(member<std::string>(body, "severity"));
  event.what = member<std::string>(body, "what");
  event.remedy = member<std::string>(body, "remedy");
  return event;
}

Telling telling_from(const Json& body) {
  Telling telling;
  telling.route = member<std::string>(body, "route");
  telling.at = base::from_rfc3339(member<std::string>(body, "at"));
  telling.told = member<bool>(body, "told");
  telling.why = member<std::string>(body, "why");
  telling.permanent = member<bool>(body, "permanent");
  return telling;
}

Json to_json(const Telling& telling) {
  return {{"route", telling.route},
          {"at", base::to_rfc3339(telling.at)},
          {"told", telling.told},
          {"why", telling.why},
          {"permanent", telling.permanent}};
}

Json event_json(const AlertEvent& event) {
  return {{"step", name(event.step)},
          {"repeat", event.repeat},
          {"at", base::to_rfc3339(event.at)},
          {"severity", name(event.severity)},
          {"what", event.what},
          {"remedy", event.remedy}};
}

class Reader {
 public:
  Reader(const Repository& repository, AlertBodies& bodies, std::stop_token stop)
      : repository_(repository), bodies_(bodies), stop_(std::move(stop)) {}

  // Nothing for a folder without its first record: who began it has not put it yet, or never did.
  std::optional<Alert> read(const Folder& folder) {
    const ObjectInfo* const opened = folder.find("opened.json");
    if (opened == nullptr) return std::nullopt;
    const Json& first = body(opened->key);
    Alert alert{.key = folder.key,
                .number = folder.number,
                .group = {},
                .section = {},
                .since = {},
                .events = {}};
    alert.group = member<std::string>(first, "group");
    alert.section = member<std::string>(first, "section");
    if (const auto since = base::member_if_there<std::string>(first, "since"))
      alert.since = base::from_rfc3339(*since);
    for (const auto& [name, info] : folder.objects) {
      if (name.find('/') != std::string::npos || !name.ends_with(".json")) continue;
      alert.events.push_back(event_from(name.substr(0, name.size() - 5), body(info.key)));
    }
    std::ranges::stable_sort(alert.events, {}, [](const AlertEvent& event) {
      return std::pair(static_cast<int>(event.step), event.repeat);
    });
    for (const auto& [name, info] : folder.objects) {
      if (!name.starts_with("told/")) continue;
      const std::string event = name.substr(5, name.find('.', 5) - 5);
      for (AlertEvent& one : alert.events) {
        if (event_name(one) == event) one.tellings.push_back(telling_from(body(info.key)));
      }
    }
    return alert;
  }

 private:
  const Json& body(const ObjectKey& key) {
    const auto known = bodies_.find(key.text());
    if (known != bodies_.end()) return known->second;
    return bodies_[key.text()] = repository_.read_json(key, type, stop_);
  }

  const Repository& repository_;
  AlertBodies& bodies_;
  std::stop_token stop_;
};

// As much as names and dates tell of one that is over.
Alert outline(const Folder& folder) {
  Alert alert{.key = folder.key,
              .number = folder.number,
              .group = {},
              .section = {},
              .since = {},
              .events = {}};
  for (const char* const step : {"opened", "resolved"}) {
    const ObjectInfo* const info = folder.find(std::string(step) + ".json");
    if (info == nullptr) continue;
    alert.events.push_back(
        {.step = step_named(step), .at = info->modified, .what = {}, .remedy = {}, .tellings = {}});
  }
  return alert;
}

}  // namespace

Severity severity_named(std::string_view text) {
  for (const Severity severity : {Severity::notice, Severity::warning, Severity::critical}) {
    if (name(severity) == text) return severity;
  }
  throw base::error(base::ErrorKind::corrupt, "'{}' is no severity", text);
}

std::vector<Alert> read_alerts(const Repository& repository, AlertBodies& bodies, Instant now,
                               std::stop_token stop) {
  const std::vector<Folder> folders = list_folders(repository, stop);
  Reader reader(repository, bodies, stop);
  std::vector<Alert> alerts;
  std::set<std::string> read;
  for (size_t i = 0; i < folders.size(); ++i) {
    const Folder& folder = folders[i];
    const ObjectInfo* const resolved = folder.find("resolved.json");
    if (resolved != nullptr && resolved->modified < now - in_full) {
      const bool newest = i + 1 == folders.size() || folders[i + 1].key != folder.key;
      if (newest) alerts.push_back(outline(folder));
      continue;
    }
    for (const auto& [name, info] : folder.objects) read.insert(info.key.text());
    std::optional<Alert> alert = base::corrupt_if_invalid([&] { return reader.read(folder); });
    if (alert) alerts.push_back(std::move(*alert));
  }
  std::erase_if(bodies, [&](const auto& known) { return !read.contains(known.first); });
  return alerts;
}

bool put_event(const Repository& repository, const NewEvent& event, std::stop_token stop) {
  Json body = event_json(event.event);
  body["key"] = event.key;
  body["number"] = event.number;
  body["group"] = event.group;
  body["section"] = event.section;
  body["since"] = event.since ? Json(base::to_rfc3339(*event.since)) : Json(nullptr);
  const ObjectKey key(alert_prefix(event.key, event.number) + event_name(event.event) + ".json");
  return repository.put_json(key, type, body, stop) == PutOutcome::stored;
}

void put_telling(const Repository& repository, const Alert& alert, const AlertEvent& event,
                 const Telling& telling, int attempt, std::stop_token stop) {
  const ObjectKey key(fmt::format("{}told/{}.{}.{:02}.json", alert_prefix(alert.key, alert.number),
                                  event_name(event), telling.route, attempt));
  repository.put_json(key, type, to_json(telling), stop);
}

Json to_json(const Alert& alert) {
  Json events = Json::array();
  for (const AlertEvent& event : alert.events) {
    Json one = event_json(event);
    one["tellings"] = Json::array();
    for (const Telling& telling : event.tellings) one["tellings"].push_back(to_json(telling));
    events.push_back(std::move(one));
  }
  return {{"key", alert.key},
          {"number", alert.number},
          {"open", alert.open()},
          {"severity", name(alert.severity())},
          {"section", alert.section},
          {"since", alert.since ? Json(base::to_rfc3339(*alert.since)) : Json(nullptr)},
          {"events", std::move(events)}};
}

bool claim_news(const Repository& repository, const std::string& what, Instant now,
                std::stop_token stop) {
  const ObjectKey key(fmt::format("{}news/{}.json", prefix, what));
  return repository.put_json(key, type, {{"news", what}, {"at", base::to_rfc3339(now)}}, stop) ==
         PutOutcome::stored;
}

}  // namespace monitor
