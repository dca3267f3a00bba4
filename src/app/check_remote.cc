#include "app/check_remote.h"

#include "base/error.h"
#include "postgres/replication.h"

namespace app {

using base::Error;
using base::ErrorKind;
using postgres::Connection;

namespace {

class RemoteChecker {
 public:
  RemoteChecker(Context& context, Connection& sql)
      : context_(context),
        sql_(sql),
        role_(sql.query("select current_user").text(0, 0)),
        quoted_role_(postgres::quote_identifier(role_)) {}

  std::vector<CheckItem> run() {
    check_role();
    check_senders();  // before our own session takes one for a moment
    check_session();
    check_wal();
    check_configuration();
    check_spool();
    return std::move(items_);
  }

 private:
  void add(std::string subject, CheckResult result, std::string what, std::string mend = {}) {
    items_.push_back({std::move(subject), result, std::move(what), std::move(mend)});
  }

  void check_role() {
    std::string missing;
    if (!sql_.query("select rolreplication or rolsuper from pg_roles where rolname = current_user")
             .boolean(0, 0)) {
      missing += fmt::format("ALTER ROLE {} REPLICATION; ", quoted_role_);
    }
    for (const char* member : {"pg_read_all_settings", "pg_read_all_data", "pg_monitor"}) {
      if (!sql_.query("select pg_has_role($1, 'usage')", {member}).boolean(0, 0))
        missing += fmt::format("GRANT {} TO {}; ", member, quoted_role_);
    }
    if (missing.empty()) {
      add("role", CheckResult::good, quoted_role_ + " may replicate and read all data");
    } else {
      add("role", CheckResult::problem, quoted_role_ + " lacks rights", missing);
    }
  }

  // Whether pg_hba.conf lets a replication connection in, and where it leads to.
  void check_session() {
    try {
      Connection session(connection_url(context_.policy().database.connection),
                         {{"replication", "true"}});
      const uint64_t streams = postgres::identify_system(session).system_identifier;
      const auto answers = static_cast<uint64_t>(
          sql_.query("select system_identifier from pg_control_system()").number(0, 0));
      if (streams == answers) {
        add("replication", CheckResult::good, "the server accepts replication connections");
      } else {
        add("replication", CheckResult::problem,
            fmt::format("the server that streams has system identifier {}, the one that answers "
                        "has {}",
                        streams, answers),
            "point database.url at one server");
      }
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::cancelled) throw;
      add("replication", CheckResult::problem, failure.message(), mend_for_session());
    }
  }

  std::string mend_for_session() {
    const std::optional<std::string> address =
        sql_.query("select host(inet_client_addr())").at(0, 0);
    if (!address)
      return fmt::format(
          "a line in pg_hba.conf: local replication {} peer; then SELECT "
          "pg_reload_conf();",
          quoted_role_);
    return fmt::format(
        "a line in pg_hba.conf: host{} replication {} {}/{} scram-sha-256; then SELECT "
        "pg_reload_conf();",
        sql_.query("select coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), "
                   "false)")
                .boolean(0, 0)
            ? "ssl"
            : "",
        quoted_role_, *address, address->find(':') == std::string::npos ? 32 : 128);
  }

  // A snapshot takes one sender, the receiver another.
  void check_senders() {
    const auto number = [&](const std::string& sql) { return sql_.query(sql).number(0, 0); };
    const int64_t most = number("select current_setting('max_wal_senders')::bigint");
    const int64_t busy = number("select count(*) from pg_stat_replication");
    const int64_t needed = receives() && !receiver_runs() ? 2 : 1;
    const std::string what = fmt::format("{}, of which {} are busy", most, busy);
    if (most - busy >= needed) return add("max_wal_senders", CheckResult::good, what);
    add("max_wal_senders", CheckResult::problem, what,
        fmt::format("ALTER SYSTEM SET max_wal_senders = {}; -- then restart the server",
                    busy + needed + 2));
  }

  bool receives() const {
    const auto& pitr = context_.policy().layers.pitr;
    return pitr && pitr->receive;
  }
  bool receiver_runs() {
    return receives() &&
           !sql_.query("select 1 from pg_replication_slots where slot_name = $1 and active",
                       {context_.policy().layers.pitr->receive->slot})
                .empty();
  }

  // A snapshot waits for its WAL to be in the archive: who brings it?
  void check_wal() {
    if (receiver_runs()) return add("wal receive", CheckResult::good, "the receiver streams");
    const bool pushed = sql_.setting("archive_mode") == "on" &&
                        sql_.setting("archive_command").find("wal push") != std::string::npos;
    if (pushed) return add("archive_command", CheckResult::good, "WAL comes by 'wal push'");
    if (receives()) {
      add("wal receive", CheckResult::warning,
          "no receiver is connected: a snapshot waits in vain for its WAL",
          "seawall wal receive   # a service that is always running");
    } else {
      add("wal receive", CheckResult::problem, "nothing brings WAL into the repository",
          "in the policy: layers.pitr.receive: { slot: seawall }, and a service that runs "
          "'seawall wal receive'");
    }
  }

  // BASE_BACKUP sends the data directory and the tablespaces, nothing else.
  void check_configuration() {
    provider::NativeCluster cluster = context_.cluster();
    std::string unreadable;
    size_t readable = 0;
    for (const base::Path& file : cluster.external_files()) {
      if (cluster.server_file(file)) {
        ++readable;
      } else {
        unreadable += (unreadable.empty() ? "" : ", ") + file.string();
      }
    }
    if (!unreadable.empty()) {
      add("configuration", CheckResult::warning,
          fmt::format("outside the data directory, so in no snapshot: {}", unreadable),
          fmt::format("keep a copy elsewhere, or: GRANT pg_read_server_files TO {0}; GRANT EXECUTE "
                      "ON FUNCTION pg_read_binary_file(text, bigint, bigint, boolean) TO {0};",
                      quoted_role_));
    } else if (readable > 0) {
      add("configuration", CheckResult::good,
          fmt::format("{} files outside the data directory are asked for by SQL", readable));
    }
  }

  void check_spool() {
    const base::Path folder = base::spool_folder();
    const auto database_bytes = static_cast<uint64_t>(
        sql_.query("select coalesce(sum(pg_database_size(oid)), 0) from pg_database").number(0, 0));
    const uint64_t free = base::free_bytes(folder);
    const std::string what = fmt::format("{} free in {}", base::human_bytes(free), folder.string());
    if (free > database_bytes / 100 + base::GiB / 4)
      return add("temporary space", CheckResult::good, what);
    add("temporary space", CheckResult::warning,
        what + ": a snapshot wants some hundredth of the database there",
        "make room, or name another folder in TMPDIR");
  }

  Context& context_;
  Connection& sql_;
  std::string role_;
  std::string quoted_role_;
  std::vector<CheckItem> items_;
};

}  // namespace

std::vector<CheckItem> check_remote(Context& context, Connection& sql) {
  return RemoteChecker(context, sql).run();
}

}  // namespace app
