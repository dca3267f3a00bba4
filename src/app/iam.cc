#include "app/iam.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "app/keys.h"
#include "base/error.h"
#include "base/json.h"
#include "postgres/connection.h"

namespace app {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::string_view roles[] = {"writer", "pruner", "restorer", "watcher"};

// The ARN of a key of AWS KMS, as far as the policy tells it.
std::optional<std::string> key_arn(const policy::KeySource& source, const std::string& region,
                                   const IamOptions& options) {
  const policy::KeySource key = resolved(source);
  if (key.kind != policy::KeySource::Kind::aws_kms) return std::nullopt;
  if (key.value.starts_with("arn:"))
    return key.value.find(":alias/") == std::string::npos ? std::optional(key.value) : std::nullopt;
  if (key.value.starts_with("alias/") || options.account.empty() || region.empty())
    return std::nullopt;  // a policy on a key takes no alias
  return fmt::format("arn:{}:kms:{}:{}:key/{}", options.partition, region, options.account,
                     key.value);
}

// Whether the policy names a key of AWS KMS there, by whatever name.
bool is_kms(const policy::KeySource& source) {
  return resolved(source).kind == policy::KeySource::Kind::aws_kms;
}

// What the templates may name and this policy does not have: no bucket of that kind, no such key.
std::set<std::string> lacking(const policy::Policy& policy, const IamOptions& options) {
  std::set<std::string> names = {"dumps", "replica", "repository"};
  bool key = !options.key.empty();
  bool replica_key = !options.replica_key.empty();
  if (policy.repository.store.kind == policy::Place::Kind::s3) names.erase("repository");
  if (policy.repository.encryption) key = key || is_kms(policy.repository.encryption->key);
  for (const policy::DumpTier& tier : policy.layers.dumps) {
    if (tier.store.kind == policy::Place::Kind::s3) names.erase("dumps");
    if (tier.encryption) key = key || is_kms(tier.encryption->key);
    if (!tier.replica) continue;
    if (tier.replica->store.kind == policy::Place::Kind::s3) names.erase("replica");
    if (tier.replica->key) replica_key = replica_key || is_kms(*tier.replica->key);
  }
  if (!key) names.insert("key");
  if (!replica_key) names.insert("replica_key");
  return names;
}

// Takes out of a value the texts that name what there is not. False when nothing of it is left.
bool keep_what_is_there(base::Json& value, const std::set<std::string>& lacking) {
  if (value.is_string()) {
    const std::string text = value.get<std::string>();
    return std::ranges::none_of(lacking, [&](const std::string& name) {
      return text.find("${" + name + "}") != std::string::npos;
    });
  }
  if (!value.is_structured()) return true;
  const bool list = value.is_array();
  base::Json kept = list ? base::Json::array() : base::Json::object();
  for (auto& [name, part] : value.items()) {
    if (!keep_what_is_there(part, lacking)) {
      if (!list) return false;  // a condition that cannot be met as it was meant
      continue;
    }
    if (list) {
      kept.push_back(part);
    } else {
      kept[name] = part;
    }
  }
  value = std::move(kept);
  return !value.empty();
}

// A role's policy without statements about what this policy does not have.
std::string without_what_is_not_there(const std::string& text,
                                      const std::set<std::string>& lacking) {
  base::Json document = base::parse_json(text, "a template");
  base::Json statements = base::Json::array();
  for (base::Json statement : document.at("Statement")) {
    if (keep_what_is_there(statement, lacking)) statements.push_back(std::move(statement));
  }
  document["Statement"] = std::move(statements);
  return document.dump();
}

class Values {
 public:
  Values(const policy::Policy& policy, const IamOptions& options)
      : policy_(policy), options_(options) {
    set("partition", options.partition);
    set("account", options.account);
    add_buckets();
    add_keys();
    for (const std::string_view role : roles) add_principal(std::string(role));
    add_principal("replicator");
    if (!options.account.empty())
      set("trusted", fmt::format("arn:{}:iam::{}:root", options.partition, options.account));
    set("lock_days_max", "400");
  }

  void of_bucket(const std::string& bucket) {
    set("bucket", get(bucket));
    set("bucket_region", get(bucket == "replica" ? "replica_region" : "region"));
    set("bucket_key", get(bucket == "replica" ? "replica_key" : "key"));
  }

  std::string fill(std::string text, const std::string& document) const {
    for (size_t at = text.find("${"); at != std::string::npos; at = text.find("${", at)) {
      const size_t end = text.find('}', at);
      CHECK(end != std::string::npos);
      const std::string name = text.substr(at + 2, end - at - 2);
      const std::string value = get(name);
      if (value.empty()) {
        throw Error(ErrorKind::invalid,
                    fmt::format("the document {} names {}, which neither the policy nor an option "
                                "tells",
                                document, name),
                    hint_for(name));
      }
      text.replace(at, end + 1 - at, value);
      at += value.size();
    }
    return text;
  }

 private:
  void set(const std::string& name, std::string value) { values_[name] = std::move(value); }
  std::string get(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? "" : found->second;
  }

  static std::string hint_for(const std::string& name) {
    if (name == "account") return "--account 111122223333";
    if (name == "key" || name == "bucket_key")
      return "--key ARN: an alias says not which key it is";
    if (name == "replica_key") return "--replica-key ARN";
    if (name == "dumps" || name == "replica" || name == "repository" || name == "bucket")
      return "the policy keeps nothing in such a bucket";
    if (name.starts_with("lock")) return "layers.dumps.TIER.lock in the policy says it";
    return fmt::format("--principal {}=ARN", name);
  }

  std::string region_of(const policy::Place& place, const policy::Reach& own) const {
    if (own.region) return *own.region;
    if (const auto region = policy::region_in_name(place)) return *region;
    return policy_.s3.reach.region.value_or("");
  }

  void add_buckets() {
    const policy::Place& repository = policy_.repository.store;
    if (repository.kind == policy::Place::Kind::s3) {
      set("repository", repository.root);
      set("region", region_of(repository, {}));
    }
    for (const policy::DumpTier& tier : policy_.layers.dumps) {
      if (tier.store.kind != policy::Place::Kind::s3 || values_.contains("dumps")) continue;
      set("dumps", tier.store.root);
      if (get("region").empty()) set("region", region_of(tier.store, {}));
      set("expire_days", std::to_string(tier.tier.retain / std::chrono::hours(24)));
      if (tier.lock) {
        set("lock_mode",
            tier.lock->mode == policy::LockMode::compliance ? "COMPLIANCE" : "GOVERNANCE");
        set("lock_days", std::to_string(tier.lock->duration / std::chrono::hours(24)));
      }
      if (!tier.replica || tier.replica->store.kind != policy::Place::Kind::s3) continue;
      set("replica", tier.replica->store.root);
      set("replica_region", region_of(tier.replica->store, tier.replica->reach));
    }
  }

  void add_keys() {
    set("key", options_.key);
    set("replica_key", options_.replica_key);
    const auto add = [&](const std::string& name, const std::string& region,
                         const policy::KeySource& source) {
      if (!get(name).empty()) return;
      if (const std::optional<std::string> arn = key_arn(source, get(region), options_))
        set(name, *arn);
    };
    if (policy_.repository.encryption) add("key", "region", policy_.repository.encryption->key);
    for (const policy::DumpTier& tier : policy_.layers.dumps) {
      if (tier.encryption) add("key", "region", tier.encryption->key);
      if (tier.replica && tier.replica->key)
        add("replica_key", "replica_region", *tier.replica->key);
    }
  }

  void add_principal(const std::string& role) {
    const auto given = options_.principals.find(role);
    if (given != options_.principals.end()) return set(role, given->second);
    if (options_.account.empty()) return;
    set(role, fmt::format("arn:{}:iam::{}:role/{}-backup-{}", options_.partition, options_.account,
                          policy_.name, role));
  }

  const policy::Policy& policy_;
  const IamOptions& options_;
  std::map<std::string, std::string> values_;
};

}  // namespace

std::string iam_document(const policy::Policy& policy, const IamOptions& options,
                         const std::string& name) {
  Values values(policy, options);
  std::string document = name;
  // bucket_dumps is for two buckets: bucket_replica is the same for the other.
  for (const std::string_view prefix : {"bucket_", "encryption_", "lifecycle_"}) {
    if (!name.starts_with(prefix)) continue;
    const std::string bucket = name.substr(prefix.size());
    if (bucket != "dumps" && bucket != "replica" && bucket != "repository") continue;
    values.of_bucket(bucket);
    if (prefix == "encryption_") document = "encryption";
    if (bucket == "replica" && prefix != "encryption_") document = std::string(prefix) + "dumps";
  }
  const auto found = iam_templates().find(document);
  if (found == iam_templates().end()) {
    throw Error(ErrorKind::invalid, fmt::format("there is no document '{}'", name),
                "'seawall policy iam' lists those there are");
  }
  const bool of_role = std::ranges::find(roles, name) != std::end(roles);
  const std::string text =
      of_role ? without_what_is_not_there(found->second, lacking(policy, options)) : found->second;
  // Parsed once more: a value that broke it would be noticed here and not at AWS.
  return base::parse_json(values.fill(text, name), name).dump(2) + "\n";
}

std::string postgres_rights(const policy::Policy& policy, const std::string& database, int major) {
  const bool streams = policy.layers.pitr && policy.layers.pitr->receive;
  const bool replication = streams || policy.database.access == policy::Access::replication;
  std::string sql = fmt::format(
      "-- As a superuser, in the database {}. The role has no password here: peer authentication, "
      "or \\password.\n"
      "CREATE ROLE seawall LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE{};\n"
      "GRANT pg_read_all_settings, pg_read_all_data, pg_monitor TO seawall;\n"
      "GRANT CONNECT ON DATABASE {} TO seawall;\n",
      database, replication ? " REPLICATION" : "", postgres::quote_identifier(database));
  const std::string start =
      major >= 15 ? "pg_backup_start(text, boolean)" : "pg_start_backup(text, boolean, boolean)";
  const std::string stop =
      major >= 15 ? "pg_backup_stop(boolean)" : "pg_stop_backup(boolean, boolean)";
  if (policy.database.access == policy::Access::files) {
    for (const std::string& function : {start, stop})
      sql += fmt::format("GRANT EXECUTE ON FUNCTION {} TO seawall;\n", function);
  }
  if (!policy.layers.dumps.empty()) {
    sql +=
        "-- Dumps: row level security must not hide rows from them.\n"
        "ALTER ROLE seawall BYPASSRLS;\n";
  }
  sql += "ALTER ROLE seawall SET default_transaction_read_only = on;\n";
  return sql;
}

}  // namespace app
