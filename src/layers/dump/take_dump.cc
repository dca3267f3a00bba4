#include "layers/dump/take_dump.h"

#include <algorithm>
#include <set>

#include "base/task_group.h"
#include "layers/dump/archive_writer.h"
#include "layers/dump/client_run.h"
#include "layers/dump/globals.h"
#include "layers/dump/source_catalog.h"

namespace layers {

using repository::DumpName;
using repository::DumpRecord;
using repository::DumpRelation;
using repository::DumpSequence;
using repository::put_record;

using base::Error;
using base::ErrorKind;

namespace {

// ---- before anything is written

postgres::Connection connect(const std::string& url) {
  postgres::Connection connection(url, {{"client_encoding", "UTF8"}});
  if (connection.is_pooled()) {
    throw Error(ErrorKind::invalid,
                "a pooler stands between us and the server: a dump needs one session of its own",
                "let database.url name the server itself, not its pooler");
  }
  connection.query(
      "select set_config(name, '0', false) from pg_settings where name in ('statement_timeout', "
      "'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', "
      "'transaction_timeout')");
  connection.simple("set row_security = off");  // counts that hide rows would be worse than none
  return connection;
}

DumpName free_name(storage::ObjectStore& store, const std::string& database,
                   const std::string& date, bool again, const std::stop_token& stop) {
  DumpName name{.database = database, .date = date};
  std::set<std::string> taken;  // listed, as asking for an archive takes the right to read it
  for (const storage::ObjectInfo& object :
       storage::list_all(store, repository::dump_prefix(database) + date, stop)) {
    taken.insert(object.key.text());
  }
  for (; taken.contains(name.archive_key().text()); ++name.number) {
    // One without a record is what a crash left: it is not the dump of its day.
    if (!taken.contains(name.record_key().text()) || again) continue;
    throw Error(ErrorKind::conflict,
                fmt::format("{} is there already: the day has its dump", name.text()),
                "a second one of the same day is taken with --again");
  }
  return name;
}

// ---- what the server says of itself

void describe_server(postgres::Connection& connection, DumpRecord& record) {
  record.server_version = connection.setting("server_version");
  record.server_version_num = connection.server_version();
  record.snapshot_at = base::from_rfc3339(
      connection
          .query("select to_char(now() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
          .text(0, 0));
  const int major = connection.major();
  const std::string icu = major >= 17 ? "datlocale" : major >= 15 ? "daticulocale" : "null::text";
  const postgres::Rows locale = connection.query(fmt::format(
      "select pg_encoding_to_char(encoding), datcollate, datctype, {}, {} from pg_database where "
      "datname = current_database()",
      major >= 15 ? "datlocprovider" : "'c'", icu));
  record.locale = {locale.text(0, 0), locale.text(0, 1), locale.text(0, 2), locale.text(0, 3),
                   locale.at(0, 4)};
  const postgres::Rows extensions = connection.query(
      "select x.extname, x.extversion, n.nspname from pg_extension x join pg_namespace n on n.oid "
      "= x.extnamespace order by 1");
  for (size_t row = 0; row < extensions.size(); ++row)
    record.extensions.push_back(
        {extensions.text(row, 0), extensions.text(row, 1), extensions.text(row, 2)});
}

// Grants on large objects, which a schema-only dump leaves out.
void add_large_object_privileges(postgres::Connection& connection, DumpRecord& record) {
  const postgres::Rows rows = connection.query(
      "select 'LARGE OBJECT ' || m.oid, string_agg(format('GRANT %s ON LARGE OBJECT %s TO %s%s;', "
      "a.privilege_type, m.oid, case when a.grantee = 0 then 'PUBLIC' else "
      "quote_ident(pg_get_userbyid(a.grantee)) end, case when a.is_grantable then ' WITH GRANT "
      "OPTION' else '' end), E'\\n') from pg_largeobject_metadata m, aclexplode(m.lomacl) a group "
      "by m.oid order by m.oid");
  for (size_t row = 0; row < rows.size(); ++row)
    record.privileges.push_back({rows.text(row, 0), "", rows.text(row, 1)});
}

// ---- one run

class DumpRun {
 public:
  DumpRun(storage::ObjectStore& store, const DumpRequest& request, DumpProgress& progress,
          const std::stop_token& stop)
      : store_(store),
        request_(request),
        progress_(progress),
        stop_(stop),
        connection_(connect(request.url)),
        program_(find_pg_dump(connection_.major(), request.programs)) {}

  DumpRecord run() {
    choose_name();
    begin_snapshot();
    ArchiveWriter archive(
        store_, record_.name.archive_key(), dump_head_bytes_max,
        [this](const TocEntry& entry) { contents_.add(entry); }, stop_);
    progress_.phase = "dumping";
    base::TaskGroup tasks(stop_);
    tasks.spawn("pg_dump", 1, [&](const std::stop_token& stop) { dump(archive, stop); });
    tasks.spawn("count", 1, [&](const std::stop_token& stop) { count_rows(stop); });
    tasks.join();
    check(archive.scanner().header());
    archive.commit();
    finish(archive);
    return std::move(record_);
  }

 private:
  void choose_name() {
    record_.started = base::system_clock().now();
    const base::Instant due = request_.slot.value_or(record_.started);
    record_.name = free_name(store_, connection_.query("select current_database()").text(0, 0),
                             policy::local_date(due, request_.zone), request_.again, stop_);
    record_.zone = request_.zone.name();
    record_.tier = request_.tier;
    record_.slot = request_.slot;
    record_.compress = request_.compress;
  }

  void begin_snapshot() {
    connection_.simple("begin isolation level repeatable read read only");
    snapshot_ = connection_.query("select pg_export_snapshot()").text(0, 0);
    encoding_ = connection_.setting("server_encoding");
    describe_server(connection_, record_);
    record_.database_settings = read_database_settings(connection_);
    record_.globals = read_globals(connection_, request_.roles_with_passwords);
    record_.left_out = patterns_for_dump(connection_, request_.left_out);
    relations_ = read_source_catalog(connection_, request_.left_out);
    for (const ForeignKeyIntoLeftOut& key :
         foreign_keys_into_left_out(connection_, request_.left_out)) {
      record_.warnings.push_back(
          fmt::format("{} of {} refers to {}, whose rows are left out: restoring it will fail",
                      key.name, key.table, key.references));
    }
    for (const SourceRelation& relation : relations_) {
      if (is_counted(relation)) ++progress_.tables_total;
    }
  }

  ClientRun pg_dump() const {
    ClientRun run(program_, request_.url);
    run.option("--format=custom").option("--snapshot=" + snapshot_);
    run.environment("PGCLIENTENCODING", encoding_);
    return run;
  }

  void dump(ArchiveWriter& archive, const std::stop_token& stop) {
    read_privileges(stop);
    ClientRun run = pg_dump();
    run.option(fmt::format("--compress={}", request_.compress))
        .option("--no-owner")
        .option("--no-privileges");
    for (const std::string& pattern : record_.left_out)
      run.option("--exclude-table-data=" + pattern);
    const auto sink = [&](base::ByteView bytes) {
      archive.write(bytes);
      progress_.bytes += bytes.size();
    };
    for (std::string& warning : run.run(sink, stop)) record_.warnings.push_back(std::move(warning));
    archive.finish();
  }

  // Grants and default privileges: from a second, schema-only archive under the same snapshot,
  // whose table of contents has them as the statements that pg_dump itself makes of them.
  void read_privileges(const std::stop_token& stop) {
    ArchiveScanner scanner([this](const TocEntry& entry) {
      // The database's own are recorded apart, as a copy may have another name.
      const bool of_database = entry.tag.starts_with("DATABASE ");
      if ((entry.kind == "ACL" && !of_database) || entry.kind == "DEFAULT ACL")
        record_.privileges.push_back({entry.tag, entry.schema, entry.definition});
    });
    ClientRun run = pg_dump();
    run.option("--schema-only");
    if (encoding_ != "SQL_ASCII") run.environment("PGCLIENTENCODING", "UTF8");  // for the record
    run.run([&](base::ByteView bytes) { scanner.feed(bytes); }, stop);
    scanner.finish();
  }

  static bool is_counted(const SourceRelation& relation) {
    return relation.has_data && !relation.of_extension && relation.kind != 'S';
  }

  // Exact counts under the exported snapshot, in the session that holds it.
  void count_rows(const std::stop_token& stop) {
    const std::stop_callback end_it(stop, connection_.canceller());
    for (const SourceRelation& relation : relations_) {
      base::throw_if_stopped(stop);
      if (relation.of_extension || relation.kind == 'S') continue;
      DumpRelation counted{relation.schema, relation.name, relation.kind, {}};
      if (is_counted(relation)) {
        const std::string sql = "select count(*) from only " + relation.sql_name;
        counted.rows = connection_.query(sql).number(0, 0);
        ++progress_.tables_counted;
      }
      record_.relations.push_back(std::move(counted));
    }
  }

  // Everything that may be wrong is found here, before the archive gets its name.
  void check(const ArchiveHeader& header) {
    contents_.require(relations_);
    for (const SourceRelation& relation : relations_) {
      if (relation.kind != 'S') continue;
      DumpSequence sequence{relation.schema, relation.name, {}};
      if (relation.has_data) sequence.value = contents_.sequence_value(relation);
      record_.sequences.push_back(std::move(sequence));
    }
    add_large_object_privileges(connection_, record_);
    connection_.simple("rollback");
    record_.archive_version = fmt::format("1.{}", header.minor);
    record_.dump_version = header.dump_version;
    static_cast<void>(repository::to_json(record_).dump());  // throws for a name that is no UTF-8
  }

  void finish(ArchiveWriter& archive) {
    progress_.phase = "reading back";
    const StoredArchive stored =
        archive.read_back([this](uint64_t at) { progress_.bytes_read_back = at; });
    record_.size = stored.size;
    record_.sha256 = stored.sha256;
    record_.head_sha256 = stored.head_sha256;
    record_.rest_sha256 = stored.rest_sha256;
    record_.head_bytes = stored.head_bytes;
    record_.offsets = stored.offsets;
    record_.finished = base::system_clock().now();
    if (request_.before_record) request_.before_record();
    put_record(store_, record_, stop_);
    progress_.phase = "done";
  }

  storage::ObjectStore& store_;
  const DumpRequest& request_;
  DumpProgress& progress_;
  const std::stop_token& stop_;
  postgres::Connection connection_;
  postgres::ClientProgram program_;
  std::string snapshot_;
  std::string encoding_;
  std::vector<SourceRelation> relations_;
  ArchiveContents contents_;
  DumpRecord record_;
};

}  // namespace

DumpRecord take_dump(storage::ObjectStore& store, const DumpRequest& request,
                     DumpProgress& progress, std::stop_token stop) {
  return DumpRun(store, request, progress, stop).run();
}

}  // namespace layers
