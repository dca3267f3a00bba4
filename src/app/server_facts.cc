#include "app/server_facts.h"

#include "base/error.h"
#include "postgres/connection.h"

namespace app {

using base::Error;
using base::ErrorKind;
using base::Instant;
using monitor::ServerFacts;
using postgres::Connection;
using postgres::Rows;

namespace {

// As base::from_rfc3339 reads it.
std::string time_of(std::string_view expression) {
  return fmt::format(R"(to_char({} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))",
                     expression);
}

std::optional<Instant> instant(const Rows& rows, size_t column) {
  const std::optional<std::string> text = rows.at(0, column);
  return text ? std::optional(base::from_rfc3339(*text)) : std::nullopt;
}

class Asker {
 public:
  Asker(const policy::Policy& policy, Connection& connection)
      : policy_(policy), connection_(connection) {}

  ServerFacts run(const std::optional<layers::WalMoment>& last_commit) {
    connection_.simple("set statement_timeout = '5s'; set lock_timeout = '2s'");
    const Rows rows =
        connection_.query("select pg_is_in_recovery(), " + time_of("clock_timestamp()"));
    facts_.standby = rows.boolean(0, 0);
    facts_.clock_ahead = base::from_rfc3339(rows.text(0, 1)) - base::system_clock().now();
    ask_archiver();
    ask_wal_folder();
    ask_slot();
    ask_heartbeat();
    if (last_commit && !facts_.standby) ask_whether_idle(*last_commit);
    return std::move(facts_);
  }

 private:
  // What a role may not look at stays unknown.
  template <typename Ask>
  void as_far_as_allowed(Ask&& ask) {
    try {
      ask();
    } catch (const Error& failure) {
      if (failure.kind() != ErrorKind::denied && failure.kind() != ErrorKind::absent) throw;
    }
  }

  void ask_archiver() {
    const Rows rows = connection_.query(
        "select failed_count, " + time_of("last_archived_time") + ", " +
        time_of("last_failed_time") +
        ", coalesce(last_failed_wal, ''), "
        "current_setting('archive_mode') <> 'off' and (coalesce(current_setting('archive_command', "
        "true), '') not in ('', '(disabled)') or coalesce(current_setting('archive_library', "
        "true), "
        "'') <> '') from pg_stat_archiver");
    facts_.failed_count = rows.number(0, 0);
    facts_.last_archived = instant(rows, 1);
    facts_.last_failed = instant(rows, 2);
    facts_.last_failed_wal = rows.text(0, 3);
    facts_.archives = rows.boolean(0, 4);
  }

  void ask_wal_folder() {
    as_far_as_allowed([&] {
      facts_.ready_files =
          connection_
              .query("select count(*) from pg_ls_archive_statusdir() where name like '%.ready'")
              .number(0, 0);
      facts_.wal_bytes = static_cast<uint64_t>(
          connection_.query("select coalesce(sum(size), 0)::bigint from pg_ls_waldir()")
              .number(0, 0));
    });
    // Only of this host's own disk, and only if we may look below the data directory.
    as_far_as_allowed([&] {
      const base::Path folder = base::Path(connection_.setting("data_directory")) / "pg_wal";
      std::error_code failed;
      const std::filesystem::space_info space = std::filesystem::space(folder, failed);
      if (failed || !is_on_this_host()) return;
      facts_.disk_free_bytes = space.available;
      facts_.disk_bytes = space.capacity;
    });
  }

  bool is_on_this_host() {
    return connection_
        .query("select inet_server_addr() is null or inet_server_addr() = inet_client_addr()")
        .boolean(0, 0);
  }

  void ask_slot() {
    if (!policy_.layers.pitr || !policy_.layers.pitr->receive) return;
    const Rows rows = connection_.query(
        "select active, coalesce(wal_status, ''), coalesce(pg_wal_lsn_diff(case when "
        "pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, "
        "restart_lsn), 0)::bigint from pg_replication_slots where slot_name = $1",
        {policy_.layers.pitr->receive->slot});
    monitor::SlotFacts slot;
    if (!rows.empty()) {
      slot.there = true;
      slot.active = rows.boolean(0, 0);
      slot.wal_status = rows.text(0, 1);
      slot.retained_bytes = static_cast<uint64_t>(std::max<int64_t>(0, rows.number(0, 2)));
    }
    facts_.slot = slot;
  }

  void ask_heartbeat() {
    if (!policy_.run.heartbeat) return;
    as_far_as_allowed([&] {
      facts_.heartbeat_table =
          connection_.query("select to_regclass('seawall.heartbeat') is not null").boolean(0, 0);
      if (!facts_.heartbeat_table) return;
      facts_.heartbeat =
          instant(connection_.query("select " + time_of("max(at)") + " from seawall.heartbeat"), 0);
    });
  }

  // If the newest transaction in the archive has the last number that was given out, all that ended
  // is archived. One that was given out and is not committed says "no", which errs on the safe
  // side.
  void ask_whether_idle(const layers::WalMoment& last_commit) {
    const int64_t next =
        connection_.query("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
            .number(0, 0);
    facts_.all_archived =
        last_commit.xid != 0 && static_cast<uint32_t>(next) == last_commit.xid + 1;
  }

  const policy::Policy& policy_;
  Connection& connection_;
  ServerFacts facts_;
};

}  // namespace

ServerFacts read_server_facts(const Context& context,
                              const std::optional<layers::WalMoment>& last_commit, Instant) {
  try {
    Connection connection(connection_url(context.policy().database.connection),
                          {{"connect_timeout", "5"}, {"application_name", "seawall watch"}});
    return Asker(context.policy(), connection).run(last_commit);
  } catch (const Error& failure) {
    ServerFacts facts;
    facts.unreachable = failure.message();
    return facts;
  }
}

}  // namespace app
