#include "layers/dump/source_catalog.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace layers {

using repository::SequenceValue;

using base::ErrorKind;
using policy::TablePattern;

namespace {

bool matches_any(const std::vector<TablePattern>& patterns, const std::string& schema,
                 const std::string& name) {
  return std::ranges::any_of(
      patterns, [&](const TablePattern& pattern) { return pattern.matches(schema, name); });
}

// Relations whose rows are left out.
struct LeftOut {
  std::set<uint32_t> oids;
  std::vector<std::string> by_parent;  // patterns for partitions that match none themselves
};

// Parents come before their partitions.
constexpr const char* relations_by_depth = R"(
  with recursive tree (oid, parent, depth) as (
    select oid, 0::oid, 0 from pg_class where relkind in ('r', 'p', 'v', 'm', 'S', 'f') and not relispartition
    union all
    select i.inhrelid, i.inhparent, tree.depth + 1 from pg_inherits i join tree on tree.oid = i.inhparent
      join pg_class c on c.oid = i.inhrelid where c.relispartition)
  select tree.oid, tree.parent, n.nspname, c.relname from tree join pg_class c on c.oid = tree.oid
    join pg_namespace n on n.oid = c.relnamespace order by depth, n.nspname, c.relname)";

LeftOut find_left_out(postgres::Connection& connection, const std::vector<TablePattern>& patterns) {
  LeftOut left_out;
  if (patterns.empty()) return left_out;
  const postgres::Rows rows = connection.query(relations_by_depth);
  for (size_t row = 0; row < rows.size(); ++row) {
    const std::string schema = rows.text(row, 2);
    const std::string name = rows.text(row, 3);
    const bool by_name = matches_any(patterns, schema, name);
    const bool by_parent = left_out.oids.contains(static_cast<uint32_t>(rows.number(row, 1)));
    if (by_name || by_parent) left_out.oids.insert(static_cast<uint32_t>(rows.number(row, 0)));
    if (by_parent && !by_name) left_out.by_parent.push_back(policy::pattern_of(schema, name));
  }
  return left_out;
}

// What pg_dump takes: see getTables, selectDumpableTable and makeTableDataInfo in its source. Of an
// extension's own tables it takes the rows of those that the extension declares as configuration;
// on a standby the rows of unlogged tables cannot be read.
constexpr const char* dumped_relations = R"(
  select c.oid, n.nspname, c.relname, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
    encode(convert_to(n.nspname, getdatabaseencoding()), 'hex'),
    encode(convert_to(c.relname, getdatabaseencoding()), 'hex'), c.relkind,
    d.objid is not null as of_extension,
    coalesce(case c.relkind
      when 'r' then (d.objid is null or c.oid = any (x.extconfig))
        and not (c.relpersistence = 'u' and pg_is_in_recovery())
      when 'S' then d.objid is null or c.oid = any (x.extconfig)
      when 'm' then c.relispopulated and d.objid is null
      else false end, false)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
    left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0
      and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
    left join pg_extension x on x.oid = d.refobjid
  where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
  order by 2, 3)";

std::string from_hex(const std::string& text) {
  return std::string(base::as_text(base::from_hex(text)));
}

}  // namespace

std::vector<SourceRelation> read_source_catalog(postgres::Connection& connection,
                                                const std::vector<TablePattern>& patterns) {
  const LeftOut left_out = find_left_out(connection, patterns);
  const postgres::Rows rows = connection.query(dumped_relations);
  std::vector<SourceRelation> relations;
  for (size_t row = 0; row < rows.size(); ++row) {
    SourceRelation relation{.oid = static_cast<uint32_t>(rows.number(row, 0)),
                            .schema = rows.text(row, 1),
                            .name = rows.text(row, 2),
                            .sql_name = rows.text(row, 3),
                            .raw_schema = from_hex(rows.text(row, 4)),
                            .raw_name = from_hex(rows.text(row, 5)),
                            .kind = rows.text(row, 6).at(0),
                            .of_extension = rows.boolean(row, 7),
                            .has_data = rows.boolean(row, 8)};
    if (left_out.oids.contains(relation.oid)) relation.has_data = false;
    relations.push_back(std::move(relation));
  }
  return relations;
}

std::vector<std::string> patterns_for_dump(postgres::Connection& connection,
                                           const std::vector<TablePattern>& patterns) {
  std::vector<std::string> all;
  for (const TablePattern& pattern : patterns) all.push_back(pattern.text());
  const LeftOut left_out = find_left_out(connection, patterns);
  all.insert(all.end(), left_out.by_parent.begin(), left_out.by_parent.end());
  return all;
}

// ---- the archive's side

namespace {

const char* definition_kind(char kind) {
  switch (kind) {
    case 'v':
      return "VIEW";
    case 'm':
      return "MATERIALIZED VIEW";
    case 'S':
      return "SEQUENCE";
    case 'f':
      return "FOREIGN TABLE";
    default:
      return "TABLE";
  }
}

const char* data_kind(char kind) {
  switch (kind) {
    case 'm':
      return "MATERIALIZED VIEW DATA";
    case 'S':
      return "SEQUENCE SET";
    default:
      return "TABLE DATA";
  }
}

bool concerns_us(std::string_view kind) {
  return kind == "TABLE" || kind == "VIEW" || kind == "MATERIALIZED VIEW" || kind == "SEQUENCE" ||
         kind == "FOREIGN TABLE" || kind == "TABLE DATA" || kind == "MATERIALIZED VIEW DATA" ||
         kind == "SEQUENCE SET";
}

std::string list_some(const std::vector<std::string>& all) {
  constexpr size_t shown = 5;
  const std::vector<std::string> first(
      all.begin(), all.begin() + static_cast<ptrdiff_t>(std::min(shown, all.size())));
  const std::string text = fmt::format("{}", fmt::join(first, ", "));
  return all.size() <= shown ? text : fmt::format("{} and {} more", text, all.size() - shown);
}

}  // namespace

void ArchiveContents::add(const TocEntry& entry) {
  if (!concerns_us(entry.kind)) return;
  const Name name(entry.schema, entry.tag);
  names_[entry.kind].insert(name);
  if (entry.kind == "SEQUENCE SET") set_values_[name] = entry.definition;
}

bool ArchiveContents::has(const char* kind, const SourceRelation& relation) const {
  const auto found = names_.find(kind);
  return found != names_.end() && found->second.contains({relation.raw_schema, relation.raw_name});
}

void ArchiveContents::require(const std::vector<SourceRelation>& relations) const {
  std::vector<std::string> missing;
  std::vector<std::string> unwanted;
  for (const SourceRelation& relation : relations) {
    const auto lacks = [&](const char* kind) {
      missing.push_back(fmt::format("{} {}", kind, relation.sql_name));
    };
    const char* definition = definition_kind(relation.kind);
    const char* data = data_kind(relation.kind);
    if (!relation.of_extension && !has(definition, relation)) lacks(definition);
    if (relation.has_data && !has(data, relation)) lacks(data);
    if (relation.kind == 'r' && !relation.has_data && has(data, relation))
      unwanted.push_back(relation.sql_name);
  }
  if (!missing.empty()) {
    throw base::Error(ErrorKind::corrupt,
                      fmt::format("pg_dump left out what the catalog has: {}", list_some(missing)),
                      "nothing was kept; look for options of pg_dump in its environment or a "
                      "wrapper around it");
  }
  if (!unwanted.empty()) {
    throw base::error(ErrorKind::corrupt, "the archive has rows that the policy leaves out: {}",
                      list_some(unwanted));
  }
}

SequenceValue ArchiveContents::sequence_value(const SourceRelation& sequence) const {
  // SELECT pg_catalog.setval('public.staff_id_seq', 42, true);
  const auto found = set_values_.find({sequence.raw_schema, sequence.raw_name});
  CHECK(found != set_values_.end());
  const std::string& sql = found->second;
  const size_t flag = sql.rfind(", ");
  const size_t value = flag == std::string::npos || flag == 0 ? flag : sql.rfind(", ", flag - 1);
  if (value != std::string::npos && value != flag) {
    SequenceValue result;
    const std::string_view said = std::string_view(sql).substr(flag + 2);
    const char* last = sql.data() + flag;
    const auto [end, failed] = std::from_chars(sql.data() + value + 2, last, result.last_value);
    result.is_called = said.starts_with("true");
    if (failed == std::errc{} && end == last && (result.is_called || said.starts_with("false")))
      return result;
  }
  throw base::error(ErrorKind::corrupt, "the archive sets {} in a way of its own: {}",
                    sequence.sql_name, sql);
}

// ---- foreign keys

std::vector<ForeignKeyIntoLeftOut> foreign_keys_into_left_out(
    postgres::Connection& connection, const std::vector<TablePattern>& patterns) {
  const LeftOut left_out = find_left_out(connection, patterns);
  if (left_out.oids.empty()) return {};
  // Rows are in ordinary tables; a partition's key is told under the name of the table it is of.
  const postgres::Rows rows = connection.query(R"(
    with recursive key (oid, top, conrelid, confrelid) as (
      select oid, oid, conrelid, confrelid from pg_constraint where contype = 'f' and conparentid = 0
      union all
      select c.oid, key.top, c.conrelid, c.confrelid from pg_constraint c join key on c.conparentid = key.oid)
    select key.conrelid, key.confrelid, top.conname,
      (select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class c join pg_namespace n
        on n.oid = c.relnamespace where c.oid = top.conrelid),
      (select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class c join pg_namespace n
        on n.oid = c.relnamespace where c.oid = top.confrelid)
    from key join pg_constraint top on top.oid = key.top join pg_class r on r.oid = key.conrelid
    where r.relkind = 'r' order by 4, 3)");
  std::vector<ForeignKeyIntoLeftOut> keys;
  std::set<std::pair<std::string, std::string>> told;
  for (size_t row = 0; row < rows.size(); ++row) {
    const auto is_left_out = [&](size_t column) {
      return left_out.oids.contains(static_cast<uint32_t>(rows.number(row, column)));
    };
    if (is_left_out(0) || !is_left_out(1)) continue;
    ForeignKeyIntoLeftOut key{rows.text(row, 3), rows.text(row, 2), rows.text(row, 4)};
    if (told.emplace(key.table, key.name).second) keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace layers
