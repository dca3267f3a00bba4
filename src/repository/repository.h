// A repository: seawall's layout in a store, for one database cluster. docs/formats/repository.md.
//
// Borrows its store. What it keeps is read once at open; safe to share between threads.
#pragma once

#include <optional>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "crypto/key_wrapper.h"
#include "repository/layout.h"
#include "repository/object_header.h"

namespace repository {

// One life of the cluster.
struct Epoch {
  EpochNumber number;
  uint64_t system_identifier = 0;
  int major = 0;
  uint64_t segment_bytes = 0;
  postgres::Timeline timeline;  // on which it began
  postgres::Lsn begins_at;
  base::Instant created;
  std::string reason;
};

class IndexCache;
class SealedStore;

// What seals and opens a repository's objects; null for one in clear.
using Keys = std::shared_ptr<crypto::KeyWrapper>;  // shared with the stores of dumps

class Repository {
 public:
  // Throws absent when there is none at the store, corrupt, invalid (newer format; sealed and no
  // keys given, or keys and not sealed), denied (not our keys).
  // `index_cache` is given on a host whose keys may seal and not open.
  static Repository open(storage::ObjectStore& store, Keys keys, std::stop_token stop,
                         const std::optional<base::Path>& index_cache = {});
  // Makes a new one, sealed if there are keys, or opens the one that is there.
  static Repository create_or_open(storage::ObjectStore& store, Keys keys, base::Instant now,
                                   std::stop_token stop,
                                   const std::optional<base::Path>& index_cache = {});

  // Its objects in clear, whether they are sealed or not.
  storage::ObjectStore& store() const { return *store_; }
  bool sealed() const { return sealed_ != nullptr; }
  // Whether this host may seal and not open. What others stored it cannot read (denied), and reads
  // its own index objects from copies; what needs reading back is left to whoever may.
  bool seals_only() const { return index_cache() != nullptr; }
  const IndexCache* index_cache() const;
  // Which content is stored under `key`, without reading it, if that can be known: of a sealed
  // object, from its label. Nothing when it is absent.
  std::optional<crypto::Label> label(const ObjectKey& key, std::stop_token stop) const;
  const RepositoryId& id() const { return id_; }
  const crypto::HashKey& hash_key() const { return hash_key_; }

  // In order; read from the store at each call.
  std::vector<Epoch> epochs(std::stop_token stop) const;
  // The newest, or nothing in a repository that has not met its cluster.
  std::optional<Epoch> current_epoch(std::stop_token stop) const;
  // The current epoch, which must be of this cluster; begins the first one. Throws conflict for
  // another cluster's.
  Epoch epoch_for(const Epoch& cluster, std::stop_token stop) const;
  // Begins a new epoch; its number is chosen here. Throws conflict when another was begun at the
  // same moment.
  Epoch begin_epoch(Epoch epoch, std::stop_token stop) const;

  // JSON objects. put_json says whether it was stored or the name was taken.
  storage::PutOutcome put_json(const ObjectKey& key, std::string_view type, const base::Json& body,
                               std::stop_token stop) const;
  base::Json read_json(const ObjectKey& key, std::string_view type, std::stop_token stop) const;
  std::optional<base::Json> read_json_if_there(const ObjectKey& key, std::string_view type,
                                               std::stop_token stop) const;

 private:
  Repository(storage::ObjectStore& store, std::shared_ptr<SealedStore> sealed, RepositoryId id,
             crypto::HashKey key);

  std::shared_ptr<SealedStore> sealed_;  // shared by copies of this
  storage::ObjectStore* store_;
  RepositoryId id_;
  crypto::HashKey hash_key_;
};

}  // namespace repository
