#include "repository/snapshot_root.h"

#include <charconv>

#include "base/error.h"

namespace repository {

using base::ErrorKind;
using base::Json;
using base::member;

namespace {

Json pages_to_json(const std::vector<PageRef>& pages) {
  Json list = Json::array();
  for (const PageRef& page : pages) list.push_back({{"path", page.path}, {"block", page.block}});
  return list;
}

std::vector<PageRef> pages_from(const Json& list) {
  std::vector<PageRef> pages;
  for (const Json& page : list)
    pages.push_back({member<std::string>(page, "path"), member<uint32_t>(page, "block")});
  return pages;
}

uint64_t decimal(const std::string& text) {
  uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) {
    throw base::error(ErrorKind::corrupt, "'{}' is no number", text);
  }
  return value;
}

crypto::Digest digest_from(const std::string& hex) {
  const base::Bytes bytes = base::from_hex(hex);
  crypto::Digest digest;
  if (bytes.size() != digest.bytes.size())
    throw base::error(ErrorKind::corrupt, "'{}' is no digest", hex);
  std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
  return digest;
}

Json to_json(const RecoverySettings& settings) {
  return {{"max_connections", settings.max_connections},
          {"max_worker_processes", settings.max_worker_processes},
          {"max_wal_senders", settings.max_wal_senders},
          {"max_prepared_transactions", settings.max_prepared_transactions},
          {"max_locks_per_transaction", settings.max_locks_per_transaction}};
}

RecoverySettings settings_from(const Json& json) {
  return {member<int>(json, "max_connections"), member<int>(json, "max_worker_processes"),
          member<int>(json, "max_wal_senders"), member<int>(json, "max_prepared_transactions"),
          member<int>(json, "max_locks_per_transaction")};
}

Json to_json(const SnapshotTotals& totals) {
  return {{"files", totals.files},
          {"bytes", totals.bytes},
          {"blocks", totals.blocks},
          {"new_bytes", totals.new_bytes},
          {"stored_bytes", totals.stored_bytes}};
}

SnapshotTotals totals_from(const Json& json) {
  return {member<uint64_t>(json, "files"), member<uint64_t>(json, "bytes"),
          member<uint64_t>(json, "blocks"), member<uint64_t>(json, "new_bytes"),
          member<uint64_t>(json, "stored_bytes")};
}

void add_tables(Json& body, const SnapshotRoot& root) {
  Json tablespaces = Json::array();
  for (const TablespaceRef& space : root.tablespaces) {
    tablespaces.push_back({{"oid", space.oid}, {"location", space.location}});
  }
  Json external = Json::array();
  for (const ExternalFile& file : root.external) {
    external.push_back({{"path", file.path}, {"original", file.original}});
  }
  Json shards = Json::array();
  for (const ShardRef& shard : root.shards) {
    shards.push_back({{"key", shard.key},
                      {"first", shard.first},
                      {"files", shard.files},
                      {"blocks", shard.blocks},
                      {"size", shard.size},
                      {"digest", shard.digest.hex()}});
    if (!shard.prefix.empty()) shards.back()["prefix"] = shard.prefix;
  }
  Json packs = Json::array();
  for (const PackRef& pack : root.packs) {
    packs.push_back({{"id", pack.id.hex()},
                     {"size", pack.size},
                     {"raw", pack.raw_bytes},
                     {"live", pack.live_bytes}});
  }
  body["tablespaces"] = std::move(tablespaces);
  body["external"] = std::move(external);
  body["shards"] = std::move(shards);
  body["packs"] = std::move(packs);
  body["damaged"] = pages_to_json(root.damaged);
  body["suspects"] = pages_to_json(root.suspects);
}

void read_tables(const Json& body, SnapshotRoot& root) {
  for (const Json& space : body.at("tablespaces")) {
    root.tablespaces.push_back(
        {member<uint32_t>(space, "oid"), member<std::string>(space, "location")});
  }
  for (const Json& file : body.at("external")) {
    root.external.push_back(
        {member<std::string>(file, "path"), member<std::string>(file, "original")});
  }
  for (const Json& shard : body.at("shards")) {
    root.shards.push_back({.key = member<std::string>(shard, "key"),
                           .first = member<std::string>(shard, "first"),
                           .files = member<uint64_t>(shard, "files"),
                           .blocks = member<uint64_t>(shard, "blocks"),
                           .size = member<uint64_t>(shard, "size"),
                           .digest = digest_from(member<std::string>(shard, "digest"))});
    if (shard.contains("prefix")) root.shards.back().prefix = member<std::string>(shard, "prefix");
  }
  for (const Json& pack : body.at("packs")) {
    root.packs.push_back({parse_pack_id(member<std::string>(pack, "id")),
                          member<uint64_t>(pack, "size"), member<uint64_t>(pack, "raw"),
                          member<uint64_t>(pack, "live")});
  }
  root.damaged = pages_from(body.at("damaged"));
  root.suspects = pages_from(body.at("suspects"));
}

}  // namespace

Json to_json(const SnapshotRoot& root) {
  Json body = {{"id", root.id},
               {"run", root.run},
               {"slot", root.slot ? Json(base::to_rfc3339(*root.slot)) : Json(nullptr)},
               {"tiers", root.tiers},
               {"epoch", root.epoch.value},
               {"system_identifier", std::to_string(root.system_identifier)},
               {"major", root.major},
               {"catalog_version", root.catalog_version},
               {"segment_bytes", root.segment_bytes},
               {"checksums", root.checksums},
               {"base", root.base ? Json(*root.base) : Json(nullptr)},
               {"from", root.from},
               {"access", root.access},
               {"started", base::to_rfc3339(root.started)},
               {"stopped", base::to_rfc3339(root.stopped)},
               {"timeline", root.timeline.value},
               {"start_lsn", postgres::to_string(root.start_lsn)},
               {"checkpoint_lsn", postgres::to_string(root.checkpoint_lsn)},
               {"stop_lsn", postgres::to_string(root.stop_lsn)},
               {"backup_label", root.backup_label},
               {"tablespace_map", root.tablespace_map},
               {"control_file", base::to_hex(root.control_file)},
               {"bootstrap_role", root.bootstrap_role},
               {"settings", to_json(root.settings)},
               {"totals", to_json(root.totals)}};
  add_tables(body, root);
  return body;
}

namespace {
SnapshotRoot read_root(const Json& body) {
  SnapshotRoot root{.id = member<std::string>(body, "id"), .run = member<std::string>(body, "run")};
  if (const auto slot = base::member_if_there<std::string>(body, "slot"))
    root.slot = base::from_rfc3339(*slot);
  root.tiers = member<std::vector<std::string>>(body, "tiers");
  root.epoch = {member<uint32_t>(body, "epoch")};
  root.system_identifier = decimal(member<std::string>(body, "system_identifier"));
  root.major = member<int>(body, "major");
  root.catalog_version = member<uint32_t>(body, "catalog_version");
  root.segment_bytes = member<uint64_t>(body, "segment_bytes");
  root.checksums = member<bool>(body, "checksums");
  root.base = base::member_if_there<std::string>(body, "base");
  root.from = member<std::string>(body, "from");
  root.access = base::member_if_there<std::string>(body, "access").value_or("files");
  root.started = base::from_rfc3339(member<std::string>(body, "started"));
  root.stopped = base::from_rfc3339(member<std::string>(body, "stopped"));
  root.timeline = {member<uint32_t>(body, "timeline")};
  root.start_lsn = postgres::parse_lsn(member<std::string>(body, "start_lsn"));
  root.checkpoint_lsn = postgres::parse_lsn(member<std::string>(body, "checkpoint_lsn"));
  root.stop_lsn = postgres::parse_lsn(member<std::string>(body, "stop_lsn"));
  root.backup_label = member<std::string>(body, "backup_label");
  root.tablespace_map = member<std::string>(body, "tablespace_map");
  root.control_file = base::from_hex(member<std::string>(body, "control_file"));
  root.bootstrap_role = member<std::string>(body, "bootstrap_role");
  root.settings = settings_from(member<Json>(body, "settings"));
  root.totals = totals_from(member<Json>(body, "totals"));
  try {
    read_tables(body, root);
  } catch (const nlohmann::json::exception& failure) {
    throw base::error(ErrorKind::corrupt, "a table of the root is missing or of the wrong type: {}",
                      failure.what());
  }
  return root;
}
}  // namespace

SnapshotRoot snapshot_root_from(const Json& body) {
  return base::corrupt_if_invalid([&] { return read_root(body); });
}

std::vector<std::string> snapshot_ids(const Repository& repository, EpochNumber epoch,
                                      std::stop_token stop) {
  const std::string prefix = snapshot_prefix(epoch);
  std::vector<std::string> ids;
  for (const storage::ObjectInfo& info : storage::list_all(repository.store(), prefix, stop)) {
    const std::string_view name = std::string_view(info.key.text()).substr(prefix.size());
    if (name.ends_with(".json")) ids.emplace_back(name.substr(0, name.size() - 5));
  }
  return ids;
}

SnapshotRoot read_snapshot(const Repository& repository, EpochNumber epoch, const std::string& id,
                           std::stop_token stop) {
  const ObjectKey key = snapshot_key(epoch, id);
  const Json body = repository.read_json(key, "snapshot", stop);
  return base::while_doing(key.text(), [&] {
    SnapshotRoot root = snapshot_root_from(body);
    if (root.id != id || root.epoch != epoch)
      throw base::error(ErrorKind::corrupt, "the root is of snapshot {}", root.id);
    return root;
  });
}

std::vector<SnapshotRoot> read_snapshots(const Repository& repository, EpochNumber epoch,
                                         std::vector<UnreadableRoot>& unreadable,
                                         std::stop_token stop) {
  std::vector<SnapshotRoot> all;
  for (const std::string& id : snapshot_ids(repository, epoch, stop)) {
    try {
      all.push_back(read_snapshot(repository, epoch, id, stop));
    } catch (const base::Error& failure) {
      if (failure.kind() != ErrorKind::corrupt && failure.kind() != ErrorKind::invalid) throw;
      unreadable.push_back({id, failure.message()});
    }
  }
  return all;
}

}  // namespace repository
