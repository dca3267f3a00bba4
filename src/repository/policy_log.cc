#include "repository/policy_log.h"

#include "base/error.h"

namespace repository {

namespace {

constexpr std::string_view prefix = "policies/";

std::string hash_of(const std::string& text) {
  return crypto::sha256_hex(base::as_bytes(text)).substr(0, 8);
}

// "policies/20280229T030000Z-1a2b3c4d.json", of which the body may not be open to us.
PolicyVersion version_by_name(const storage::ObjectKey& key) {
  const std::string_view name = std::string_view(key.text()).substr(prefix.size());
  const size_t dash = name.find('-');
  if (dash == std::string_view::npos || name.size() < dash + 9)
    throw base::error(base::ErrorKind::corrupt, "{} is no version of a policy", key.text());
  return {base::from_compact(name.substr(0, dash)), "", std::string(name.substr(dash + 1, 8))};
}

}  // namespace

std::vector<PolicyVersion> read_policies(const Repository& repository, std::stop_token stop) {
  std::vector<PolicyVersion> versions;
  for (const storage::ObjectInfo& info :
       storage::list_all(repository.store(), std::string(prefix), stop)) {
    PolicyVersion version = version_by_name(info.key);
    try {
      const base::Json body = repository.read_json(info.key, "policy", stop);
      version.since = base::from_rfc3339(base::member<std::string>(body, "at"));
      version.text = base::member<std::string>(body, "text");
    } catch (const base::Error& failure) {
      if (failure.kind() != base::ErrorKind::denied || !repository.seals_only()) throw;
    }
    versions.push_back(std::move(version));
  }
  return versions;
}

void keep_policy(const Repository& repository, const std::string& text, base::Instant now,
                 std::stop_token stop) {
  const std::vector<PolicyVersion> versions = read_policies(repository, stop);
  const std::string hash = hash_of(text);
  if (!versions.empty() && versions.back().hash == hash) return;
  const ObjectKey key(fmt::format("{}{}-{}.json", prefix, base::to_compact(now), hash));
  repository.put_json(key, "policy", {{"at", base::to_rfc3339(now)}, {"text", text}}, stop);
}

}  // namespace repository
