#include "repository/dump_record.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "repository/json_object.h"

namespace repository {

using base::ErrorKind;
using base::Json;
using base::member;
using base::member_if_there;

namespace {

constexpr std::string_view record_type = "dump";
constexpr uint64_t record_bytes_max = 512 * base::MiB;

Json time_or_null(const std::optional<base::Instant>& time) {
  return time ? Json(base::to_rfc3339(*time)) : Json(nullptr);
}

Json text_or_null(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

base::Instant time_of(const Json& json, const char* name) {
  return base::from_rfc3339(member<std::string>(json, name));
}

Json to_json(const DumpRelation& relation) {
  return {{"schema", relation.schema},
          {"name", relation.name},
          {"kind", std::string(1, relation.kind)},
          {"rows", relation.rows ? Json(*relation.rows) : Json(nullptr)}};
}

DumpRelation relation_from_json(const Json& json) {
  const std::string kind = member<std::string>(json, "kind");
  if (kind.size() != 1) throw base::error(ErrorKind::corrupt, "'{}' is no kind of relation", kind);
  return {member<std::string>(json, "schema"), member<std::string>(json, "name"), kind[0],
          member_if_there<int64_t>(json, "rows")};
}

Json to_json(const DumpSequence& sequence) {
  Json json = {{"schema", sequence.schema}, {"name", sequence.name}};
  json["last_value"] = sequence.value ? Json(sequence.value->last_value) : Json(nullptr);
  json["is_called"] = sequence.value ? Json(sequence.value->is_called) : Json(nullptr);
  return json;
}

DumpSequence sequence_from_json(const Json& json) {
  DumpSequence sequence{member<std::string>(json, "schema"), member<std::string>(json, "name"), {}};
  if (const std::optional<int64_t> value = member_if_there<int64_t>(json, "last_value"))
    sequence.value = {*value, member<bool>(json, "is_called")};
  return sequence;
}

template <typename Item>
Json array_of(const std::vector<Item>& items) {
  Json array = Json::array();
  for (const Item& item : items) array.push_back(to_json(item));
  return array;
}

Json extensions_to_json(const std::vector<DumpExtension>& extensions) {
  Json array = Json::array();
  for (const DumpExtension& one : extensions)
    array.push_back({{"name", one.name}, {"version", one.version}, {"schema", one.schema}});
  return array;
}

Json privileges_to_json(const std::vector<DumpPrivilege>& privileges) {
  Json array = Json::array();
  for (const DumpPrivilege& one : privileges)
    array.push_back({{"on", one.on}, {"schema", one.schema}, {"sql", one.sql}});
  return array;
}

void read_lists(const Json& json, DumpRecord& record) {
  for (const Json& one : member<Json>(json, "extensions"))
    record.extensions.push_back({member<std::string>(one, "name"),
                                 member<std::string>(one, "version"),
                                 member<std::string>(one, "schema")});
  for (const Json& one : member<Json>(json, "relations"))
    record.relations.push_back(relation_from_json(one));
  for (const Json& one : member<Json>(json, "sequences"))
    record.sequences.push_back(sequence_from_json(one));
  for (const Json& one : member<Json>(json, "privileges"))
    record.privileges.push_back({member<std::string>(one, "on"), member<std::string>(one, "schema"),
                                 member<std::string>(one, "sql")});
}

}  // namespace

int64_t DumpRecord::rows() const {
  int64_t sum = 0;
  for (const DumpRelation& relation : relations) {
    if (relation.kind == 'r') sum += relation.rows.value_or(0);
  }
  return sum;
}

Json summary(const DumpRecord& record) {
  return {{"name", record.name.text()},
          {"database", record.name.database},
          {"date", record.name.date},
          {"zone", record.zone},
          {"tier", record.tier},
          {"slot", time_or_null(record.slot)},
          {"started", base::to_rfc3339(record.started)},
          {"snapshot_at", base::to_rfc3339(record.snapshot_at)},
          {"finished", base::to_rfc3339(record.finished)},
          {"size", record.size},
          {"sha256", text_or_null(record.sha256)},
          {"head_sha256", text_or_null(record.head_sha256)},
          {"rest_sha256", text_or_null(record.rest_sha256)},
          {"read_back", record.read_back()},
          {"head_bytes", record.head_bytes},
          {"offsets", record.offsets},
          {"archive_version", record.archive_version},
          {"pg_dump", record.dump_version},
          {"compress", record.compress},
          {"server_version", record.server_version},
          {"server_version_num", record.server_version_num}};
}

Json to_json(const DumpRecord& record) {
  const DatabaseLocale& locale = record.locale;
  Json json = summary(record);
  json["encoding"] = locale.encoding;
  json["collate"] = locale.collate;
  json["ctype"] = locale.ctype;
  json["locale_provider"] = locale.provider;
  json["icu_locale"] = locale.icu_locale ? Json(*locale.icu_locale) : Json(nullptr);
  json["extensions"] = extensions_to_json(record.extensions);
  json["left_out"] = record.left_out;
  json["relations"] = array_of(record.relations);
  json["sequences"] = array_of(record.sequences);
  json["privileges"] = privileges_to_json(record.privileges);
  json["database_settings"] = to_json(record.database_settings);
  json["globals"] = to_json(record.globals);
  json["warnings"] = record.warnings;
  return json;
}

DumpRecord dump_record_from_json(const Json& json) {
  const std::string text = member<std::string>(json, "name");
  const std::optional<DumpName> name = parse_dump_name(text);
  if (!name) throw base::error(ErrorKind::corrupt, "'{}' is no name of a dump", text);
  DumpRecord record{
      .name = *name,
      .zone = member<std::string>(json, "zone"),
      .tier = member<std::string>(json, "tier"),
      .slot = {},
      .started = time_of(json, "started"),
      .snapshot_at = time_of(json, "snapshot_at"),
      .finished = time_of(json, "finished"),
      .size = member<uint64_t>(json, "size"),
      .sha256 = member_if_there<std::string>(json, "sha256"),
      .head_sha256 = member_if_there<std::string>(json, "head_sha256"),
      .rest_sha256 = member_if_there<std::string>(json, "rest_sha256"),
      .head_bytes = member<uint64_t>(json, "head_bytes"),
      .offsets = member<bool>(json, "offsets"),
      .archive_version = member<std::string>(json, "archive_version"),
      .dump_version = member<std::string>(json, "pg_dump"),
      .compress = member<int>(json, "compress"),
      .server_version = member<std::string>(json, "server_version"),
      .server_version_num = member<int>(json, "server_version_num"),
      .locale = {member<std::string>(json, "encoding"), member<std::string>(json, "collate"),
                 member<std::string>(json, "ctype"), member<std::string>(json, "locale_provider"),
                 member_if_there<std::string>(json, "icu_locale")},
      .left_out = member<std::vector<std::string>>(json, "left_out"),
      .warnings = member<std::vector<std::string>>(json, "warnings")};
  if (!record.sha256 && !record.rest_sha256)
    throw base::error(ErrorKind::corrupt, "the record of {} says of no byte what it must be", text);
  if (member_if_there<std::string>(json, "slot")) record.slot = time_of(json, "slot");
  read_lists(json, record);
  record.database_settings = database_settings_from_json(member<Json>(json, "database_settings"));
  record.globals = globals_from_json(member<Json>(json, "globals"));
  return record;
}

void put_record(storage::ObjectStore& store, const DumpRecord& record, std::stop_token stop) {
  const base::Bytes object = wrap_json(record_type, to_json(record));
  if (store.put_if_absent(record.name.record_key(), object, stop) == storage::PutOutcome::stored)
    return;
  throw base::error(ErrorKind::conflict, "{} has a record already", record.name.text());
}

std::vector<StoredDump> list_dumps(storage::ObjectStore& store, std::stop_token stop) {
  std::vector<StoredDump> dumps;
  std::set<std::string> records;
  for (const storage::ObjectInfo& object : storage::list_all(store, "", stop)) {
    const std::string& key = object.key.text();
    if (const std::optional<DumpName> name = parse_dump_name(key)) {
      dumps.push_back({.name = *name, .size = object.size, .modified = object.modified});
    } else if (key.ends_with(".dump.json")) {
      records.insert(key);
    }
  }
  for (StoredDump& dump : dumps) dump.finished = records.contains(dump.name.record_key().text());
  std::ranges::sort(dumps, {}, &StoredDump::name);
  return dumps;
}

DumpRecord read_record(storage::ObjectStore& store, const DumpName& name, std::stop_token stop) {
  return base::while_doing(fmt::format("reading the record of {}", name.text()), [&] {
    const base::Bytes object = storage::read_all(store, name.record_key(), record_bytes_max, stop);
    DumpRecord record = dump_record_from_json(unwrap_json(record_type, object));
    if (record.name != name)
      throw base::error(ErrorKind::corrupt, "it is the record of {}", record.name.text());
    return record;
  });
}

DumpName find_dump(const std::vector<StoredDump>& dumps, const std::string& database,
                   const std::string& wanted) {
  const StoredDump* found = nullptr;
  const StoredDump* unfinished = nullptr;
  for (const StoredDump& dump : dumps) {  // the newest comes last
    const std::string text = dump.name.text();
    const bool by_name = wanted == text || wanted + ".dump" == text;
    const bool by_day =
        dump.name.database == database && (wanted == "latest" || wanted == dump.name.date);
    if (!by_name && !by_day) continue;
    (dump.finished ? found : unfinished) = &dump;
  }
  if (found != nullptr) return found->name;
  if (unfinished != nullptr) {
    throw base::Error(
        ErrorKind::conflict,
        fmt::format("{} has no record: the run that took it did not end well",
                    unfinished->name.text()),
        "pg_restore can read it, but nobody vouches for it; docs/guide/dumps.md says how");
  }
  std::vector<std::string> names;
  for (const StoredDump& dump : dumps) {
    if (dump.finished) names.push_back(dump.name.text());
  }
  const size_t from = names.size() > 5 ? names.size() - 5 : 0;
  names.erase(names.begin(), names.begin() + static_cast<ptrdiff_t>(from));
  throw base::Error(ErrorKind::absent, fmt::format("there is no dump '{}' of {}", wanted, database),
                    names.empty() ? "take one with 'seawall backup dumps'"
                                  : fmt::format("there are {}", fmt::join(names, ", ")));
}

}  // namespace repository
