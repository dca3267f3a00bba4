#include "app/rehearsals.h"

#include <algorithm>

namespace app {

using base::Json;
using base::member;
using base::member_if_there;

namespace {

constexpr size_t newest_max = 100;  // of each kind

std::optional<base::Duration> seconds_if_there(const Json& json, const char* name) {
  const std::optional<double> seconds = member_if_there<double>(json, name);
  if (!seconds) return std::nullopt;
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(*seconds));
}

documents::Rehearsal rehearsal_from(const Json& body) {
  return base::corrupt_if_invalid([&] {
    documents::Rehearsal one;
    one.kind = member<std::string>(body, "kind");
    one.at = base::from_rfc3339(member<std::string>(body, "started"));
    one.passed = member<std::string>(body, "outcome") == "passed";
    one.rto = seconds_if_there(body, "rto_seconds");
    one.rpo = seconds_if_there(body, "rpo_seconds");
    one.why = member<std::string>(body, "error");
    return one;
  });
}

documents::SignOff sign_off_from(const Json& body) {
  return base::corrupt_if_invalid([&] {
    documents::SignOff one;
    one.quarter = member<std::string>(body, "quarter");
    one.by = member<std::string>(body, "by");
    one.at = base::from_rfc3339(member<std::string>(body, "at"));
    one.note = member<std::string>(body, "note");
    return one;
  });
}

}  // namespace

void read_rehearsals(const repository::Repository& repository, documents::Evidence& evidence,
                     std::stop_token stop) {
  // By kind ("drills/latest/..."), each in order of time.
  std::map<std::string, std::vector<storage::ObjectKey>> kinds;
  for (const storage::ObjectInfo& object : storage::list_all(repository.store(), "drills/", stop)) {
    const std::string& key = object.key.text();
    const size_t slash = key.find('/', std::string_view("drills/").size());
    if (slash != std::string::npos) kinds[key.substr(0, slash)].push_back(object.key);
  }
  for (const auto& [kind, keys] : kinds) {
    for (size_t i = keys.size() - std::min(keys.size(), newest_max); i < keys.size(); ++i)
      evidence.rehearsals.push_back(rehearsal_from(repository.read_json(keys[i], "drill", stop)));
  }
  std::ranges::sort(evidence.rehearsals, {}, &documents::Rehearsal::at);
  for (const storage::ObjectInfo& object :
       storage::list_all(repository.store(), "sign-offs/", stop)) {
    evidence.sign_offs.push_back(sign_off_from(repository.read_json(object.key, "sign-off", stop)));
  }
  std::ranges::sort(evidence.sign_offs, {}, &documents::SignOff::at);
}

}  // namespace app
