#include "layers/dump/restore_dump.h"

#include <fcntl.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/task_group.h"
#include "layers/dump/archive_file.h"
#include "layers/dump/archive_owners.h"
#include "layers/dump/client_run.h"
#include "layers/dump/globals.h"

namespace layers {

using repository::DatabaseLocale;
using repository::DumpPrivilege;
using repository::DumpRecord;
using repository::DumpRelation;
using repository::DumpSequence;
using repository::Role;
using repository::SequenceValue;
using repository::Tablespace;

using base::Error;
using base::ErrorKind;
using postgres::quote_identifier;
using postgres::quote_literal;

bool RestoredDump::same() const {
  return std::ranges::all_of(compared,
                             [](const Compared& one) { return one.same || one.may_differ; });
}

postgres::ClientProgram choose_pg_restore(const std::vector<postgres::ClientProgram>& programs,
                                          int producer, int target) {
  const std::optional<postgres::ClientProgram> chosen =
      postgres::choose_client_program(programs, producer);
  if (!chosen) {
    throw Error(
        ErrorKind::invalid,
        fmt::format("there is no pg_restore {} or newer, and the archive is by pg_dump {}",
                    producer, producer),
        fmt::format("install postgresql-client-{}, or name its folder with --pg-bin", producer));
  }
  constexpr int sets_transaction_timeout = 17;
  if (chosen->major >= sets_transaction_timeout && target < sets_transaction_timeout) {
    throw Error(
        ErrorKind::invalid,
        fmt::format("pg_restore {} cannot restore into PostgreSQL {}: it sets transaction_timeout, "
                    "which that does not know",
                    chosen->major, target),
        producer < sets_transaction_timeout
            ? fmt::format("install postgresql-client-{}, or name its folder with --pg-bin",
                          std::max(producer, target))
            : "restore into PostgreSQL 17 or newer: no older pg_restore reads this archive");
  }
  return *chosen;
}

namespace {

postgres::Connection connect(const std::string& url) {
  postgres::Connection connection(url, {{"client_encoding", "UTF8"}});
  connection.simple("set row_security = off");
  return connection;
}

// What a fresh database does not have; extensions may have brought things, and stay.
constexpr const char* things_in_it = R"(
  select 'relation ' || c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
  union all select 'schema ' || nspname from pg_namespace n
    where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')
      and not exists (select from pg_depend where classid = 'pg_namespace'::regclass and objid = n.oid and deptype = 'e')
  union all select 'function ' || p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e')
  union all select 'type ' || t.oid::regtype from pg_type t join pg_namespace n on n.oid = t.typnamespace
    where t.typtype in ('e', 'd', 'r') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and not exists (select from pg_depend where classid = 'pg_type'::regclass and objid = t.oid and deptype = 'e')
  union all select 'large object ' || oid from pg_largeobject_metadata
  limit 1)";

void require_empty(postgres::Connection& connection) {
  const postgres::Rows rows = connection.query(things_in_it);
  if (rows.empty()) return;
  throw Error(ErrorKind::conflict,
              fmt::format("the database is not empty: it has {}", rows.text(0, 0)),
              "name an empty database, or one that is not there yet with --create");
}

void require_no_database(postgres::Connection& server, const std::string& name) {
  if (server.query("select from pg_database where datname = $1", {name}).empty()) return;
  throw base::Error(ErrorKind::conflict, fmt::format("there is a database {} already", name),
                    "restore into it without --create if it is empty, or name another");
}

std::string create_database_sql(const std::string& name, const DatabaseLocale& locale) {
  std::string sql =
      fmt::format("create database {} template template0 encoding {} lc_collate {} lc_ctype {}",
                  quote_identifier(name), quote_literal(locale.encoding),
                  quote_literal(locale.collate), quote_literal(locale.ctype));
  const std::string own = quote_literal(locale.icu_locale.value_or(""));
  if (locale.provider == "i") sql += " locale_provider icu icu_locale " + own;
  if (locale.provider == "b") sql += " locale_provider builtin builtin_locale " + own;
  return sql;
}

std::vector<std::string> names_of(postgres::Connection& connection, const char* sql) {
  const postgres::Rows rows = connection.query(sql);
  std::vector<std::string> names;
  for (size_t row = 0; row < rows.size(); ++row) names.push_back(rows.text(row, 0));
  return names;
}

// ---- one restore

class DumpRestore {
 public:
  DumpRestore(const DumpRecord& record, const RestoreDumpRequest& request,
              RestoreDumpProgress& progress, const std::stop_token& stop)
      : record_(record), request_(request), progress_(progress), stop_(stop) {}

  RestoredDump run(storage::ObjectStore& store) {
    const std::string database = postgres::database_of(request_.url);
    std::optional<postgres::Connection> connection;
    if (!request_.create) {
      connection.emplace(connect(request_.url));
      require_empty(*connection);
    }
    postgres::Connection server = request_.create
                                      ? postgres::Connection(request_.url, {{"dbname", "postgres"}})
                                      : connect(request_.url);
    program_ = choose_pg_restore(
        postgres::find_client_programs("pg_restore", request_.programs),
        postgres::parse_version("pg_dump", "(PostgreSQL) " + record_.dump_version).major,
        server.major());
    check_owner(server);
    if (request_.create) require_no_database(server, database);

    progress_.phase = "checking";
    progress_.bytes_total = record_.size;
    const base::Stopwatch watch;
    const ArchiveFile archive(
        store, record_, request_.spool, [this](uint64_t at) { progress_.bytes_checked = at; },
        stop_);
    result_.fetch_time = watch.elapsed();
    if (request_.create) server.simple(create_database_sql(database, record_.locale));
    try {
      if (!connection) connection.emplace(connect(request_.url));
      fill(*connection, archive.path(), database);
      if (request_.compare) compare(*connection);
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::cancelled || !failure.hint().empty()) throw;
      throw Error(
          failure.kind(), failure.message(),
          fmt::format("the database {} is half restored: drop it before another try", database));
    }
    return std::move(result_);
  }

 private:
  void check_owner(postgres::Connection& server) {
    if (!request_.owner) return;
    if (!server.query("select from pg_roles where rolname = $1", {*request_.owner}).empty()) return;
    throw base::error(ErrorKind::absent, "the server has no role {}, which is to be the owner",
                      *request_.owner);
  }

  void fill(postgres::Connection& connection, const base::Path& archive,
            const std::string& database) {
    if (request_.globals) {
      progress_.phase = "making roles";
      make_roles(connection);
    }
    progress_.phase = "restoring";
    pg_restore(connection, archive);
    if (request_.owner) give_to(*request_.owner, connection, archive);
    if (!request_.globals) return;
    progress_.phase = "granting";
    for (const DumpPrivilege& privilege : record_.privileges) {
      base::while_doing(fmt::format("granting on {}", privilege.on),
                        [&] { connection.simple(privilege.sql); });
    }
    const std::string owner = request_.owner.value_or(record_.database_settings.owner);
    for (const std::string& sql : database_statements(record_.database_settings, database, owner))
      connection.simple(sql);
  }

  void make_roles(postgres::Connection& connection) {
    const bool superuser =
        connection.query("select rolsuper from pg_roles where rolname = current_user")
            .boolean(0, 0);
    const std::vector<std::string> present = names_of(connection, "select rolname from pg_roles");
    for (const std::string& sql : role_statements(record_.globals, present, superuser)) {
      // Its text may hold a verifier, so the server's words do without it.
      base::while_doing("making the recorded roles", [&] { connection.simple(sql); });
    }
    for (const Role& role : record_.globals.roles) {
      if (std::ranges::find(present, role.name) != present.end()) continue;
      result_.roles_made.push_back(role.name);
      if (!superuser && (role.superuser || role.replication || role.bypass_rls))
        result_.notes.push_back(fmt::format(
            "role {} was made without the attributes that only a superuser may give", role.name));
      if (role.login && !role.password)
        result_.notes.push_back(fmt::format("role {} has no password: give it one", role.name));
    }
  }

  void pg_restore(postgres::Connection& connection, const base::Path& archive) {
    ClientRun run(program_, request_.url);
    run.option("--exit-on-error").option(fmt::format("--jobs={}", request_.jobs));
    if (request_.owner || !request_.globals) run.option("--no-owner");
    const std::vector<std::string> spaces =
        names_of(connection, "select spcname from pg_tablespace");
    for (const Tablespace& space : record_.globals.tablespaces) {
      if (std::ranges::find(spaces, space.name) != spaces.end()) continue;
      run.option("--no-tablespaces");
      result_.notes.push_back(fmt::format(
          "the server has no tablespace {}: everything is in the database's own", space.name));
      break;
    }
    run.option(archive.string());
    for (const std::string& warning : run.run([](base::ByteView) {}, stop_))
      result_.notes.push_back(warning);
  }

  // pg_restore made everything ours; what the archive lists becomes the role's.
  void give_to(const std::string& role, postgres::Connection& connection,
               const base::Path& archive) {
    std::vector<std::string> objects;
    const auto collect = [&](const TocEntry& entry) {
      const std::optional<std::string> object = owned_object(entry);
      if (!object) return;
      if (wants_superuser_owner(entry)) {
        result_.notes.push_back(
            fmt::format("{} stays ours: it may need a superuser as its owner", *object));
      } else {
        objects.push_back(*object);
      }
    };
    ArchiveScanner scanner(collect);
    const base::File file = base::File::open(archive, O_RDONLY);
    base::Bytes buffer(base::MiB);
    while (!scanner.head_complete()) {
      const size_t got = file.read_some(buffer);
      if (got == 0) throw base::error(ErrorKind::corrupt, "the archive ends early");
      scanner.feed(base::ByteView(buffer).first(got));
    }
    const std::string owner = quote_identifier(role);
    for (const std::string& object : objects)
      connection.simple(fmt::format("alter {} owner to {}", object, owner));
    connection.simple(fmt::format(
        "do $$ declare one oid; begin for one in select oid from pg_largeobject_metadata loop "
        "execute format('alter large object %s owner to %I', one, {}); end loop; end $$",
        quote_literal(role)));
  }

  // ---- comparison

  void compare(postgres::Connection& connection) {
    progress_.phase = "comparing";
    progress_.relations_total = record_.relations.size() + record_.sequences.size();
    const std::stop_callback end_it(stop_, connection.canceller());
    for (const DumpRelation& relation : record_.relations) {
      base::throw_if_stopped(stop_);
      result_.compared.push_back(compare(connection, relation));
      ++progress_.relations_compared;
    }
    for (const DumpSequence& sequence : record_.sequences) {
      base::throw_if_stopped(stop_);
      result_.compared.push_back(compare(connection, sequence));
      ++progress_.relations_compared;
    }
    progress_.phase = "done";
  }

  static bool is_there(postgres::Connection& connection, const std::string& name) {
    return connection.query("select to_regclass($1)", {name}).at(0, 0).has_value();
  }

  static Compared compare(postgres::Connection& connection, const DumpRelation& relation) {
    Compared one{.what = quote_identifier(relation.schema) + "." + quote_identifier(relation.name)};
    const bool counted = relation.kind == 'r' || relation.rows;
    one.recorded = counted ? fmt::format("{} rows", relation.rows.value_or(0)) : "there";
    one.may_differ = relation.kind == 'm';
    if (!is_there(connection, one.what)) {
      one.found = "missing";
      one.may_differ = false;
    } else if (counted) {
      const std::string sql = "select count(*) from only " + one.what;
      one.found = connection.query(sql).text(0, 0) + " rows";
    } else {
      one.found = "there";
    }
    one.same = one.recorded == one.found;
    return one;
  }

  static std::string describe(const SequenceValue& value) {
    return fmt::format("at {}{}", value.last_value, value.is_called ? "" : ", not yet drawn");
  }

  static Compared compare(postgres::Connection& connection, const DumpSequence& sequence) {
    Compared one{.what = quote_identifier(sequence.schema) + "." + quote_identifier(sequence.name)};
    one.recorded = sequence.value ? describe(*sequence.value) : "there";
    one.found = "missing";
    if (is_there(connection, one.what)) {
      const postgres::Rows rows = connection.query("select last_value, is_called from " + one.what);
      one.found = sequence.value ? describe({rows.number(0, 0), rows.boolean(0, 1)}) : "there";
    }
    one.same = one.recorded == one.found;
    return one;
  }

  const DumpRecord& record_;
  const RestoreDumpRequest& request_;
  RestoreDumpProgress& progress_;
  const std::stop_token& stop_;
  postgres::ClientProgram program_;
  RestoredDump result_;
};

}  // namespace

RestoredDump restore_dump(storage::ObjectStore& store, const DumpRecord& record,
                          const RestoreDumpRequest& request, RestoreDumpProgress& progress,
                          std::stop_token stop) {
  return DumpRestore(record, request, progress, stop).run(store);
}

}  // namespace layers
