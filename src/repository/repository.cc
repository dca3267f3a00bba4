#include "repository/repository.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "repository/json_object.h"
#include "repository/sealed_store.h"

namespace repository {

using base::Error;
using base::ErrorKind;
using base::Json;
using base::member;
using storage::PutOutcome;

namespace {

constexpr uint64_t json_bytes_max = 64 * base::MiB;
constexpr const char* sealed_by = "aws-encryption-sdk";  // docs/formats/envelope.md

base::Json read(storage::ObjectStore& store, const ObjectKey& key, std::string_view type,
                std::stop_token stop) {
  return base::while_doing(fmt::format("reading {}", key.text()), [&] {
    return unwrap_json(type, storage::read_all(store, key, json_bytes_max, stop));
  });
}

Json to_json(const Epoch& epoch) {
  return {{"number", epoch.number.value},
          {"system_identifier", std::to_string(epoch.system_identifier)},
          {"major", epoch.major},
          {"segment_bytes", epoch.segment_bytes},
          {"timeline", epoch.timeline.value},
          {"begins_at", postgres::to_string(epoch.begins_at)},
          {"created", base::to_rfc3339(epoch.created)},
          {"reason", epoch.reason}};
}

uint64_t decimal(const std::string& text) {
  uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) {
    throw base::error(ErrorKind::corrupt, "'{}' is no number", text);
  }
  return value;
}

Epoch epoch_from(const Json& body) {
  return base::corrupt_if_invalid([&]() -> Epoch {
    return {.number = {member<uint32_t>(body, "number")},
            .system_identifier = decimal(member<std::string>(body, "system_identifier")),
            .major = member<int>(body, "major"),
            .segment_bytes = member<uint64_t>(body, "segment_bytes"),
            .timeline = {member<uint32_t>(body, "timeline")},
            .begins_at = postgres::parse_lsn(member<std::string>(body, "begins_at")),
            .created = base::from_rfc3339(member<std::string>(body, "created")),
            .reason = member<std::string>(body, "reason")};
  });
}

base::Bytes bytes_of(const Json& body, const char* name) {
  return base::corrupt_if_invalid([&] { return base::from_hex(member<std::string>(body, name)); });
}

// What repository.json says.
struct Identity {
  RepositoryId id{};
  std::shared_ptr<SealedStore> sealed;
};

Identity read_identity(storage::ObjectStore& store, Keys keys, std::stop_token stop) {
  const std::optional<base::Bytes> object = store.get(repository_key(), json_bytes_max, stop);
  if (!object) {
    throw Error(ErrorKind::absent, fmt::format("there is no repository at {}", store.url()),
                "'seawall apply' makes one, or mend repository.store in the policy");
  }
  const Json body = base::while_doing("reading repository.json",
                                      [&] { return unwrap_json("repository", *object); });
  Identity identity;
  const base::Bytes id = bytes_of(body, "id");
  if (id.size() != identity.id.size())
    throw base::error(ErrorKind::corrupt, "repository.json has a strange id");
  std::ranges::copy(id, identity.id.begin());
  const std::string encryption = member<std::string>(body, "encryption");
  if (encryption == "none" && keys) {
    throw Error(ErrorKind::invalid,
                fmt::format("the repository at {} is not encrypted, but the policy says it is",
                            store.url()),
                "encryption is decided when a repository is made: take repository.encryption out, "
                "or begin a new repository at another place");
  }
  if (encryption == "none") return identity;
  if (encryption != sealed_by) {
    throw base::error(ErrorKind::invalid,
                      "the repository is sealed by '{}', which this seawall cannot open",
                      encryption);
  }
  if (!keys) {
    throw Error(
        ErrorKind::invalid,
        fmt::format("the repository at {} is encrypted, and the policy names no key", store.url()),
        "add repository.encryption to the policy");
  }
  identity.sealed =
      std::make_shared<SealedStore>(store, std::move(keys), base::to_hex(identity.id));
  return identity;
}

Json read_hash_key(storage::ObjectStore& store, const std::optional<base::Path>& index_cache,
                   std::stop_token stop) {
  try {
    return read(store, hash_key_key(), "hash-key", stop);
  } catch (const Error& failure) {
    if (!index_cache || failure.kind() != ErrorKind::denied) throw;
    throw Error(ErrorKind::denied,
                fmt::format("this host may not decrypt, and {} has no copy of the hash key",
                            index_cache->string()),
                "who may decrypt makes it: seawall key hand-over FOLDER, to be put there");
  }
}

// A hash key is made for a new repository only: what is there was digested with the one that is
// lost.
void require_nothing_else(storage::ObjectStore& store, std::stop_token stop) {
  store.list(
      "",
      [&](const storage::ObjectInfo& info) {
        if (info.key == repository_key()) return true;
        throw Error(
            ErrorKind::corrupt,
            fmt::format("the repository at {} has lost its {}", store.url(), hash_key_key().text()),
            "bring that object back from a copy of the repository; without it "
            "nothing there can be verified");
      },
      stop);
}

}  // namespace

Repository::Repository(storage::ObjectStore& store, std::shared_ptr<SealedStore> sealed,
                       RepositoryId id, crypto::HashKey key)
    : sealed_(std::move(sealed)),
      store_(sealed_ ? sealed_.get() : &store),
      id_(id),
      hash_key_(key) {}

Repository Repository::open(storage::ObjectStore& store, Keys keys, std::stop_token stop,
                            const std::optional<base::Path>& index_cache) {
  const Identity identity = read_identity(store, std::move(keys), stop);
  if (identity.sealed && index_cache) identity.sealed->use(IndexCache(*index_cache));
  storage::ObjectStore& own = identity.sealed ? *identity.sealed : store;
  const Json key = read_hash_key(own, index_cache, stop);
  const crypto::HashKey hash_key = crypto::HashKey::from(bytes_of(key, "key"));
  if (identity.sealed) identity.sealed->use(hash_key);
  return Repository(store, identity.sealed, identity.id, hash_key);
}

Repository Repository::create_or_open(storage::ObjectStore& store, Keys keys, base::Instant now,
                                      std::stop_token stop,
                                      const std::optional<base::Path>& index_cache) {
  if (!store.stat(repository_key(), stop)) {
    RepositoryId id{};
    base::fill_random(id);
    const Json body = {{"id", base::to_hex(id)},
                       {"created", base::to_rfc3339(now)},
                       {"encryption", keys ? sealed_by : "none"}};
    store.put_if_absent(repository_key(), wrap_json("repository", body), stop);
  }
  // The id seals the hash key, so that comes second; whoever loses a race takes the winner's.
  if (!store.stat(hash_key_key(), stop)) {
    require_nothing_else(store, stop);
    const Identity identity = read_identity(store, keys, stop);
    const crypto::HashKey hash_key = crypto::HashKey::random();
    const base::Bytes key = wrap_json("hash-key", {{"key", base::to_hex(hash_key.bytes())}});
    if (identity.sealed) identity.sealed->use(hash_key);
    if (identity.sealed && index_cache) identity.sealed->use(IndexCache(*index_cache));
    storage::ObjectStore& own = identity.sealed ? *identity.sealed : store;
    own.put_if_absent(hash_key_key(), key, stop);
  }
  return open(store, std::move(keys), stop, index_cache);
}

const IndexCache* Repository::index_cache() const {
  return sealed_ && sealed_->index_cache() ? &*sealed_->index_cache() : nullptr;
}

std::optional<crypto::Label> Repository::label(const ObjectKey& key, std::stop_token stop) const {
  return sealed_ ? sealed_->label(key, stop) : std::nullopt;
}

std::vector<Epoch> Repository::epochs(std::stop_token stop) const {
  std::vector<Epoch> all;
  for (const storage::ObjectInfo& info : storage::list_all(*store_, epoch_prefix(), stop)) {
    const Epoch epoch = epoch_from(read_json(info.key, "epoch", stop));
    if (info.key != epoch_key(epoch.number)) {
      throw base::error(ErrorKind::corrupt, "{} says it is epoch {}", info.key.text(),
                        epoch.number.value);
    }
    all.push_back(epoch);
  }
  return all;
}

std::optional<Epoch> Repository::current_epoch(std::stop_token stop) const {
  std::vector<Epoch> all = epochs(stop);
  if (all.empty()) return std::nullopt;
  return all.back();
}

Epoch Repository::epoch_for(const Epoch& cluster, std::stop_token stop) const {
  std::optional<Epoch> current = current_epoch(stop);
  if (!current) {
    Epoch first = cluster;
    first.reason = "first contact";
    try {
      return begin_epoch(first, stop);
    } catch (const Error& failure) {
      if (failure.kind() != ErrorKind::conflict) throw;
      current = current_epoch(stop);  // another seawall met the cluster at the same moment
    }
  }
  if (current->system_identifier != cluster.system_identifier) {
    throw Error(
        ErrorKind::conflict,
        fmt::format(
            "the repository at {} belongs to the cluster with system identifier {}, this one is {}",
            store_->url(), current->system_identifier, cluster.system_identifier),
        "after pg_upgrade or a new initdb: 'seawall wal new-epoch'; otherwise mend "
        "repository.store in the policy");
  }
  return *current;
}

Epoch Repository::begin_epoch(Epoch epoch, std::stop_token stop) const {
  const std::optional<Epoch> current = current_epoch(stop);
  epoch.number = {current ? current->number.value + 1 : 1};
  if (put_json(epoch_key(epoch.number), "epoch", to_json(epoch), stop) ==
      PutOutcome::already_there) {
    throw base::error(ErrorKind::conflict, "epoch {} was begun by someone else just now",
                      epoch.number.value);
  }
  return epoch;
}

PutOutcome Repository::put_json(const ObjectKey& key, std::string_view type, const Json& body,
                                std::stop_token stop) const {
  return base::while_doing(fmt::format("storing {}", key.text()),
                           [&] { return store_->put_if_absent(key, wrap_json(type, body), stop); });
}

Json Repository::read_json(const ObjectKey& key, std::string_view type,
                           std::stop_token stop) const {
  return read(*store_, key, type, stop);
}

std::optional<Json> Repository::read_json_if_there(const ObjectKey& key, std::string_view type,
                                                   std::stop_token stop) const {
  const std::optional<base::Bytes> bytes = store_->get(key, json_bytes_max, stop);
  if (!bytes) return std::nullopt;
  return base::while_doing(fmt::format("reading {}", key.text()),
                           [&] { return unwrap_json(type, *bytes); });
}

}  // namespace repository
