#include "app/buckets.h"

#include <cstdlib>

#include "base/error.h"
#include "cloud/kms_key_wrapper.h"
#include "cloud/transit_key_wrapper.h"

namespace app {

using base::Error;
using base::ErrorKind;

namespace {

// A key service is asked once an hour and by each process; a backup that waits for it for long is
// better told.
constexpr net::RetryLimits key_retries{.deadline = std::chrono::minutes(1)};

cloud::S3Addressing addressing_of(policy::Addressing addressing) {
  switch (addressing) {
    case policy::Addressing::path:
      return cloud::S3Addressing::path;
    case policy::Addressing::virtual_host:
      return cloud::S3Addressing::virtual_host;
    case policy::Addressing::automatic:
      break;
  }
  return cloud::S3Addressing::automatic;
}

}  // namespace

std::unique_ptr<cloud::S3Store> open_bucket(const policy::Place& place, const policy::S3& settings,
                                            const policy::Reach& own, const StoreCare& care) {
  cloud::S3StoreOptions options;
  options.server.bucket = place.root;
  options.server.endpoint = own.endpoint ? own.endpoint : settings.reach.endpoint;
  options.server.region = own.region ? own.region : settings.reach.region;
  if (!options.server.region) options.server.region = policy::region_in_name(place);
  options.server.profile = own.profile ? own.profile : settings.reach.profile;
  options.server.addressing = addressing_of(settings.addressing);
  options.server.ca_file = settings.ca_file.value_or("");
  options.prefix = place.path;
  options.parts_max = static_cast<unsigned>(settings.parts_max);
  options.kms_key = care.kms_key;
  if (care.patience) {
    options.server.retries.deadline = *care.patience;
    options.server.timeouts.connect =
        std::chrono::duration_cast<std::chrono::milliseconds>(*care.patience / 4);
  }
  if (care.lock) {
    options.lock = cloud::S3Lock{.mode = care.lock->mode == policy::LockMode::compliance
                                             ? cloud::S3Lock::Mode::compliance
                                             : cloud::S3Lock::Mode::governance,
                                 .keep = care.lock->duration};
  }
  return std::make_unique<cloud::S3Store>(std::move(options));
}

std::optional<std::string> lock_of(storage::ObjectStore& store, const storage::ObjectKey& key,
                                   std::stop_token stop) {
  auto* bucket = dynamic_cast<cloud::S3Store*>(&store);
  if (bucket == nullptr) return std::nullopt;
  const std::string full = bucket->full_key(key);
  std::vector<std::string> versions;
  bucket->client().list_versions(
      full,
      [&](const cloud::S3Entry& entry) {
        if (entry.key == full && !entry.is_delete_marker) versions.push_back(entry.version_id);
        return entry.key == full;
      },
      stop);
  base::Instant latest = base::system_clock().now();
  const base::Instant now = latest;
  for (const std::string& version : versions) {
    std::vector<std::pair<std::string, std::string>> query;
    if (cloud::is_version(version)) query.emplace_back("versionId", version);
    const net::Response answer = bucket->client().request("HEAD", full, query, {}, {}, stop);
    const auto until = answer.headers.find("x-amz-object-lock-retain-until-date");
    if (answer.headers.find("x-amz-object-lock-legal-hold") == "ON") return "under a legal hold";
    if (until) latest = std::max(latest, base::from_rfc3339(*until));
  }
  if (latest == now) return std::nullopt;
  return "locked until " + base::to_rfc3339(std::chrono::ceil<std::chrono::seconds>(latest));
}

std::unique_ptr<crypto::KeyWrapper> open_kms_key(const std::string& key) {
  const cloud::Settings settings = cloud::Settings::load(cloud::process_environment, std::nullopt);
  auto http =
      std::make_shared<net::HttpClient>(net::HttpClient::Options{.ca_file = settings.ca_file()});
  return cloud::make_kms_key_wrapper(
      key, settings, cloud::default_credentials(cloud::process_environment, std::nullopt, http),
      http, key_retries);
}

std::unique_ptr<crypto::KeyWrapper> open_transit_key(const std::string& mount_and_key) {
  const auto variable = cloud::process_environment;
  const std::optional<std::string> address = variable("VAULT_ADDR");
  if (!address) {
    throw Error(ErrorKind::invalid,
                fmt::format("the key vault:{} needs VAULT_ADDR, which is not set", mount_and_key),
                "set it to the address of Vault: https://vault.internal:8200");
  }
  const size_t slash = mount_and_key.rfind('/');
  const std::string home = variable("HOME").value_or("");
  cloud::TransitOptions options{.address = net::Url::parse(*address),
                                .vault_namespace = variable("VAULT_NAMESPACE").value_or(""),
                                .mount = mount_and_key.substr(0, slash),
                                .key = mount_and_key.substr(slash + 1),
                                .token = [variable, home] {
                                  return cloud::vault_token(variable("VAULT_TOKEN"),
                                                            home + "/.vault-token");
                                }};
  return std::make_unique<cloud::TransitKeyWrapper>(
      std::move(options),
      std::make_shared<net::HttpClient>(
          net::HttpClient::Options{.ca_file = variable("VAULT_CACERT").value_or("")}),
      key_retries);
}

}  // namespace app
