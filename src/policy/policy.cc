#include "policy/policy.h"

#include <fcntl.h>

#include "base/error.h"
#include "policy/duration.h"
#include "policy/policy_checks.h"
#include "policy/policy_shape.h"
#include "policy/read_watching.h"
#include "policy/schema.h"
#include "policy/section.h"
#include "policy/yaml_tree.h"

namespace policy {

namespace {

using base::Duration;

std::vector<Note> read_notes(const Section& section, std::string_view key) {
  std::vector<Note> all;
  for (const Section& note : section.sections(key))
    all.push_back({.what = note.text("what"), .why = note.text("why")});
  return all;
}

Cadence read_cadence(const std::string& path, const Section& section) {
  const bool at = section.has("at");
  const bool every = section.has("every");
  if (at && every) {
    throw section.error_at("every", fmt::format("{} has both 'at' and 'every'", path),
                           "keep one of them");
  }
  if (!at && !every) {
    throw section.error_at("", fmt::format("{} says neither 'at' nor 'every'", path),
                           "add at: \"03:00\" or every: 6h");
  }
  return at ? parse_at(section.text("at")) : parse_every(section.text("every"));
}

// The limit of a tier: as given, or the default, or the tier's period where that is shorter than
// the default.
Duration read_limit(const Section& section, std::string_view key, Duration longest) {
  const Duration limit = section.duration(key);
  return section.has(key) ? limit : std::min(limit, longest);
}

Tier read_tier(const std::string& path, const std::string& name, const Section& section) {
  const Cadence cadence = read_cadence(path, section);
  const Duration finish_within = read_limit(section, "finish_within", period(cadence));
  Tier tier{.name = name,
            .cadence = cadence,
            .retain = section.duration("retain"),
            .start_within = read_limit(section, "start_within", finish_within),
            .finish_within = finish_within};
  if (const auto trouble = trouble_with(tier)) {
    throw section.error_at(trouble->key, fmt::format("{}: {}", path, trouble->message),
                           trouble->hint);
  }
  return tier;
}

Database read_database(const Section& section) {
  Database database{
      .provider = Provider::native,
      .access = section.text("access") == "replication" ? Access::replication : Access::files,
      .connection = parse_connection(section.text("url"))};
  if (section.has("data_directory")) {
    if (database.access == Access::replication) {
      throw section.error_at("data_directory",
                             "database.data_directory is of no use with access: replication",
                             "take it out: the server sends its files by itself");
    }
    database.data_directory = parse_place("file://" + section.text("data_directory")).path;
  }
  return database;
}

Pitr read_pitr(const Section& section) {
  Pitr pitr{.retain = section.duration("retain")};
  if (const auto receive = section.section("receive")) {
    pitr.receive = Receive{.slot = receive->text("slot"), .flush = receive->duration("flush")};
  }
  return pitr;
}

std::vector<KeySource> read_keys(const std::vector<YamlValue>& items) {
  std::vector<KeySource> keys;
  for (const YamlValue& item : items) keys.push_back(parse_key(item.text));
  return keys;
}

Encryption read_encryption(const Section& section) {
  Encryption encryption;
  encryption.key = parse_key(section.text("key"));
  encryption.also = read_keys(section.items("also"));
  encryption.retired = read_keys(section.items("retired"));
  if (section.knows("index_cache")) encryption.index_cache = section.text_if_given("index_cache");
  return encryption;
}

Reach read_reach(const Section& section) {
  return {.endpoint = section.text_if_given("endpoint"),
          .region = section.text_if_given("region"),
          .profile = section.text_if_given("profile")};
}

base::Duration read_deadline(const Section& section) {
  const base::Duration deadline = section.duration("deadline");
  if (deadline < std::chrono::seconds(1) || deadline > std::chrono::hours(1)) {
    throw section.error_at("deadline", "s3.deadline is from 1s to 1h",
                           "5m rides out what passes; longer only hides an outage");
  }
  return deadline;
}

S3 read_s3(const Section& section) {
  const std::string& addressing = section.text("addressing");
  return {.reach = read_reach(section),
          .addressing = addressing == "path"      ? Addressing::path
                        : addressing == "virtual" ? Addressing::virtual_host
                                                  : Addressing::automatic,
          .ca_file = section.text_if_given("ca_file"),
          .parts_max = section.integer("parts_max"),
          .deadline = read_deadline(section)};
}

DumpEncryption read_dump_encryption(const std::string& path, const Section& section,
                                    const Place& store) {
  DumpEncryption encryption{read_encryption(section)};
  if (section.text("mode") == "client") return encryption;
  encryption.mode = DumpEncryptionMode::sse_kms;
  if (store.kind != Place::Kind::s3) {
    throw section.error_at("mode",
                           fmt::format("{}.mode is sse-kms, but its store is a folder", path),
                           "mode: client seals on this host, for any store");
  }
  const bool aws = encryption.key.kind == KeySource::Kind::aws_kms ||
                   encryption.key.kind == KeySource::Kind::environment;
  if (!aws || !encryption.also.empty()) {
    throw section.error_at(aws ? "also" : "key",
                           fmt::format("{}: with sse-kms the service takes one AWS KMS key", path),
                           "name one, or write mode: client");
  }
  return encryption;
}

Lock read_lock(const std::string& path, const Section& section, const Place& store) {
  if (store.kind != Place::Kind::s3) {
    throw section.error_at("", fmt::format("{} needs a bucket: a folder cannot be locked", path),
                           "take it out, or keep them in s3://");
  }
  return {
      .mode = section.text("mode") == "compliance" ? LockMode::compliance : LockMode::governance,
      .duration = section.duration("for")};
}

Lock read_dump_lock(const std::string& path, const Section& section, const DumpTier& dump) {
  const Lock lock = read_lock(path, section, dump.store);
  if (lock.duration >= dump.tier.retain) {
    throw section.error_at(
        "for",
        fmt::format("{}.for of {} is not shorter than the retention of {}", path,
                    describe_duration(lock.duration), describe_duration(dump.tier.retain)),
        "what is locked cannot expire: lock for less");
  }
  return lock;
}

Replica read_replica(const std::string& path, const Section& section, const DumpTier& dump) {
  Replica replica;
  replica.store = parse_store(section.text("store"));
  replica.reach = read_reach(section);
  replica.by = section.text("by") == "store" ? Copier::store : Copier::seawall;
  replica.within = section.duration("within");
  if (section.has("key")) replica.key = parse_key(section.text("key"));
  // Zones of one service call a bucket and its copy by one name, each at an endpoint of its own.
  const bool is_other_service = replica.reach.endpoint && replica.store.kind == Place::Kind::s3;
  try {
    if (!is_other_service || dump.store != replica.store) require_apart(dump.store, replica.store);
  } catch (const base::Error& failure) {
    throw section.error_at("store", fmt::format("{}.store: {}", path, failure.message()),
                           failure.hint());
  }
  if (dump.encryption && !replica.key) {
    throw section.error_at("", fmt::format("{} has no key of its own", path),
                           "a copy that needs the first region's key is lost with it: add key: "
                           "env:BACKUP_KMS_REPLICA_KEY_ID");
  }
  if (!dump.encryption && replica.key) {
    throw section.error_at("key",
                           fmt::format("{}.key is of no use: the dumps are not encrypted", path),
                           "add encryption to the tier, or take the key out");
  }
  if (replica.by == Copier::store && replica.store.kind != Place::Kind::s3) {
    throw section.error_at("by",
                           fmt::format("{}.by is store, but a folder replicates nothing", path),
                           "write by: seawall");
  }
  return replica;
}

DumpTier read_dump_tier(const std::string& path, const std::string& name, const Section& section) {
  DumpTier dump;
  dump.tier = read_tier(path, name, section);
  dump.store = parse_store(section.text("store"));
  dump.roles_with_passwords = section.text("roles_with_passwords") == "true";
  if (const auto options = section.section("options")) {
    dump.options.compress = options->integer("compress");
  }
  if (const auto encryption = section.section("encryption"))
    dump.encryption = read_dump_encryption(path + ".encryption", *encryption, dump.store);
  if (const auto lock = section.section("lock"))
    dump.lock = read_dump_lock(path + ".lock", *lock, dump);
  if (const auto replica = section.section("replica"))
    dump.replica = read_replica(path + ".replica", *replica, dump);
  return dump;
}

Layers read_layers(const Section& section) {
  Layers layers;
  if (const auto pitr = section.section("pitr")) layers.pitr = read_pitr(*pitr);
  for (const auto& [name, tier] : section.tiers("snapshots")) {
    layers.snapshots.push_back(read_tier("layers.snapshots." + name, name, tier));
  }
  for (const auto& [name, tier] : section.tiers("dumps")) {
    layers.dumps.push_back(read_dump_tier("layers.dumps." + name, name, tier));
  }
  if (!layers.pitr && layers.snapshots.empty() && layers.dumps.empty()) {
    throw section.error_at("", "layers names no layer, so nothing would be backed up",
                           "add pitr, snapshots or dumps");
  }
  if (layers.pitr && layers.snapshots.empty()) {
    throw section.error_at("pitr", "layers.pitr has no snapshots to start from",
                           "add snapshots: WAL alone restores nothing");
  }
  return layers;
}

// Every place that something is written to, with the place in the file that says so. No two may
// overlap.
void require_places_apart(const Section& root, const Policy& policy) {
  struct Use {
    std::string path;
    Place place;
    Section section;
    std::string key;
    std::string endpoint = {};  // of a bucket, where it is another than the rest's
  };
  std::vector<Use> uses;
  if (policy.database.data_directory) {
    uses.push_back({"database.data_directory",
                    {.kind = Place::Kind::file, .path = *policy.database.data_directory},
                    *root.section("database"),
                    "data_directory"});
  }
  uses.push_back(
      {"repository.store", policy.repository.store, *root.section("repository"), "store"});
  const auto dumps = root.section("layers")->tiers("dumps");
  for (size_t i = 0; i < dumps.size(); ++i) {
    const auto& [name, section] = dumps[i];
    const DumpTier& dump = policy.layers.dumps[i];
    uses.push_back({"layers.dumps." + name + ".store", dump.store, section, "store"});
    if (dump.replica) {
      uses.push_back({"layers.dumps." + name + ".replica.store", dump.replica->store,
                      *section.section("replica"), "store"});
      const std::optional<std::string>& own = dump.replica->reach.endpoint;
      const bool is_bucket = dump.replica->store.kind == Place::Kind::s3;
      if (is_bucket && own && own != policy.s3.reach.endpoint) uses.back().endpoint = *own;
    }
  }
  for (size_t later = 1; later < uses.size(); ++later) {
    for (size_t earlier = 0; earlier < later; ++earlier) {
      const Place& one = uses[earlier].place;
      const Place& other = uses[later].place;
      if (uses[earlier].endpoint != uses[later].endpoint) continue;
      if (overlap(one, other)) {
        throw uses[later].section.error_at(
            uses[later].key,
            fmt::format("{} and {} share a place: {} and {}", uses[later].path, uses[earlier].path,
                        other.path, one.path),
            "give each a folder of its own, none inside another");
      }
      // Lifecycle rules, locks and what a credential may do are a bucket's, not a prefix's.
      if (one.kind == Place::Kind::s3 && other.kind == Place::Kind::s3 && one.root == other.root) {
        throw uses[later].section.error_at(
            uses[later].key,
            fmt::format("{} and {} share the bucket {}", uses[later].path, uses[earlier].path,
                        one.root),
            "what expires, is locked and may be written is decided for a bucket: give each its "
            "own");
      }
    }
  }
}

// Streamed WAL that may wait for longer than the RPO breaks it by design.
void require_flush_within_rpo(const Section& root, const Policy& policy) {
  const std::optional<Pitr>& pitr = policy.layers.pitr;
  if (!pitr || !pitr->receive || !policy.objectives.rpo) return;
  if (pitr->receive->flush <= *policy.objectives.rpo) return;
  throw root.section("layers")->section("pitr")->section("receive")->error_at(
      "flush",
      fmt::format("layers.pitr.receive.flush of {} is longer than the rpo of {}",
                  describe_duration(pitr->receive->flush),
                  describe_duration(*policy.objectives.rpo)),
      fmt::format("allow at most {}", print_duration(*policy.objectives.rpo)));
}

// A snapshot shares only what stays locked for as long as it is kept.
void require_locks_longer_than_snapshots(const Section& root, const Policy& policy) {
  const std::optional<Lock>& lock = policy.repository.lock;
  if (!lock) return;
  for (const Tier& tier : policy.layers.snapshots) {
    if (lock->duration > tier.retain) continue;
    throw root.section("repository")
        ->section("lock")
        ->error_at(
            "for",
            fmt::format("repository.lock.for of {} is not longer than the retention of {}, {}: no "
                        "block could ever be shared",
                        describe_duration(lock->duration), tier.name,
                        describe_duration(tier.retain)),
            fmt::format("lock for more, such as {}", print_duration(2 * tier.retain)));
  }
}

Repository read_repository(const Section& section) {
  Repository repository;
  repository.store = parse_store(section.text("store"));
  repository.compress_level = section.integer("compress_level");
  if (const auto encryption = section.section("encryption"))
    repository.encryption = read_encryption(*encryption);
  if (const auto lock = section.section("lock"))
    repository.lock = read_lock("repository.lock", *lock, repository.store);
  return repository;
}

Policy read_policy(const Section& root) {
  // Each part on its own: g++ 12 destroys members twice when a later initialiser throws.
  Zone zone = Zone::named(root.text("timezone"));
  Database database = read_database(*root.section("database"));
  Repository repository = read_repository(*root.section("repository"));
  Layers layers = read_layers(*root.section("layers"));
  Policy policy{.name = root.text("name"),
                .timezone = std::move(zone),
                .database = std::move(database),
                .repository = std::move(repository),
                .layers = std::move(layers),
                .uncovered = read_notes(root, "uncovered")};
  if (const auto s3 = root.section("s3")) policy.s3 = read_s3(*s3);
  if (const auto exclude = root.section("exclude")) {
    for (const YamlValue& item : exclude->items("rows_of")) {
      policy.exclude.rows_of.push_back(TablePattern::parse(item.text));
    }
    policy.exclude.notes = read_notes(*exclude, "notes");
  }
  if (const auto objectives = root.section("objectives")) {
    policy.objectives = {.rto = objectives->duration_if_given("rto"),
                         .rpo = objectives->duration_if_given("rpo")};
  }
  if (const auto limits = root.section("limits")) policy.limits = read_limits(*limits);
  policy.run = read_run(root.section_or_empty("run"));
  policy.monitor = read_monitor(root.section_or_empty("monitor"));
  if (const auto drill = root.section("drill")) policy.drill = read_drill(*drill);
  require_places_apart(root, policy);
  require_flush_within_rpo(root, policy);
  require_locks_longer_than_snapshots(root, policy);
  return policy;
}

}  // namespace

Policy parse(std::string_view yaml, std::string_view file_name) {
  const YamlDocument document = YamlDocument::parse(yaml, std::string(file_name));
  require_shape(document, schema());
  return read_policy(Section(document, document.root(), schema()));
}

Policy load(const base::Path& file) {
  const uint64_t size = base::File::open(file, O_RDONLY | O_CLOEXEC).size();
  if (size > yaml_bytes_max) {
    throw base::error(base::ErrorKind::invalid, "{}:1:1: the file is larger than {} bytes",
                      file.string(), yaml_bytes_max);
  }
  return parse(base::read_text_file(file), file.string());
}

}  // namespace policy
