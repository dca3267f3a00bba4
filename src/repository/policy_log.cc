#include "repository/policy_log.h"

namespace repository {

std::vector<PolicyVersion> read_policies(const Repository& repository, std::stop_token stop) {
  std::vector<PolicyVersion> versions;
  for (const storage::ObjectInfo& info : storage::list_all(repository.store(), "policies/", stop)) {
    const base::Json body = repository.read_json(info.key, "policy", stop);
    versions.push_back({base::from_rfc3339(base::member<std::string>(body, "at")),
                        base::member<std::string>(body, "text")});
  }
  return versions;
}

void keep_policy(const Repository& repository, const std::string& text, base::Instant now,
                 std::stop_token stop) {
  const std::vector<PolicyVersion> versions = read_policies(repository, stop);
  if (!versions.empty() && versions.back().text == text) return;
  const std::string hash = crypto::sha256_hex(base::as_bytes(text)).substr(0, 8);
  const ObjectKey key("policies/" + base::to_compact(now) + "-" + hash + ".json");
  repository.put_json(key, "policy", {{"at", base::to_rfc3339(now)}, {"text", text}}, stop);
}

}  // namespace repository
