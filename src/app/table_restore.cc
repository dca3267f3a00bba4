#include "app/table_restore.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "app/restored_server.h"
#include "layers/dump/client_run.h"
#include "layers/dump/restore_dump.h"

namespace app {

using base::Error;
using base::ErrorKind;
using postgres::Connection;
using postgres::quote_identifier;

std::string TableName::sql() const {
  return quote_identifier(schema) + "." + quote_identifier(table);
}
std::string TableName::text() const { return policy::pattern_of(schema, table); }

namespace {

// One part of a name; takes it and what follows up to the dot off `rest`.
std::string take_part(std::string_view& rest, std::string_view whole) {
  const auto fail = [&] {
    return Error(ErrorKind::invalid, fmt::format("'{}' is not a table with its schema", whole),
                 "as in public.clients; names with capitals or other characters in double quotes");
  };
  std::string part;
  if (rest.starts_with('"')) {
    rest.remove_prefix(1);
    for (;;) {
      if (rest.empty()) throw fail();
      const char c = rest.front();
      rest.remove_prefix(1);
      if (c != '"') {
        part += c;
      } else if (rest.starts_with('"')) {
        part += '"';
        rest.remove_prefix(1);
      } else {
        break;
      }
    }
  } else {
    const size_t end = std::min(rest.find('.'), rest.size());
    for (const char c : rest.substr(0, end)) {
      if (c == '"' || c == ' ') throw fail();
      part += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    rest.remove_prefix(end);
  }
  if (part.empty() || part.find('\0') != std::string::npos) throw fail();
  return part;
}

}  // namespace

TableName parse_table_name(std::string_view text) {
  std::string_view rest = text;
  TableName name;
  name.schema = take_part(rest, text);
  const bool dotted = rest.starts_with('.');
  if (dotted) {
    rest.remove_prefix(1);
    name.table = take_part(rest, text);
  }
  if (!dotted || !rest.empty()) {
    throw Error(ErrorKind::invalid, fmt::format("'{}' is not a table with its schema", text),
                "as in public.clients");
  }
  return name;
}

namespace {

std::optional<char> kind_of(Connection& connection, const TableName& table) {
  const postgres::Rows rows = connection.query(
      "select c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace where "
      "n.nspname = $1 and c.relname = $2",
      {table.schema, table.table});
  if (rows.empty()) return std::nullopt;
  return rows.text(0, 0)[0];
}

// What is found out before a byte moves.
void require_wanted(const Context& context, const TableRestore& request) {
  for (const policy::TablePattern& pattern : context.policy().exclude.rows_of) {
    if (!pattern.matches(request.table.schema, request.table.table)) continue;
    throw Error(ErrorKind::invalid,
                fmt::format("the policy says that rows of {} are not brought back ({})",
                            request.table.text(), pattern.text()),
                "exclude.rows_of in the policy says why");
  }
  Connection target(request.into);
  const std::optional<char> there = kind_of(target, request.as);
  if (request.data_only) {
    if (there && std::string_view("rp").find(*there) != std::string_view::npos) return;
    throw Error(ErrorKind::absent,
                fmt::format("there is no table {} to put rows into", request.as.text()),
                "without --data-only the table is made");
  }
  if (there) {
    throw Error(ErrorKind::conflict, fmt::format("there is a {} already", request.as.text()),
                "name another with --as, or add the rows to it with --data-only");
  }
  const bool schema =
      !target.query("select from pg_namespace where nspname = $1", {request.as.schema}).empty();
  if (!schema)
    throw base::error(ErrorKind::absent, "the database has no schema {}",
                      quote_identifier(request.as.schema));
}

void require_room(const layers::RestorePlan& plan, const base::Path& scratch) {
  const uint64_t wanted = plan.snapshot.totals.bytes + plan.snapshot.totals.bytes / 20 +
                          4 * plan.snapshot.segment_bytes;
  const uint64_t free = base::free_bytes(scratch);
  if (free >= wanted) return;
  throw Error(ErrorKind::full,
              fmt::format("{} has room for {}, and the cluster needs about {}", scratch.string(),
                          base::human_bytes(free), base::human_bytes(wanted)),
              "name a folder that has it with --scratch");
}

// Drops what `sql` lists as statements with what they drop; tells that.
void leave_out(Connection& scratch, const char* sql, const std::string& table,
               std::vector<std::string>& left_out) {
  const postgres::Rows rows = scratch.query(sql, {table});
  for (size_t row = 0; row < rows.size(); ++row) {
    left_out.push_back(rows.text(row, 0));
    scratch.simple(rows.text(row, 1));
  }
}

// What hangs on the table and would not fit into another database, or under another name.
constexpr const char* foreign_keys = R"(
  select 'foreign key ' || conname || ' of ' || conrelid::regclass,
    format('alter table %s drop constraint %I', conrelid::regclass, conname)
  from pg_constraint where contype = 'f' and conrelid = $1::regclass and conparentid = 0)";
constexpr const char* triggers = R"(
  select 'trigger ' || tgname, format('drop trigger %I on %s', tgname, tgrelid::regclass)
  from pg_trigger where not tgisinternal and tgrelid = $1::regclass)";
constexpr const char* rules = R"(
  select 'rule ' || rulename, format('drop rule %I on %s', rulename, ev_class::regclass)
  from pg_rewrite where ev_class = $1::regclass)";
constexpr const char* policies = R"(
  select 'row security policy ' || polname, format('drop policy %I on %s', polname, polrelid::regclass)
  from pg_policy where polrelid = $1::regclass)";
constexpr const char* statistics = R"(
  select 'statistics ' || stxname, format('drop statistics %I.%I', nspname, stxname)
  from pg_statistic_ext join pg_namespace n on n.oid = stxnamespace where stxrelid = $1::regclass)";
constexpr const char* inheritance = R"(
  select 'being a part of ' || inhparent::regclass,
    case when (select relispartition from pg_class where oid = inhrelid)
      then format('alter table %s detach partition %s', inhparent::regclass, inhrelid::regclass)
      else format('alter table %s no inherit %s', inhrelid::regclass, inhparent::regclass) end
  from pg_inherits where inhrelid = $1::regclass)";

// Names that are shared by a whole schema follow the new table's.
constexpr const char* how_to_rename = R"(
  create function pg_temp.renamed(name text, of_table text, to_table text) returns text language sql as $$
    select case when length(new) <= 63 then new else left(new, 56) || '_' || substr(md5(new), 1, 6) end
    from (select case when position(of_table in name) > 0 then replace(name, of_table, to_table)
                      else to_table || '_' || name end as new) as one $$)";
constexpr const char* indexes_to_rename = R"(
  select format('alter index %s rename to %I', i.indexrelid::regclass,
    pg_temp.renamed(c.relname, $3, $2))
  from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = $1::regclass)";
constexpr const char* sequences_to_rename = R"(
  select format('alter sequence %s rename to %I', d.objid::regclass,
    pg_temp.renamed(c.relname, $3, $2))
  from pg_depend d join pg_class c on c.oid = d.objid and c.relkind = 'S'
  where d.refobjid = $1::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
    and d.classid = 'pg_class'::regclass)";

void rename_all(Connection& scratch, const char* sql, const TableRestore& request) {
  const postgres::Rows rows =
      scratch.query(sql, {request.table.sql(), request.as.table, request.table.table});
  for (size_t row = 0; row < rows.size(); ++row) scratch.simple(rows.text(row, 0));
}

// Makes the table in the scratch server what it is to be in the database.
std::vector<std::string> prepare(Connection& scratch, const TableRestore& request) {
  std::vector<std::string> left_out;
  const std::string table = request.table.sql();
  if (request.data_only) {
    // Only its name has to fit.
    if (request.as == request.table) return left_out;
  } else {
    for (const char* sql : {foreign_keys, triggers, rules, policies, statistics, inheritance})
      leave_out(scratch, sql, table, left_out);
    scratch.simple("alter table " + table + " disable row level security");
    if (request.as == request.table) return left_out;
    scratch.simple(how_to_rename);
    rename_all(scratch, indexes_to_rename, request);
    rename_all(scratch, sequences_to_rename, request);
  }
  if (request.as.table != request.table.table) {
    scratch.simple(
        fmt::format("alter table {} rename to {}", table, quote_identifier(request.as.table)));
  }
  if (request.as.schema != request.table.schema) {
    const std::string schema = quote_identifier(request.as.schema);
    scratch.simple("create schema if not exists " + schema);
    scratch.simple(fmt::format("alter table {}.{} set schema {}",
                               quote_identifier(request.table.schema),
                               quote_identifier(request.as.table), schema));
  }
  return left_out;
}

int64_t count_rows(Connection& connection, const TableName& table) {
  return connection.query("select count(*) from " + table.sql()).number(0, 0);
}

// From the scratch server into a file, and from there into the database, all or nothing.
void carry(const RestoredServer& server, int major, const TableRestore& request,
           const base::Path& archive, std::stop_token stop) {
  {
    layers::ClientRun dump(layers::find_pg_dump(major, request.programs),
                           server.url(request.database));
    dump.option("--format=custom").option("--compress=1").option("--no-owner");
    dump.option("--no-privileges").option("--no-publications").option("--no-subscriptions");
    dump.option("--no-security-labels").option("--no-tablespaces");
    if (request.data_only) dump.option("--data-only");
    dump.option("--table=" + request.as.text());
    const base::File file = base::File::open(archive, O_WRONLY | O_CREAT | O_EXCL, 0600);
    dump.run([&](base::ByteView bytes) { file.write_all(bytes); }, stop);
  }
  Connection target(request.into);
  const postgres::ClientProgram program = layers::choose_pg_restore(
      postgres::find_client_programs("pg_restore", request.programs),
      layers::find_pg_dump(major, request.programs).major, target.major());
  layers::ClientRun restore(program, request.into);
  restore.option("--no-owner").option("--no-privileges").option("--exit-on-error");
  restore.option("--single-transaction");
  if (request.data_only) {
    // Its rows alone: the values of its sequences would set those of the live table back.
    restore.option("--data-only").option("--schema=" + request.as.schema);
    restore.option("--table=" + request.as.table);
  }
  restore.option(archive.string());
  restore.run([](base::ByteView) {}, stop);
}

// Removes itself with all that is in it, however this ends.
class ScratchFolder {
 public:
  explicit ScratchFolder(const base::Path& in)
      : path_(in / ("seawall-table-" + std::to_string(getpid()))) {
    base::create_folders_durably(in);
    if (!std::filesystem::create_directory(path_))
      throw base::error(ErrorKind::conflict, "{} is there already", path_.string());
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all);
  }
  ~ScratchFolder() {
    std::error_code failed;
    std::filesystem::remove_all(path_, failed);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const base::Path& path() const { return path_; }

 private:
  base::Path path_;
};

}  // namespace

RestoredTable restore_table(const Context& context, const repository::Repository& repository,
                            const layers::RestorePlan& plan, const TableRestore& request,
                            ClusterRestoreProgress& progress, std::stop_token stop) {
  const base::Stopwatch watch;
  require_wanted(context, request);
  const ScratchFolder folder(std::filesystem::absolute(request.scratch).lexically_normal());
  require_room(plan, folder.path());
  ClusterRestore job;
  job.files.target = folder.path() / "data";
  job.files.threads = context.threads();
  job.programs = request.programs;
  job.scrub = false;  // nothing of it is opened to anybody, and only this table leaves it
  for (const repository::TablespaceRef& space : plan.snapshot.tablespaces)
    job.files.tablespaces[space.oid] = folder.path() / "tablespaces" / std::to_string(space.oid);
  require_possible(plan, job);
  RestoredTable restored;
  restored.recovered = restore_cluster(context, repository, plan, job, progress, stop).recovered;

  progress.recovery.phase = "taking the table out";
  RestoredServer server(plan, job.files.target, request.programs);
  {
    Connection scratch = server.connect(request.database, stop);
    scratch.simple("set search_path to ''");
    const std::optional<char> kind = kind_of(scratch, request.table);
    if (!kind) {
      throw Error(ErrorKind::absent,
                  fmt::format("there was no table {} then", request.table.text()),
                  "another moment, or another name: --at, --database");
    }
    if (kind != 'r') {
      throw Error(ErrorKind::invalid, fmt::format("{} is no plain table", request.table.text()),
                  "of a partitioned table, restore its partitions one by one");
    }
    restored.rows = count_rows(scratch, request.table);
    restored.left_out = prepare(scratch, request);
  }
  int64_t before = 0;
  if (request.data_only) {
    Connection target(request.into);
    before = count_rows(target, request.as);
  }
  carry(server, plan.snapshot.major, request, folder.path() / "table.dump", stop);
  server.shut_down();
  Connection target(request.into);
  const int64_t now = count_rows(target, request.as);
  if (now - before != restored.rows) {
    const std::string seen = fmt::format("{} grew by {} rows, and the backup has {}",
                                         request.as.text(), now - before, restored.rows);
    // Others may write to a table that was there.
    if (!request.data_only) throw Error(ErrorKind::corrupt, seen, "drop it, and try again");
    restored.notes.push_back(seen + ": somebody else writes to it, or a trigger does");
  }
  restored.total_time = watch.elapsed();
  return restored;
}

}  // namespace app
