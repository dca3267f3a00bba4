# The demo's own PostgreSQL servers. Each is a folder below $home: data/, socket/, server.log. No TCP, no Debian cluster
# is touched, and `servers` names what has to be stopped at the end. Sourced by story.sh.

servers=()

# Announces a server; its data directory may not be there yet.
new_server() {
  servers+=("$1")
  mkdir -p "$home/$1/socket"
  chmod 700 "$home/$1" "$home/$1/socket"
}

make_server() {
  new_server "$1"
  quietly initdb --pgdata="$home/$1/data" --username=postgres --auth=trust --data-checksums --encoding=UTF8 \
    --locale=C.UTF-8 --no-sync
  set_server "$1" shared_buffers=128MB max_wal_size=1GB checkpoint_timeout=15min timezone=Asia/Singapore \
    log_timezone=Asia/Singapore log_checkpoints=off
}

# set_server NAME SETTING=VALUE ...
set_server() {
  local name=$1
  shift
  for setting in "$@"; do printf "%s = '%s'\n" "${setting%%=*}" "${setting#*=}"; done >>"$home/$name/data/postgresql.conf"
}

start_server() {
  quietly pg_ctl -D "$home/$1/data" -l "$home/$1/server.log" -w -t 60 \
    -o "-k $home/$1/socket -p 5432 -c listen_addresses=''" start
}

stop_server() {
  [ ! -e "$home/$1/data/postmaster.pid" ] || quietly pg_ctl -D "$home/$1/data" -m "${2:-fast}" -w -t 60 stop
}

# sql NAME [psql's options]: unadorned answers; the first failing statement is the end.
sql() {
  local name=$1
  shift
  PGHOST="$home/$name/socket" PGUSER="${as:-postgres}" PGDATABASE="${in:-breezycorp}" PGTZ=Asia/Singapore \
    PGOPTIONS='-c client_min_messages=warning' psql -X -q -A -t -F $'\t' -v ON_ERROR_STOP=1 "$@"
}

# Ends the segment that is being written and waits until it is in the archive.
archive_all() {
  local last
  last=$(sql "$1" -c 'SELECT pg_walfile_name(pg_switch_wal())')
  for _ in $(seq 300); do
    [[ $(sql "$1" -c "SELECT left(coalesce(last_archived_wal, ''), 24) FROM pg_stat_archiver") < $last ]] || return 0
    sleep 0.1
  done
  bad "WAL segment $last was not archived within 30 s"
  return 1
}
