#include "app/context.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "app/key_care.h"
#include "app/keys.h"
#include "base/error.h"
#include "repository/sealed_store.h"
#include "storage/file_store.h"
#include "storage/throttled_store.h"

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

std::string take_environment(const Path& policy) {
  Path file;
  const char* named = std::getenv("SEAWALL_ENV_FILE");
  if (named != nullptr && *named != '\0') {
    file = named;
  } else {
    const Path folder = std::filesystem::is_directory(policy) ? policy : policy.parent_path();
    std::error_code failed;
    // A folder of that name is nothing of ours: Python's tools make some.
    if (!std::filesystem::is_regular_file(folder / "env", failed)) return {};
    file = folder / "env";
  }
  std::string text = base::read_environment_file(file);
  base::set_variables(base::parse_environment(text, file.string()));
  return text;
}

std::unique_ptr<storage::ObjectStore> open_store(const policy::Place& place,
                                                 const policy::S3& settings,
                                                 const policy::Reach& own, const StoreCare& care) {
  if (place.kind == policy::Place::Kind::file)
    return std::make_unique<storage::FileStore>(place.path);
  return open_bucket(place, settings, own, care);
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

Context::Context(Path policy_file, policy::Policy policy)
    : policy_file_(std::move(policy_file)), policy_(std::move(policy)) {}

void Context::give_up_after(base::Duration most) {
  CHECK(!store_ && dump_stores_.empty());
  policy_.s3.deadline = std::min(policy_.s3.deadline, most);
}

void Context::remember(std::shared_ptr<storage::ReadMemory> memory) {
  CHECK(!store_ && dump_stores_.empty());
  memory_ = std::move(memory);
}

void Context::hold_back(Caps caps) {
  CHECK(!store_ && dump_stores_.empty());
  caps_ = std::move(caps);
}

// WAL goes at once, also where a snapshot has to store it.
std::unique_ptr<storage::ObjectStore> Context::held_back(
    std::unique_ptr<storage::ObjectStore> store) const {
  if (!caps_.storing) return store;
  return std::make_unique<storage::ThrottledStore>(std::move(store), caps_.storing, "wal/");
}

std::unique_ptr<storage::ObjectStore> Context::remembering(
    std::unique_ptr<storage::ObjectStore> store) {
  if (!memory_) return store;
  return std::make_unique<storage::RememberingStore>(std::move(store), memory_);
}

storage::ObjectStore& Context::store() {
  if (!store_)
    store_ = remembering(held_back(
        open_store(policy_.repository.store, policy_.s3, {}, {.lock = policy_.repository.lock})));
  return *store_;
}

std::optional<Path> Context::index_cache() const {
  const std::optional<policy::Encryption>& encryption = policy_.repository.encryption;
  if (!encryption || !encryption->index_cache) return std::nullopt;
  return *encryption->index_cache;
}

const repository::Keys& Context::keys() {
  if (!keys_) {
    const std::optional<policy::Encryption>& encryption = policy_.repository.encryption;
    keys_ = encryption ? open_keys(*encryption) : nullptr;
  }
  return *keys_;
}

repository::Repository Context::repository(std::stop_token stop) {
  return repository::Repository::open(store(), keys(), stop, index_cache());
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
  DumpPlace& place = dump_stores_[tier];
  if (!place.store) {
    const policy::DumpTier& dumps = dump_tier(tier);
    StoreCare care{.lock = dumps.lock};
    const bool by_service =
        dumps.encryption && dumps.encryption->mode == policy::DumpEncryptionMode::sse_kms;
    if (by_service) care.kms_key = resolved(dumps.encryption->key).value;
    place.store = remembering(held_back(open_store(dumps.store, policy_.s3, {}, care)));
    if (dumps.encryption && !by_service) {
      std::optional<policy::KeySource> replica_key;
      if (dumps.replica) replica_key = dumps.replica->key;
      place.in_clear = std::make_unique<repository::SealedStore>(
          *place.store, open_keys(*dumps.encryption, replica_key), repository::dumps_scope);
    }
  }
  return place.in_clear ? *place.in_clear : *place.store;
}

storage::ObjectStore& Context::stored_dumps(const std::string& tier) {
  dump_store(tier);
  return *dump_stores_[tier].store;
}

monitor::Catalog Context::catalog(const repository::Repository& repository, base::Instant now,
                                  std::stop_token stop) {
  std::vector<monitor::DumpPlace> places;
  for (const policy::DumpTier& tier : policy_.layers.dumps)
    places.push_back({tier.tier.name, dump_store(tier.tier.name)});
  monitor::Catalog catalog =
      monitor::read_catalog(policy_, repository, cluster_database(), places, now, stop);
  catalog.unconfirmed_keys = unconfirmed_keys(policy_, repository, stop);
  return catalog;
}

unsigned Context::threads() const {
  if (policy_.limits.jobs) return static_cast<unsigned>(*policy_.limits.jobs);
  return std::clamp(std::thread::hardware_concurrency(), 1u, 16u);
}

}  // namespace app
