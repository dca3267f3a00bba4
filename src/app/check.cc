#include "app/check.h"

#include <fcntl.h>
#include <unistd.h>

#include "app/check_buckets.h"
#include "app/check_remote.h"
#include "base/error.h"
#include "layers/dump/client_run.h"
#include "layers/dump/source_catalog.h"
#include "layers/pitr/get.h"
#include "policy/moment.h"

namespace app {

using base::Error;
using base::ErrorKind;
using postgres::Connection;

namespace {

constexpr int oldest_major = 14;
constexpr int newest_major = 18;

class Checker {
 public:
  Checker(Context& context, std::stop_token stop) : context_(context), stop_(std::move(stop)) {}

  std::vector<CheckItem> run() {
    const uint64_t database_bytes = check_server();
    check_store("repository.store", context_.policy().repository.store, database_bytes);
    for (CheckItem& item : check_buckets(context_, stop_)) items_.push_back(std::move(item));
    for (const policy::DumpTier& tier : context_.policy().layers.dumps) {
      check_store(fmt::format("layers.dumps.{}.store", tier.tier.name), tier.store, database_bytes);
      if (tier.replica)
        check_store(fmt::format("layers.dumps.{}.replica", tier.tier.name), tier.replica->store,
                    database_bytes);
    }
    check_repository();
    return std::move(items_);
  }

 private:
  void good(std::string subject, std::string what) {
    add(std::move(subject), CheckResult::good, std::move(what), {});
  }
  void problem(std::string subject, std::string what, std::string mend) {
    add(std::move(subject), CheckResult::problem, std::move(what), std::move(mend));
  }
  void warning(std::string subject, std::string what, std::string mend) {
    add(std::move(subject), CheckResult::warning, std::move(what), std::move(mend));
  }
  void add(std::string subject, CheckResult result, std::string what, std::string mend) {
    items_.push_back({std::move(subject), result, std::move(what), std::move(mend)});
  }

  // Runs one question; an error in it is its answer.
  void ask(const std::string& subject, const std::string& mend,
           const std::function<void()>& question) {
    try {
      question();
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::cancelled) throw;
      problem(subject, failure.message(), failure.hint().empty() ? mend : failure.hint());
    }
  }

  uint64_t check_server() {
    uint64_t bytes = 0;
    ask("database.url",
        "look at database.url in the policy, pg_hba.conf, and whether the server runs", [&] {
          Connection connection(connection_url(context_.policy().database.connection));
          good("database.url", "the server answers");
          check_version(connection);
          check_pooler(connection);
          if (context_.policy().database.access == policy::Access::replication) {
            check_wal_level(connection);
            for (CheckItem& item : check_remote(context_, connection))
              items_.push_back(std::move(item));
          } else {
            check_rights(connection);
            check_data_directory(connection);
            check_archiving(connection);
            check_receiver(connection);
          }
          check_slot_bound(connection);
          check_safety(connection);
          check_clock(connection);
          check_dumps(connection);
          bytes = static_cast<uint64_t>(
              connection.query("select coalesce(sum(pg_database_size(oid)), 0) from pg_database")
                  .number(0, 0));
        });
    return bytes;
  }

  void check_version(Connection& connection) {
    const int major = connection.major();
    if (major < oldest_major || major > newest_major) {
      problem("server version", fmt::format("PostgreSQL {} is not supported", major),
              fmt::format("PostgreSQL {} to {} are", oldest_major, newest_major));
    } else {
      good("server version",
           fmt::format("PostgreSQL {}.{}", major, connection.server_version() % 10000));
    }
  }

  void check_pooler(Connection& connection) {
    if (connection.is_pooled()) {
      problem("connection",
              "a pooler stands between seawall and the server: a backup needs one session from "
              "start to stop",
              "point database.url at the server itself");
    } else {
      good("connection", "direct");
    }
  }

  void check_rights(Connection& connection) {
    const std::string role =
        postgres::quote_identifier(connection.query("select current_user").text(0, 0));
    const std::string start = connection.major() >= 15 ? "pg_backup_start(text, boolean)"
                                                       : "pg_start_backup(text, boolean, boolean)";
    const std::string stop =
        connection.major() >= 15 ? "pg_backup_stop(boolean)" : "pg_stop_backup(boolean, boolean)";
    std::string missing;
    for (const std::string& function : {start, stop}) {
      if (!connection.query("select has_function_privilege($1, 'execute')", {function})
               .boolean(0, 0)) {
        missing += fmt::format("GRANT EXECUTE ON FUNCTION {} TO {}; ", function, role);
      }
    }
    for (const char* member : {"pg_read_all_settings", "pg_read_all_data", "pg_monitor"}) {
      if (!connection.query("select pg_has_role($1, 'usage')", {member}).boolean(0, 0)) {
        missing += fmt::format("GRANT {} TO {}; ", member, role);
      }
    }
    if (missing.empty()) {
      good("role", role + " may take backups and read all data");
    } else {
      problem("role", role + " lacks rights", missing);
    }
  }

  void check_data_directory(Connection& connection) {
    ask("data directory",
        "run seawall as the user postgres, or as one of its group with initdb "
        "--allow-group-access",
        [&] {
          base::Path folder = context_.policy().database.data_directory.value_or("");
          if (folder.empty()) folder = connection.setting("data_directory");
          const postgres::ControlFile control = postgres::read_control_file(folder).facts;
          const int64_t served =
              connection.query("select system_identifier from pg_control_system()").number(0, 0);
          if (static_cast<int64_t>(control.system_identifier) != served) {
            problem("data directory",
                    fmt::format("{} is not the data directory of the server at database.url",
                                folder.string()),
                    "mend database.data_directory in the policy");
            return;
          }
          base::File::open(folder / "base", O_RDONLY | O_DIRECTORY);
          good("data directory", folder.string() + " can be read");
        });
  }

  void check_wal_level(Connection& connection) {
    const std::string level = connection.setting("wal_level");
    if (level == "minimal") {
      problem("wal_level", "minimal",
              "ALTER SYSTEM SET wal_level = 'replica'; -- then restart the server");
    } else {
      good("wal_level", level);
    }
  }

  void check_archiving(Connection& connection) {
    if (!context_.policy().layers.pitr) return;
    check_wal_level(connection);
    const std::string mode = connection.setting("archive_mode");
    const std::string line = fmt::format(
        "ALTER SYSTEM SET archive_command = '{} --policy {} wal push %p'; SELECT "
        "pg_reload_conf();",
        layers::program_for_segments().filename().string(),
        std::filesystem::absolute(context_.policy_file()).string());
    const bool streams = context_.policy().layers.pitr->receive.has_value();
    if (mode == "always") {
      problem("archive_mode", "always: a standby would archive other bytes under the same names",
              "ALTER SYSTEM SET archive_mode = 'on'; -- then restart the server");
    } else if (mode != "on") {
      const std::string mend = "ALTER SYSTEM SET archive_mode = 'on'; -- then restart the server";
      streams ? warning("archive_mode", mode + ": WAL comes by streaming alone", mend)
              : problem("archive_mode", mode, mend);
      return;
    } else {
      good("archive_mode", mode);
    }
    const std::string command = connection.setting("archive_command");
    if (command.find("wal push") == std::string::npos) {
      streams ? warning("archive_command", "not seawall's", line)
              : problem("archive_command", command.empty() ? "empty" : command, line);
      return;
    }
    good("archive_command", command);
    const postgres::Rows rows = connection.query(
        "select last_failed_time > coalesce(last_archived_time, '-infinity'), last_failed_wal "
        "from "
        "pg_stat_archiver");
    if (rows.at(0, 0) == "t") {
      problem("archiver", fmt::format("the last try, of {}, failed", rows.text(0, 1)),
              "the server's log says why: look for 'seawall: error'");
    }
  }

  void check_receiver(Connection& connection) {
    if (!context_.policy().layers.pitr || !context_.policy().layers.pitr->receive) return;
    const bool replicates =
        connection
            .query("select rolreplication or rolsuper from pg_roles where rolname = current_user")
            .boolean(0, 0);
    if (!replicates) {
      problem("replication", "the role may not stream WAL",
              fmt::format(
                  "ALTER ROLE {} REPLICATION; and a 'replication' line in pg_hba.conf",
                  postgres::quote_identifier(connection.query("select current_user").text(0, 0))));
    } else {
      good("replication", "the role may stream WAL");
    }
  }

  void check_slot_bound(Connection& connection) {
    if (!context_.policy().layers.pitr || !context_.policy().layers.pitr->receive) return;
    if (connection.setting("max_slot_wal_keep_size") == "-1") {
      warning("max_slot_wal_keep_size",
              "no bound: a receiver that is away long fills the server's disk",
              "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf();");
    }
  }

  void check_safety(Connection& connection) {
    if (connection.setting("data_checksums") != "on") {
      warning("data_checksums", "off: damage by storage goes unseen",
              "stop the server, then pg_checksums --enable -D <data directory>");
    } else {
      good("data_checksums", "on");
    }
    for (const char* name : {"fsync", "full_page_writes"}) {
      if (connection.setting(name) != "on") {
        problem(name, "off",
                fmt::format("ALTER SYSTEM SET {} = 'on'; SELECT pg_reload_conf();", name));
      }
    }
  }

  void check_clock(Connection& connection) {
    const base::Instant before = base::system_clock().now();
    const int64_t server =
        connection.query("select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
            .number(0, 0);
    const base::Duration apart = std::chrono::abs(base::Instant(base::Duration(server)) - before);
    if (apart > std::chrono::minutes(1)) {
      problem("clock", fmt::format("{} apart from the server's", base::human_duration(apart)),
              "set both right (NTP)");
    } else {
      good("clock", "agrees with the server's");
    }
    good("time zone",
         fmt::format("{}: it is {} there", context_.policy().timezone.name(),
                     policy::describe_moment(std::chrono::floor<std::chrono::seconds>(before),
                                             context_.policy().timezone)));
  }

  void check_dumps(Connection& connection) {
    if (context_.policy().layers.dumps.empty()) return;
    ask("pg_dump", "", [&] {
      const postgres::ClientProgram chosen = layers::find_pg_dump(connection.major(), std::nullopt);
      good("pg_dump", fmt::format("{}, of PostgreSQL {}", chosen.path.string(), chosen.version));
    });
    for (const layers::ForeignKeyIntoLeftOut& key :
         layers::foreign_keys_into_left_out(connection, context_.policy().exclude.rows_of)) {
      problem("exclude.rows_of",
              fmt::format("{} of {} refers to {}, whose rows are left out: restoring a dump will "
                          "fail on it",
                          key.name, key.table, key.references),
              fmt::format("leave the rows of {} out too, or keep those of {}", key.table,
                          key.references));
    }
  }

  void check_store(const std::string& subject, const policy::Place& place,
                   uint64_t database_bytes) {
    if (place.kind != policy::Place::Kind::file) return;  // see check_buckets
    const base::Path folder = place.path;
    ask(subject, fmt::format("sudo install -d -o $(id -un) -m 700 {}", folder.string()), [&] {
      if (access(folder.c_str(), R_OK | W_OK | X_OK) != 0) base::throw_errno(folder.string());
      const uint64_t free = base::free_bytes(folder);
      const std::string what =
          fmt::format("{} free, the databases have {}", base::human_bytes(free),
                      base::human_bytes(database_bytes));
      if (free < database_bytes) {
        warning(subject, what, "find a larger place, or watch it closely");
      } else {
        good(subject, what);
      }
    });
  }

  void check_repository() {
    ask("repository", "seawall apply", [&] {
      const repository::Repository repository = context_.repository(stop_);
      const std::optional<repository::Epoch> epoch = repository.current_epoch(stop_);
      good("repository",
           epoch ? fmt::format("there, epoch {}", epoch->number.value) : "there, empty");
    });
  }

  Context& context_;
  std::stop_token stop_;
  std::vector<CheckItem> items_;
};

}  // namespace

std::string_view name(CheckResult result) {
  switch (result) {
    case CheckResult::good:
      return "good";
    case CheckResult::warning:
      return "warning";
    case CheckResult::problem:
      return "problem";
  }
  return "problem";
}

std::vector<CheckItem> check(Context& context, std::stop_token stop) {
  return Checker(context, std::move(stop)).run();
}

}  // namespace app
