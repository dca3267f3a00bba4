#include "drill/examine.h"

#include <algorithm>

#include "base/task_group.h"
#include "drill/bounded_run.h"

namespace drill {

using postgres::Connection;
using repository::DrillRecord;

namespace {

constexpr size_t told_lines = 3;  // of a program that failed

std::map<std::string, std::string> environment(const Booted& booted, const std::string& database) {
  return {{"PGHOST", booted.socket_folder.string()},
          {"PGPORT", "5432"},
          {"PGUSER", booted.role},
          {"PGDATABASE", database}};
}

// A database's name as a connection string's value, as programs take one in its place.
std::string as_conninfo(const std::string& database) {
  std::string text = "dbname='";
  for (const char c : database) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + "'";
}

class Examination {
 public:
  Examination(const Booted& booted, const Terms& terms, const std::optional<Reference>& reference,
              DrillRecord& record, Progress& progress, const std::stop_token& stop)
      : booted_(booted),
        terms_(terms),
        checks_{reference, terms.left_out},
        record_(record),
        progress_(progress),
        stop_(stop),
        connection_(booted.server.connect(terms.database, stop)) {}

  void run() {
    const std::stop_callback end_it(stop_, connection_.canceller());
    try {
      connection_.simple(
          "set client_encoding = 'UTF8'; set row_security = off; set statement_timeout = 0; set "
          "lock_timeout = 0");
      ask();
    } catch (const base::Error& failure) {
      base::throw_if_stopped(stop_);  // a statement that was ended is no answer
      throw failure.while_doing(fmt::format("asking about {}", progress_.check.load()));
    }
  }

 private:
  void ask() {
    progress_.check = "tables";
    const Contents contents = count(connection_, stop_);
    keep(contents);
    progress_.check = "damage on purpose";
    for (repository::KnownBad& bad : damage_on_purpose(connection_, contents, checks_, stop_))
      record_.known_bad.push_back(std::move(bad));
    add(judge_tables(contents, checks_.reference));
    add("left out", [&] { return check_left_out(connection_, checks_.left_out); });
    add("sequences", [&] { return check_sequences(connection_, checks_.reference, stop_); });
    add("extensions", [&] { return check_extensions(connection_, checks_.reference); });
    add("collations", [&] { return check_collations(connection_); });
    add("roles", [&] { return check_roles(connection_, checks_.reference); });
    for (const policy::DrillCheck& assertion : terms_.assertions)
      add("the policy's questions", [&] { return check_assertion(connection_, assertion); });
    if (terms_.command) add("command", [&] { return run_command(*terms_.command); });
    add("amcheck", [&] { return check_structures(); });  // last: it may install its extension
  }

  void add(DrillCheckResult result) {
    base::throw_if_stopped(stop_);
    record_.checks.push_back(std::move(result));
  }
  template <typename Check>
  void add(const char* what, const Check& check) {
    progress_.check = what;
    add(check());
  }

  // The largest, should there be very many.
  void keep(const Contents& contents) {
    for (const CountedTable& table : contents.tables)
      record_.tables.push_back({table.name, table.rows});
    if (record_.tables.size() <= repository::drill_tables_max) return;
    std::ranges::sort(record_.tables, std::ranges::greater(), &repository::TableCount::rows);
    record_.tables.resize(repository::drill_tables_max);
  }

  DrillCheckResult run_command(const std::string& command) {
    const BoundedOutput done = run_bounded({.arguments = {"/bin/sh", "-c", command},
                                            .environment = environment(booted_, terms_.database),
                                            .folder = booted_.work_folder},
                                           stop_);
    if (done.exit_code == 0) return {"command", DrillVerdict::passed, "it exited with 0"};
    return {
        "command", DrillVerdict::failed,
        fmt::format("it exited with {}: {}", done.exit_code, last_lines(done.tail, told_lines))};
  }

  // Heaps and indexes: pages that sum up may still contradict each other.
  DrillCheckResult check_structures() {
    const bool extension =
        !connection_.query("select from pg_available_extensions where name = 'amcheck'").empty();
    if (!extension)
      return {"amcheck", DrillVerdict::unproven, "this server has no extension amcheck"};
    const std::optional<base::Path> program = amcheck_program();
    if (!program) return check_indexes();
    const BoundedOutput done = run_bounded(
        {.arguments = {program->string(), "--install-missing", "--no-password",
                       fmt::format("--jobs={}", terms_.threads), as_conninfo(terms_.database)},
         .environment = environment(booted_, terms_.database),
         .folder = booted_.work_folder},
        stop_);
    if (done.exit_code == 0)
      return {"amcheck", DrillVerdict::passed, "tables and indexes are consistent"};
    return {"amcheck", DrillVerdict::failed, last_lines(done.tail, told_lines)};
  }

  // Beside the server, or wherever a client of its version or a newer one is.
  std::optional<base::Path> amcheck_program() {
    const base::Path beside = booted_.programs / "pg_amcheck";
    if (base::find_program(beside.string())) return beside;
    const std::optional<postgres::ClientProgram> found = postgres::choose_client_program(
        postgres::find_client_programs("pg_amcheck", {}), connection_.major());
    return found ? std::optional(found->path) : std::nullopt;
  }

  DrillCheckResult check_indexes() {
    connection_.simple("create extension if not exists amcheck");
    try {
      const postgres::Rows rows = connection_.query(
          "select count(bt_index_check(c.oid::regclass)) from pg_class c join pg_am a on a.oid = "
          "c.relam join pg_index i on i.indexrelid = c.oid where a.amname = 'btree' and c.relkind "
          "= 'i' and c.relpersistence = 'p' and i.indisvalid");
      return {"amcheck", DrillVerdict::passed,
              fmt::format("{} indexes are consistent; without pg_amcheck no table was looked at",
                          rows.text(0, 0))};
    } catch (const base::Error& failure) {
      if (failure.kind() == base::ErrorKind::cancelled) throw;
      return {"amcheck", DrillVerdict::failed, failure.message()};
    }
  }

  const Booted& booted_;
  const Terms& terms_;
  const CheckTerms checks_;
  DrillRecord& record_;
  Progress& progress_;
  const std::stop_token& stop_;
  Connection connection_;
};

}  // namespace

void examine(const Booted& booted, const Terms& terms, const std::optional<Reference>& reference,
             DrillRecord& record, Progress& progress, std::stop_token stop) {
  Examination(booted, terms, reference, record, progress, stop).run();
}

}  // namespace drill
