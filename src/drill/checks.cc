#include "drill/checks.h"

#include <algorithm>

#include "base/task_group.h"
#include "drill/expectation.h"
#include "layers/pitr/scrub.h"

namespace drill {

using postgres::Connection;
using postgres::Rows;

namespace {

constexpr size_t named_max = 5;  // in a sentence

// "a, b, c and 4 more"
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), named_max); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > named_max) text += fmt::format(" and {} more", names.size() - named_max);
  return text;
}

DrillCheckResult passed(std::string name, std::string seen) {
  return {std::move(name), DrillVerdict::passed, std::move(seen)};
}
DrillCheckResult failed(std::string name, std::string seen) {
  return {std::move(name), DrillVerdict::failed, std::move(seen)};
}
DrillCheckResult unproven(std::string name, std::string seen) {
  return {std::move(name), DrillVerdict::unproven, std::move(seen)};
}

constexpr const char* all_relations = R"(
  select n.nspname, c.relname, c.relkind, c.relpersistence
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and c.relpersistence <> 't'
    and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  order by 1, 2)";

std::string sql_name(const std::string& schema, const std::string& name) {
  return postgres::quote_identifier(schema) + "." + postgres::quote_identifier(name);
}

// To the row, and nothing of the record is missing.
DrillCheckResult judge_exactly(const Contents& contents, const Reference& reference) {
  std::vector<std::string> wrong;
  std::map<std::string, int64_t> found;
  for (const CountedTable& table : contents.tables) found[table.name] = table.rows;
  for (const repository::DumpRelation& relation : reference.record->relations) {
    const std::string name = policy::pattern_of(relation.schema, relation.name);
    if (!contents.relations.contains(name)) {
      wrong.push_back(name + " is missing");
    } else if (relation.kind == 'r') {
      const int64_t recorded = relation.rows.value_or(0);
      if (found[name] != recorded)
        wrong.push_back(fmt::format("{} has {} rows of {}", name, found[name], recorded));
    }
  }
  if (!wrong.empty()) return failed("tables", listed(wrong));
  return passed("tables", fmt::format("{} tables with {} rows, each as {} counted it",
                                      contents.tables.size(), contents.rows(), reference.name));
}

DrillCheckResult judge_roughly(const Contents& contents, const Reference& reference) {
  std::vector<std::string> wrong;
  std::map<std::string, const CountedTable*> found;
  for (const CountedTable& table : contents.tables) found[table.name] = &table;
  int64_t before = 0;
  int64_t now = 0;
  for (const auto& [name, rows] : reference.rows) {
    const auto table = found.find(name);
    const bool there = table != found.end();
    if (there && table->second->unlogged) continue;
    before += rows;
    if (there) now += table->second->rows;
    if (rows == 0) continue;
    if (!there) {
      wrong.push_back(fmt::format("{} is missing, which had {} rows", name, rows));
    } else if (table->second->rows == 0) {
      wrong.push_back(fmt::format("{} is empty, which had {} rows", name, rows));
    }
  }
  if (wrong.empty() && now < before / 2)
    wrong.push_back(fmt::format("there are {} rows of {}", now, before));
  if (!wrong.empty())
    return failed("tables", fmt::format("{} (compared with {})", listed(wrong), reference.name));
  return passed("tables",
                fmt::format("{} tables with {} rows; {} has {} rows in those it knows",
                            contents.tables.size(), contents.rows(), reference.name, before));
}

}  // namespace

int64_t Contents::rows() const {
  int64_t sum = 0;
  for (const CountedTable& table : tables) sum += table.rows;
  return sum;
}

Contents count(Connection& connection, std::stop_token stop) {
  Contents contents;
  const Rows rows = connection.query(all_relations);
  for (size_t row = 0; row < rows.size(); ++row) {
    base::throw_if_stopped(stop);
    const std::string name = policy::pattern_of(rows.text(row, 0), rows.text(row, 1));
    const char kind = rows.text(row, 2).at(0);
    contents.relations[name] = kind;
    if (kind != 'r') continue;
    CountedTable table{.name = name,
                       .sql_name = sql_name(rows.text(row, 0), rows.text(row, 1)),
                       .unlogged = rows.text(row, 3) == "u"};
    table.rows = count_rows(connection, table);
    contents.tables.push_back(std::move(table));
  }
  return contents;
}

int64_t count_rows(Connection& connection, const CountedTable& table) {
  return connection.query("select count(*) from only " + table.sql_name).number(0, 0);
}

DrillCheckResult judge_tables(const Contents& contents, const std::optional<Reference>& reference) {
  if (reference && reference->exact && reference->record)
    return judge_exactly(contents, *reference);
  if (reference) return judge_roughly(contents, *reference);
  return unproven("tables",
                  fmt::format("{} tables with {} rows, and neither a dump nor an earlier drill to "
                              "compare them with",
                              contents.tables.size(), contents.rows()));
}

DrillCheckResult check_left_out(Connection& connection,
                                const std::vector<policy::TablePattern>& patterns) {
  if (patterns.empty()) return passed("left out", "the policy leaves no rows out");
  const std::vector<std::string> tables = layers::matching_tables(connection, patterns);
  std::vector<std::string> full;
  for (const std::string& table : tables) {
    // Of a partitioned table, its partitions; what inherits in the old way stands for itself.
    const Rows rows = connection.query(fmt::format(
        "select case relkind when 'p' then exists (select from {0}) else exists (select from only "
        "{0}) end from pg_class where oid = {1}::regclass",
        table, postgres::quote_literal(table)));
    if (rows.boolean(0, 0)) full.push_back(table);
  }
  if (!full.empty())
    return failed("left out", "rows that must not come back are in " + listed(full));
  if (tables.empty()) return unproven("left out", "the database has none of these tables");
  return passed("left out", fmt::format("{} tables are there and empty", tables.size()));
}

// ---- sequences

namespace {

// With the columns that take their values from them: owned, or by a plain default.
constexpr const char* sequences_and_columns = R"(
  with columns (sequence, relation, number) as (
    select d.objid, d.refobjid, d.refobjsubid from pg_depend d
      where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
        and d.refobjsubid > 0 and d.deptype in ('a', 'i')
    union
    select d.refobjid, a.adrelid, a.adnum from pg_depend d join pg_attrdef a on a.oid = d.objid
      where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass
        and pg_get_expr(a.adbin, a.adrelid) ~ '^nextval\(''[^'']*''::regclass\)$')
  select n.nspname, s.relname, q.seqincrement > 0, tn.nspname, t.relname, quote_ident(a.attname),
    exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = s.oid
      and d.deptype = 'e')
  from pg_class s join pg_namespace n on n.oid = s.relnamespace
    join pg_sequence q on q.seqrelid = s.oid
    left join columns c on c.sequence = s.oid and not q.seqcycle
    left join pg_class t on t.oid = c.relation and t.relkind in ('r', 'p')
    left join pg_namespace tn on tn.oid = t.relnamespace
    left join pg_attribute a on a.attrelid = t.oid and a.attnum = c.number
      and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
  where s.relkind = 'S' and s.relpersistence <> 't' and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
  order by 1, 2, 4, 5)";

bool is_left_out(const std::vector<policy::TablePattern>& patterns,
                 const repository::DumpSequence& sequence) {
  return std::ranges::any_of(patterns, [&](const policy::TablePattern& pattern) {
    return pattern.matches(sequence.schema, sequence.name);
  });
}

class SequenceCheck {
 public:
  SequenceCheck(Connection& connection, const std::optional<Reference>& reference,
                const std::stop_token& stop)
      : connection_(connection), stop_(stop) {
    if (reference && reference->exact && reference->record) record_ = &*reference->record;
  }

  DrillCheckResult run() {
    compare_with_columns();
    if (record_ != nullptr) compare_with_record();
    if (!wrong_.empty()) return failed("sequences", listed(wrong_));
    return passed("sequences",
                  fmt::format("{} sequences, {} of them ahead of their columns{}", seen_.size(),
                              columns_, record_ != nullptr ? ", each where the dump had it" : ""));
  }

 private:
  void compare_with_columns() {
    const Rows rows = connection_.query(sequences_and_columns);
    for (size_t row = 0; row < rows.size(); ++row) {
      base::throw_if_stopped(stop_);
      const std::string name = policy::pattern_of(rows.text(row, 0), rows.text(row, 1));
      seen_[name] = rows.boolean(row, 6);
      if (!rows.at(row, 4) || !rows.at(row, 5)) continue;
      const bool up = rows.boolean(row, 2);
      const Rows answer = connection_.query(fmt::format(
          "select s.last_value, m.it, m.it is null or case when s.is_called then s.last_value {0}= "
          "m.it else s.last_value {0} m.it end from {1} s, (select {2}({3}) it from {4}) m",
          up ? '>' : '<', sql_name(rows.text(row, 0), rows.text(row, 1)), up ? "max" : "min",
          rows.text(row, 5), sql_name(rows.text(row, 3), rows.text(row, 4))));
      ++columns_;
      if (answer.boolean(0, 2)) continue;
      wrong_.push_back(fmt::format("{} is at {}, and {}.{} has {}", name, answer.text(0, 0),
                                   policy::pattern_of(rows.text(row, 3), rows.text(row, 4)),
                                   rows.text(row, 5), answer.text(0, 1)));
    }
  }

  void compare_with_record() {
    std::vector<policy::TablePattern> left_out;
    for (const std::string& text : record_->left_out)
      left_out.push_back(policy::TablePattern::parse(text));
    for (const repository::DumpSequence& sequence : record_->sequences) {
      base::throw_if_stopped(stop_);
      const std::string name = policy::pattern_of(sequence.schema, sequence.name);
      const auto there = seen_.find(name);
      if (there == seen_.end()) {
        wrong_.push_back(name + " is missing");
      } else if (sequence.value) {
        compare(name, sequence);
      } else if (!there->second && !is_left_out(left_out, sequence)) {
        wrong_.push_back(fmt::format("the record of the dump has no value of {}", name));
      }
    }
  }

  void compare(const std::string& name, const repository::DumpSequence& sequence) {
    const Rows rows = connection_.query("select last_value, is_called from " +
                                        sql_name(sequence.schema, sequence.name));
    const repository::SequenceValue found{rows.number(0, 0), rows.boolean(0, 1)};
    if (found == *sequence.value) return;
    wrong_.push_back(fmt::format("{} is at {}, and was at {}", name, found.last_value,
                                 sequence.value->last_value));
  }

  Connection& connection_;
  const std::stop_token& stop_;
  const repository::DumpRecord* record_ = nullptr;
  std::map<std::string, bool> seen_;  // by name: whether an extension made it
  size_t columns_ = 0;
  std::vector<std::string> wrong_;
};

std::vector<std::string> first_column(const Rows& rows) {
  std::vector<std::string> names;
  for (size_t row = 0; row < rows.size(); ++row) names.push_back(rows.text(row, 0));
  return names;
}

std::vector<std::string> missing_from(const std::vector<std::string>& there,
                                      const std::vector<std::string>& wanted) {
  std::vector<std::string> missing;
  for (const std::string& name : wanted) {
    if (std::ranges::find(there, name) == there.end()) missing.push_back(name);
  }
  return missing;
}

}  // namespace

DrillCheckResult check_sequences(Connection& connection, const std::optional<Reference>& reference,
                                 std::stop_token stop) {
  return SequenceCheck(connection, reference, stop).run();
}

DrillCheckResult check_extensions(Connection& connection,
                                  const std::optional<Reference>& reference) {
  const std::vector<std::string> there =
      first_column(connection.query("select extname from pg_extension order by 1"));
  const std::vector<std::string> without_files = first_column(connection.query(
      "select extname || ' ' || extversion from pg_extension e where not exists (select from "
      "pg_available_extension_versions v where v.name = e.extname and v.version = e.extversion) "
      "order by 1"));
  if (!without_files.empty())
    return failed("extensions", "this host has not installed " + listed(without_files));
  const std::string found = "there are " + listed(there);
  if (!reference || !reference->record) return passed("extensions", found);
  std::vector<std::string> wanted;
  for (const repository::DumpExtension& extension : reference->record->extensions)
    wanted.push_back(extension.name);
  const std::vector<std::string> missing = missing_from(there, wanted);
  if (!missing.empty())
    return failed("extensions",
                  fmt::format("{} has {}, which are missing", reference->name, listed(missing)));
  return passed("extensions", found);
}

DrillCheckResult check_collations(Connection& connection) {
  std::string sql = R"(
    with used as (select oid, collname, collversion from pg_collation where collversion is not null
      and oid in (select attcollation from pg_attribute where attrelid >= 16384))
    select collname || ' is of version ' || collversion || ', and this host has '
      || coalesce(pg_collation_actual_version(oid), 'none') from used
      where collversion is distinct from pg_collation_actual_version(oid))";
  constexpr int database_has_version = 15;
  if (connection.major() >= database_has_version)
    sql += R"(
    union all select 'the default is of version ' || datcollversion || ', and this host has '
      || coalesce(pg_database_collation_actual_version(oid), 'none') from pg_database
      where datname = current_database() and datcollversion is not null
        and datcollversion is distinct from pg_database_collation_actual_version(oid))";
  const std::vector<std::string> wrong = first_column(connection.query(sql));
  if (wrong.empty()) return passed("collations", "all in use are of the versions of this host");
  return failed("collations", listed(wrong) + ": indexes made with them may sort otherwise here");
}

DrillCheckResult check_roles(Connection& connection, const std::optional<Reference>& reference) {
  const std::vector<std::string> there = first_column(
      connection.query("select rolname from pg_roles where rolname !~ '^pg_' order by 1"));
  if (!reference || !reference->record)
    return unproven("roles",
                    fmt::format("there are {}, and no dump to compare them with", listed(there)));
  std::vector<std::string> wanted;
  for (const repository::Role& role : reference->record->globals.roles) wanted.push_back(role.name);
  const std::vector<std::string> missing = missing_from(there, wanted);
  if (!missing.empty())
    return failed("roles",
                  fmt::format("{} has {}, which are missing", reference->name, listed(missing)));
  return passed("roles", fmt::format("all {} of {} are there", wanted.size(), reference->name));
}

DrillCheckResult check_assertion(Connection& connection, const policy::DrillCheck& assertion) {
  constexpr size_t shown_max = 100;
  std::optional<std::string> value;
  std::string why;
  connection.simple("begin transaction read only");
  try {
    const Rows rows = connection.query(assertion.sql);
    if (rows.size() == 1) {
      value = rows.at(0, 0);
    } else {
      why = fmt::format("it answered with {} rows, and one is wanted", rows.size());
    }
  } catch (const base::Error& failure) {
    why = failure.message();
  }
  connection.simple("rollback");
  if (!why.empty()) return failed(assertion.name, why);
  const std::string shown = value ? value->substr(0, shown_max) : "NULL";
  if (satisfies(value, assertion.expect))
    return passed(assertion.name, fmt::format("{} ({})", shown, assertion.expect));
  return failed(assertion.name, fmt::format("{}, and not {}", shown, assertion.expect));
}

std::optional<base::Instant> newest_heartbeat(Connection& connection) {
  if (!connection.query("select to_regclass('seawall.heartbeat')").at(0, 0)) return std::nullopt;
  const Rows rows = connection.query(
      "select (extract(epoch from max(at)) * 1000000)::bigint from seawall.heartbeat");
  if (!rows.at(0, 0)) return std::nullopt;
  return base::Instant(base::Duration(rows.number(0, 0)));
}

}  // namespace drill
