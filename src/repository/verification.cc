#include "repository/verification.h"

#include <algorithm>

namespace repository {

using base::Json;
using base::member;

namespace {

constexpr const char* prefix = "verifications/";
constexpr const char* type = "verification";

}  // namespace

std::set<std::string> Verification::damaged_keys() const {
  std::set<std::string> keys;
  for (const Damage& one : damage) keys.insert(one.key);
  return keys;
}

bool Verification::damages(const std::string& snapshot) const {
  return std::ranges::any_of(damage, [&](const Damage& one) {
    return std::ranges::find(one.snapshots, snapshot) != one.snapshots.end();
  });
}

void keep_verification(const Repository& repository, const VerifyReport& report, base::Instant now,
                       std::stop_token stop) {
  Json damage = Json::array();
  for (const Damage& one : report.damage)
    damage.push_back({{"key", one.key}, {"what", one.what}, {"snapshots", one.snapshots}});
  const Json body = {{"at", base::to_rfc3339(now)},
                     {"objects", report.objects},
                     {"bytes", report.bytes},
                     {"blocks", report.blocks},
                     {"damage", std::move(damage)}};
  // In order of names they are in order of time, also within a second.
  const auto micros = (now.time_since_epoch() % std::chrono::seconds(1)).count();
  const std::string name = fmt::format("{}.{:06}", base::to_compact(now), micros);
  repository.put_json(ObjectKey(prefix + name + ".json"), type, body, stop);
}

std::optional<Verification> newest_verification(const Repository& repository,
                                                std::stop_token stop) {
  const std::vector<storage::ObjectInfo> all = storage::list_all(repository.store(), prefix, stop);
  if (all.empty()) return std::nullopt;
  const Json body = repository.read_json(all.back().key, type, stop);
  Verification verification{.at = base::from_rfc3339(member<std::string>(body, "at")),
                            .objects = member<uint64_t>(body, "objects"),
                            .bytes = member<uint64_t>(body, "bytes"),
                            .damage = {}};
  for (const Json& one : member<Json>(body, "damage")) {
    verification.damage.push_back({member<std::string>(one, "key"),
                                   member<std::string>(one, "what"),
                                   member<std::vector<std::string>>(one, "snapshots")});
  }
  return verification;
}

}  // namespace repository
