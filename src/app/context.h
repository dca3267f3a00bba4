// Turns a policy file into live objects. What cannot be had is thrown when it is asked for, not
// before.
#pragma once

#include <map>
#include <memory>

#include "app/buckets.h"
#include "app/caps.h"
#include "base/environment_file.h"
#include "monitor/catalog.h"
#include "policy/policy.h"
#include "provider/native_cluster.h"
#include "repository/repository.h"
#include "storage/remembering_store.h"

namespace app {

// Where the policy is: what the user named, else $SEAWALL_POLICY, ./seawall.yaml,
// /etc/seawall/seawall.yaml.
base::Path find_policy(const std::optional<std::string>& given);

// Sets the variables that the policy's environment file has and nobody has set yet: for programs
// that inherit nothing useful, as PostgreSQL's archiver gives nothing. The file is
// $SEAWALL_ENV_FILE, which must be there then, or `env` beside the policy (in a folder of
// policies), if it is there; its text is returned. Before any thread is started. Throws what
// base::read_environment_file and parse_environment throw.
std::string take_environment(const base::Path& policy);

// The store at this place. `own` is how it is reached where that differs from the rest.
std::unique_ptr<storage::ObjectStore> open_store(const policy::Place& place,
                                                 const policy::S3& settings,
                                                 const policy::Reach& own,
                                                 const StoreCare& care = {});

// The libpq URI that the policy's database.url leads to. Throws absent when its variable or file is
// not there.
std::string connection_url(const policy::ConnectionSource& source);

class Context {
 public:
  explicit Context(const base::Path& policy_file);
  // Of a policy that was read before: what is in the file now may be another one.
  Context(base::Path policy_file, policy::Policy policy);

  const policy::Policy& policy() const { return policy_; }
  const base::Path& policy_file() const { return policy_file_; }
  // For whom somebody waits: no call to a bucket is tried for longer, whatever the policy says.
  // Before the first store is asked for.
  void give_up_after(base::Duration most);
  // For whom reads the same records again and again: what was read whole is taken from there. Not
  // for who asks a bucket for more than an ObjectStore gives. Before the first store is asked for.
  void remember(std::shared_ptr<storage::ReadMemory> memory);
  // For runs: what is sent to stores is held back by these. Not for who asks a bucket for more than
  // an ObjectStore gives. Before the first store is asked for.
  void hold_back(Caps caps);
  const Caps& caps() const { return caps_; }
  // The same for a store that was opened elsewhere.
  std::unique_ptr<storage::ObjectStore> held_back(
      std::unique_ptr<storage::ObjectStore> store) const;
  storage::ObjectStore& store();
  // What the repository is sealed by; null where the policy does not encrypt it.
  const repository::Keys& keys();
  // Of a host that may seal and not open.
  std::optional<base::Path> index_cache() const;
  // Throws absent, with what to do, when `seawall apply` has not made it yet.
  repository::Repository repository(std::stop_token stop);
  provider::NativeCluster cluster() const;
  // The database that the policy is about, by name, without connecting.
  std::string cluster_database() const;
  // The tier of dumps by that name, or the only one for an empty name. Throws invalid.
  const policy::DumpTier& dump_tier(const std::string& name) const;
  // Where that tier's dumps are kept, in clear to us; opened once.
  storage::ObjectStore& dump_store(const std::string& tier);
  // The same store with the objects as they are kept, sealed or not.
  storage::ObjectStore& stored_dumps(const std::string& tier);
  // What the repository and the dumps' stores hold, for `status`, `prune` and their like.
  monitor::Catalog catalog(const repository::Repository& repository, base::Instant now,
                           std::stop_token stop);
  unsigned threads() const;

 private:
  base::Path policy_file_;
  policy::Policy policy_;
  // Where dumps are kept, and the same in clear where they are sealed here.
  struct DumpPlace {
    std::unique_ptr<storage::ObjectStore> store;
    std::unique_ptr<storage::ObjectStore> in_clear;
  };

  std::unique_ptr<storage::ObjectStore> remembering(std::unique_ptr<storage::ObjectStore> store);

  Caps caps_;
  std::shared_ptr<storage::ReadMemory> memory_;  // shared with other contexts; may be null
  std::unique_ptr<storage::ObjectStore> store_;
  std::optional<repository::Keys> keys_;
  std::map<std::string, DumpPlace> dump_stores_;  // by tier
};

}  // namespace app
