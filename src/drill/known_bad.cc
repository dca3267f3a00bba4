#include "drill/known_bad.h"

#include <algorithm>

#include "base/task_group.h"
#include "layers/pitr/scrub.h"

namespace drill {

using postgres::Connection;
using postgres::Rows;
using repository::KnownBad;

namespace {

// All that is done while it lives is undone when it goes. Neither triggers nor foreign keys have a
// say in it.
class Undone {
 public:
  explicit Undone(Connection& connection) : connection_(connection) {
    connection_.simple("begin; set local session_replication_role = replica");
  }
  ~Undone() {
    try {
      connection_.simple("rollback");
    } catch (const base::Error&) {
      return;  // the session is gone, and what it did with it
    }
  }
  Undone(const Undone&) = delete;
  Undone& operator=(const Undone&) = delete;

 private:
  Connection& connection_;
};

bool fails(const DrillCheckResult& check) { return check.verdict == DrillVerdict::failed; }

// Without anything to compare with, what was counted a moment ago.
Reference as_counted(const Contents& contents) {
  Reference reference{.name = "what was counted before", .exact = false, .rows = {}, .record = {}};
  for (const CountedTable& table : contents.tables) reference.rows[table.name] = table.rows;
  return reference;
}

// The smallest table that must have rows: losing those is the least that must be noticed.
std::optional<size_t> smallest_with_rows(const Contents& contents, const Reference& reference) {
  std::optional<size_t> smallest;
  for (size_t i = 0; i < contents.tables.size(); ++i) {
    const CountedTable& table = contents.tables[i];
    const auto wanted = reference.rows.find(table.name);
    const bool usable =
        wanted != reference.rows.end() && wanted->second > 0 && table.rows > 0 && !table.unlogged;
    if (usable && (!smallest || table.rows < contents.tables[*smallest].rows)) smallest = i;
  }
  return smallest;
}

std::optional<KnownBad> take_rows(Connection& connection, const Contents& contents,
                                  const Reference& reference) {
  const std::optional<size_t> victim = smallest_with_rows(contents, reference);
  if (!victim) return std::nullopt;
  const Undone undone(connection);
  Contents damaged = contents;  // of tables that nobody touched, the counts are what they were
  CountedTable& table = damaged.tables[*victim];
  connection.simple("delete from only " + table.sql_name);
  table.rows = count_rows(connection, table);
  return KnownBad{fmt::format("the rows of {} deleted", table.name), "tables",
                  fails(judge_tables(damaged, reference))};
}

// In the place of the table, so that no constraint of it has to be satisfied.
std::optional<KnownBad> put_a_row(Connection& connection,
                                  const std::vector<policy::TablePattern>& left_out) {
  const std::vector<std::string> tables = layers::matching_tables(connection, left_out);
  if (tables.empty()) return std::nullopt;
  const Undone undone(connection);
  connection.simple(
      fmt::format("alter table {0} rename to \"seawall known bad\"; create table {0} (i int); "
                  "insert into {0} values (1)",
                  tables.front()));
  return KnownBad{fmt::format("a row put into {}", tables.front()), "left out",
                  fails(check_left_out(connection, left_out))};
}

// Owned by a column, in use, counting upwards.
constexpr const char* sequences_in_use = R"(
  select quote_ident(n.nspname) || '.' || quote_ident(s.relname), d.refobjid::regclass,
    quote_ident(a.attname), q.seqstart
  from pg_class s join pg_namespace n on n.oid = s.relnamespace
    join pg_sequence q on q.seqrelid = s.oid and q.seqincrement > 0 and not q.seqcycle
    join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.oid
      and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0 and d.deptype in ('a', 'i')
    join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
      and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
  where s.relkind = 'S' and s.relpersistence = 'p' and n.nspname !~ '^pg_'
  order by 1)";
constexpr size_t tries_max = 50;

std::optional<KnownBad> put_a_sequence_back(Connection& connection,
                                            const std::optional<Reference>& reference,
                                            const std::stop_token& stop) {
  const Rows candidates = connection.query(sequences_in_use);
  for (size_t row = 0; row < std::min(candidates.size(), tries_max); ++row) {
    const std::string newest =
        fmt::format("select coalesce(max({}) >= {}, false) from {}", candidates.text(row, 2),
                    candidates.text(row, 3), candidates.text(row, 1));
    if (!connection.query(newest).boolean(0, 0)) continue;  // it would be behind nothing
    const Undone undone(connection);
    connection.simple(fmt::format("alter sequence {} restart", candidates.text(row, 0)));
    return KnownBad{fmt::format("{} begun anew", candidates.text(row, 0)), "sequences",
                    fails(check_sequences(connection, reference, stop))};
  }
  return std::nullopt;
}

}  // namespace

std::vector<KnownBad> damage_on_purpose(Connection& connection, const Contents& contents,
                                        const CheckTerms& terms, std::stop_token stop) {
  std::vector<KnownBad> all;
  const auto add = [&](std::optional<KnownBad> bad) {
    if (bad) all.push_back(std::move(*bad));
    base::throw_if_stopped(stop);
  };
  add(take_rows(connection, contents, terms.reference ? *terms.reference : as_counted(contents)));
  add(put_a_row(connection, terms.left_out));
  add(put_a_sequence_back(connection, terms.reference, stop));
  return all;
}

}  // namespace drill
