#include "app/context.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "storage/file_store.h"

namespace app {

using base::Error;
using base::ErrorKind;
using base::Path;

Path find_policy(const std::optional<std::string>& given) {
  if (given) return *given;
  if (const char* variable = std::getenv("SEAWALL_POLICY");
      variable != nullptr && *variable != '\0')
    return variable;
  for (const char* usual : {"seawall.yaml", "/etc/seawall/seawall.yaml"}) {
    if (std::filesystem::exists(usual)) return usual;
  }
  throw Error(ErrorKind::absent,
              "there is no policy: neither ./seawall.yaml nor /etc/seawall/seawall.yaml",
              "name one with --policy FILE or SEAWALL_POLICY, or write one with 'seawall init'");
}

std::unique_ptr<storage::ObjectStore> open_store(const std::string& url) {
  const policy::Place place = policy::parse_carried_place(url);
  return std::make_unique<storage::FileStore>(place.path);
}

std::string connection_url(const policy::ConnectionSource& source) {
  switch (source.kind) {
    case policy::ConnectionSource::Kind::uri:
      return source.value;
    case policy::ConnectionSource::Kind::environment: {
      const char* value = std::getenv(source.value.c_str());
      if (value != nullptr) return value;
      throw Error(ErrorKind::absent,
                  fmt::format("database.url names the variable {}, which is not set", source.value),
                  "set it to a libpq URI, or name another source in the policy");
    }
    case policy::ConnectionSource::Kind::file: {
      std::string text = base::read_text_file(source.value, base::MiB);
      while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
        text.pop_back();
      return text;
    }
  }
  CHECK(false);
  return {};
}

Context::Context(const Path& policy_file)
    : policy_file_(policy_file), policy_(policy::load(policy_file)) {}

storage::ObjectStore& Context::store() {
  if (!store_) store_ = open_store(policy_.repository.store.url());
  return *store_;
}

repository::Repository Context::repository(std::stop_token stop) {
  return repository::Repository::open(store(), stop);
}

provider::NativeCluster Context::cluster() const {
  std::optional<Path> folder;
  if (policy_.database.data_directory) folder = *policy_.database.data_directory;
  return {connection_url(policy_.database.connection), folder, policy_.database.access};
}

std::string Context::cluster_database() const {
  return postgres::database_of(connection_url(policy_.database.connection));
}

const policy::DumpTier& Context::dump_tier(const std::string& name) const {
  const std::vector<policy::DumpTier>& tiers = policy_.layers.dumps;
  if (tiers.empty())
    throw Error(ErrorKind::invalid, "the policy has no dumps", "layers.dumps is where they go");
  if (name.empty() && tiers.size() == 1) return tiers[0];
  std::string names;
  for (const policy::DumpTier& tier : tiers) {
    if (tier.tier.name == name) return tier;
    names += (names.empty() ? "" : ", ") + tier.tier.name;
  }
  throw Error(ErrorKind::invalid,
              name.empty() ? "the policy has several tiers of dumps"
                           : fmt::format("the policy has no tier '{}' of dumps", name),
              fmt::format("name one with --tier: {}", names));
}

storage::ObjectStore& Context::dump_store(const std::string& tier) {
  std::unique_ptr<storage::ObjectStore>& store = dump_stores_[tier];
  if (!store) store = open_store(dump_tier(tier).store.url());
  return *store;
}

monitor::Catalog Context::catalog(const repository::Repository& repository, base::Instant now,
                                  std::stop_token stop) {
  std::vector<monitor::DumpPlace> places;
  for (const policy::DumpTier& tier : policy_.layers.dumps)
    places.push_back({tier.tier.name, dump_store(tier.tier.name)});
  return monitor::read_catalog(policy_, repository, cluster_database(), places, now, stop);
}

unsigned Context::threads() const {
  if (policy_.limits.jobs) return static_cast<unsigned>(*policy_.limits.jobs);
  return std::clamp(std::thread::hardware_concurrency(), 1u, 16u);
}

}  // namespace app
