#include "repository/probe_record.h"

#include "base/error.h"

namespace repository {

using base::Json;
using base::member;

namespace {
constexpr const char* prefix = "probes/";
}  // namespace

Json to_json(const ProbeRecord& record) {
  Json stores = Json::array();
  for (const StoreProbe& store : record.stores) {
    Json steps = Json::array();
    for (const ProbeStepRecord& step : store.steps) {
      steps.push_back({{"what", step.what}, {"outcome", step.outcome}, {"detail", step.detail}});
    }
    stores.push_back({{"url", store.url}, {"canary", store.canary}, {"steps", std::move(steps)}});
  }
  return {{"at", base::to_rfc3339(record.at)}, {"stores", std::move(stores)}};
}

void put_probe(const Repository& repository, const ProbeRecord& record, std::stop_token stop) {
  const ObjectKey key(fmt::format("{}{}.json", prefix, base::to_compact(record.at)));
  repository.put_json(key, "probe", to_json(record), stop);
}

std::optional<ProbeRecord> newest_probe(const Repository& repository, std::stop_token stop) {
  const std::vector<storage::ObjectInfo> all = storage::list_all(repository.store(), prefix, stop);
  if (all.empty()) return std::nullopt;
  const Json body = repository.read_json(all.back().key, "probe", stop);
  return base::corrupt_if_invalid([&] {
    ProbeRecord record{.at = base::from_rfc3339(member<std::string>(body, "at")), .stores = {}};
    for (const Json& store : member<Json>(body, "stores")) {
      StoreProbe probe{.url = member<std::string>(store, "url"),
                       .canary = member<std::string>(store, "canary"),
                       .steps = {}};
      for (const Json& step : member<Json>(store, "steps")) {
        probe.steps.push_back({.what = member<std::string>(step, "what"),
                               .outcome = member<std::string>(step, "outcome"),
                               .detail = member<std::string>(step, "detail")});
      }
      record.stores.push_back(std::move(probe));
    }
    return record;
  });
}

}  // namespace repository
