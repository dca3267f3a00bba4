#include "app/heartbeat.h"

#include "base/error.h"

namespace app {

using base::Error;
using base::ErrorKind;

const char* const heartbeat_table =
    "create schema if not exists seawall; "
    "create table if not exists seawall.heartbeat (id integer primary key, at timestamptz not "
    "null, "
    "lsn pg_lsn not null)";

namespace {

bool is_there(postgres::Connection& connection) {
  return connection.query("select to_regclass('seawall.heartbeat') is not null").boolean(0, 0);
}

// A heartbeat that waits hours for somebody's lock would hang; one of later finds its way.
void set_patience(postgres::Connection& connection) {
  connection.simple(
      "set statement_timeout = '20s'; set lock_timeout = '10s'; set client_min_messages = error; "
      "set synchronous_commit = local");
}

}  // namespace

void prepare_heartbeat(postgres::Connection& connection) {
  if (is_there(connection)) return;
  try {
    connection.simple(heartbeat_table);
  } catch (const Error& failure) {
    if (failure.kind() != ErrorKind::denied) throw;
    const std::string role = connection.query("select quote_ident(current_user)").text(0, 0);
    throw Error(ErrorKind::denied, "this role may not make the heartbeat's table",
                fmt::format("as a role that may: {}; grant usage on schema seawall to {}; grant "
                            "select, insert, update on seawall.heartbeat to {}",
                            heartbeat_table, role, role));
  }
}

bool beat(postgres::Connection& connection) {
  if (connection.query("select pg_is_in_recovery()").boolean(0, 0)) return false;
  set_patience(connection);
  prepare_heartbeat(connection);
  connection.query(
      "insert into seawall.heartbeat (id, at, lsn) values (1, clock_timestamp(), "
      "pg_current_wal_insert_lsn()) on conflict (id) do update set at = excluded.at, lsn = "
      "excluded.lsn");
  return true;
}

}  // namespace app
