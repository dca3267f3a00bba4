#include "provider/native_cluster.h"

#include <algorithm>

#include "base/error.h"

namespace provider {

using base::ErrorKind;
using base::Path;
using postgres::Connection;

namespace {

// A backup may take hours in which this session says nothing: no timeout may end it.
constexpr const char* no_timeouts =
    "set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0; "
    "set idle_session_timeout = 0; "
    "set client_min_messages = error";

constexpr uint64_t server_file_bytes_max = 16 * base::MiB;  // of configuration

}  // namespace

FinishedBackup RunningBackup::finish() {
  const std::string sql =
      session_.major() >= 15
          ? "select lsn, labelfile, spcmapfile from pg_backup_stop(false)"
          : "select lsn, labelfile, spcmapfile from pg_stop_backup(false, false)";
  const postgres::Rows rows =
      base::while_doing("ending the backup", [&] { return session_.query(sql); });
  return {postgres::parse_lsn(rows.text(0, 0)), rows.text(0, 1), rows.text(0, 2)};
}

NativeCluster::NativeCluster(std::string url, std::optional<Path> data_directory,
                             policy::Access access)
    : url_(std::move(url)), access_(access), connection_(url_) {
  connection_.simple(no_timeouts);
  if (data_directory) {
    data_directory_ = *data_directory;
    return;
  }
  const std::optional<std::string> told =
      connection_.query("select setting from pg_settings where name = 'data_directory'").at(0, 0);
  if (access_ == policy::Access::replication) {
    data_directory_ = told.value_or("");
    return;
  }
  if (!told || told->empty()) {
    throw base::Error(
        ErrorKind::denied, "the server does not tell this role its data directory",
        "grant pg_read_all_settings to the role, or name database.data_directory in the policy");
  }
  data_directory_ = *told;
}

Connection NativeCluster::connect(const std::map<std::string, std::string>& overrides) const {
  return Connection(url_, overrides);
}

bool NativeCluster::in_recovery() {
  return connection_.query("select pg_is_in_recovery()").boolean(0, 0);
}

repository::Epoch NativeCluster::identity() {
  const postgres::Rows rows = connection_.query(
      "select s.system_identifier, c.timeline_id, i.bytes_per_wal_segment, c.redo_lsn "
      "from pg_control_system() s, pg_control_checkpoint() c, pg_control_init() i");
  return {.number = {},
          .system_identifier = static_cast<uint64_t>(rows.number(0, 0)),
          .major = connection_.major(),
          .segment_bytes = static_cast<uint64_t>(rows.number(0, 2)),
          .timeline = {static_cast<uint32_t>(rows.number(0, 1))},
          .begins_at = postgres::parse_lsn(rows.text(0, 3)),
          .created = base::system_clock().now(),
          .reason = {}};
}

std::vector<repository::TablespaceRef> NativeCluster::tablespaces() {
  const postgres::Rows rows = connection_.query(
      "select oid, pg_tablespace_location(oid) from pg_tablespace "
      "where spcname not in ('pg_default', 'pg_global') order by oid");
  std::vector<repository::TablespaceRef> all;
  for (size_t row = 0; row < rows.size(); ++row) {
    all.push_back({static_cast<uint32_t>(rows.number(row, 0)), rows.text(row, 1)});
  }
  return all;
}

std::string NativeCluster::bootstrap_role() {
  return connection_.query("select rolname from pg_roles where oid = 10").text(0, 0);
}

PageFacts NativeCluster::page_facts() {
  const postgres::Rows rows = connection_.query(
      "select data_page_checksum_version <> 0, blocks_per_segment from pg_control_init()");
  return {rows.boolean(0, 0), static_cast<uint32_t>(rows.number(0, 1))};
}

std::vector<Path> NativeCluster::external_files() {
  if (data_directory_.empty()) return {};
  const postgres::Rows rows = connection_.query(
      "select setting from pg_settings where name in ('config_file', 'hba_file', 'ident_file') and "
      "setting <> '' "
      "union select sourcefile from pg_settings where sourcefile is not null order by 1");
  std::vector<Path> all;
  const auto add = [&](const Path& path) {
    const Path within = path.lexically_relative(data_directory_);
    if (within.empty() || *within.begin() == "..") all.push_back(path);
  };
  for (size_t row = 0; row < rows.size(); ++row) add(rows.text(row, 0));
  // Debian's tools keep these beside postgresql.conf: pg_createcluster(1).
  const Path folder = Path(connection_.setting("config_file")).parent_path();
  for (const char* name : {"environment", "pg_ctl.conf", "start.conf"}) {
    if (std::filesystem::is_regular_file(folder / name)) add(folder / name);
  }
  std::ranges::sort(all);
  return all;
}

std::optional<base::Bytes> NativeCluster::server_file(const Path& path) {
  try {
    const std::optional<std::string> digits =
        connection_
            .query("select encode(pg_read_binary_file($1, 0, $2::bigint, true), 'hex')",
                   {path.string(), std::to_string(server_file_bytes_max)})
            .at(0, 0);
    if (!digits) return std::nullopt;
    return base::from_hex(*digits);
  } catch (const base::Error& failure) {
    if (failure.kind() != ErrorKind::denied) throw;
    return std::nullopt;
  }
}

postgres::Lsn NativeCluster::position() {
  return postgres::parse_lsn(
      connection_
          .query("select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() "
                 "else pg_current_wal_lsn() end")
          .text(0, 0));
}

RunningBackup NativeCluster::begin_backup(const std::string& label) {
  Connection session = connect();
  session.simple(no_timeouts);
  const std::string sql = session.major() >= 15 ? "select pg_backup_start($1, true)"
                                                : "select pg_start_backup($1, true, false)";
  const postgres::Rows rows =
      base::while_doing("beginning the backup", [&] { return session.query(sql, {label}); });
  return RunningBackup(std::move(session), postgres::parse_lsn(rows.text(0, 0)));
}

}  // namespace provider
