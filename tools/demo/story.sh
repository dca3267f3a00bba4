#!/bin/bash
# What the demo does, step by step. run.sh starts it, with everything below $HOME, which is a folder of its own.
set -Eeuo pipefail
home=$HOME
scale=$DEMO_SCALE
export SEAWALL_POLICY=$home/seawall.yaml
cd "$home"
# shellcheck source-path=SCRIPTDIR
. demo/screen.sh
. demo/servers.sh
# Where backups go, and what the story tells of that alone.
. "demo/$DEMO_PLACES.sh"

writer=''
rpo=0

# ---- the end, whatever it is

clean_up() {
  local status=$?
  trap - EXIT ERR
  trap '' INT TERM HUP
  jobs -p | xargs -r kill 2>/dev/null || true
  for name in "${servers[@]}"; do stop_server "$name" immediate || true; done
  places_end || true
  if [ "$status" -ne 0 ]; then
    [ ! -s failed_at ] || bad "$(head -1 failed_at)"
    for log in quiet.log */server.log places.log; do
      [ ! -s "$log" ] || { bad "the end of $log:"; tail -15 "$log" | indent; }
    done
    bad "the demo FAILED in step $step_number, $step_title"
  fi
  cd /
  if [ -n "${DEMO_KEEP:-}" ]; then
    say "left for you to look at: $home"
  else
    # Twice, should a process that was just told to end still have written something.
    rm -rf "$home" 2>/dev/null || { sleep 1; rm -rf "$home"; }
  fi
  if [ "$status" -eq 0 ]; then
    good "done in $(seconds_since "$began") s; nothing left behind"
    echo
  fi
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
trap 'echo "line $LINENO: $BASH_COMMAND" >>"$home/failed_at"' ERR

# ---- pieces of the story

# load FILE ...: these at once, in sessions of their own.
load() {
  local jobs=()
  for file in "$@"; do
    quietly sql primary -v scale="$scale" -v tablespace="$home/primary/cold_storage" -f "demo/breezycorp/$file" &
    jobs+=($!)
  done
  while jobs -rp | grep -qvxF -e "${cloud_job:--}"; do # the regions come up by themselves
    passing "$(human "$(in=postgres sql primary -c "SELECT pg_database_size('breezycorp')")") so far: ${*%.sql}"
    sleep 0.3
  done
  passed
  for job in "${jobs[@]}"; do wait "$job"; done
}

begin_writing() {
  pgbench -h "$home/primary/socket" -U breezycorp_app -n -f demo/breezycorp/writes.sql -D scale="$scale" -c 2 -R "$1" \
    -T 600 breezycorp >>quiet.log 2>&1 &
  writer=$!
}

end_writing() {
  kill "$writer"
  wait "$writer" 2>/dev/null || true
  writer=''
}

write_for() {
  local until=$((${EPOCHREALTIME%.*} + $1))
  while [ "${EPOCHREALTIME%.*}" -lt "$until" ]; do
    passing "the application writes: $((until - ${EPOCHREALTIME%.*})) s more"
    sleep 0.5
    if [ "${2:-}" = 'and measure' ]; then measure_unprotected; fi
  done
  passed
}

# What would be lost if this machine burned down now: from the newest transaction that the repository can bring back,
# until now. The worst is kept.
measure_unprotected() {
  local last seconds
  last=$("${watcher[@]}" seawall status --json | jq -r .last_transaction) || true # its exit status tells of findings
  seconds=$(seconds_since "$(date -d "$last" +%s.%N)")
  rpo=$(awk -v a="$rpo" -v b="$seconds" 'BEGIN { print (a > b ? a : b) }')
}

record() { sql "$1" -f demo/breezycorp/content.sql >"$2"; }

# compare RECORDED FOUND: table by table. What the policy leaves out has to be empty, everything else the same.
compare() {
  awk -F'\t' -v OFS='\t' '
    BEGIN { print "table", "rows recorded", "rows found", "content" }
    function short(name) { return length(name) > 34 ? substr(name, 1, 31) "..." : name }
    function left_out(name) { return name == "public.staff_sessions" || name ~ /^pgboss\.(j|archive$)/ }
    NR == FNR { rows[$1] = $2; hash[$1] = $3; order[++tables] = $1; next }
    { found[$1] = $2; found_hash[$1] = $3; if (!($1 in rows)) order[++tables] = $1 }
    END {
      for (i = 1; i <= tables; i++) {
        t = order[i]
        if (!(t in found)) verdict = "DIFFERENT: it is missing"
        else if (!(t in rows)) verdict = "DIFFERENT: it was not there before"
        else if (left_out(t)) verdict = found[t] == 0 ? "emptied, as the policy says" : "DIFFERENT: it should be empty"
        else if (found[t] != rows[t]) verdict = "DIFFERENT: rows"
        else if (found_hash[t] != hash[t]) verdict = "DIFFERENT: content"
        else verdict = "same, " substr(hash[t], length(hash[t]) - 7)
        print short(t), (t in rows) ? rows[t] : "-", (t in found) ? found[t] : "-", verdict
      }
    }' "$1" "$2" >comparison
  table <comparison
  if grep DIFFERENT comparison >differences; then
    while IFS=$'\t' read -r name _ _ verdict; do bad "$name: $verdict"; done <differences
    return 1
  fi
  same=$(grep -c $'\tsame' comparison)
  emptied=$(grep -c $'\temptied' comparison)
  good "$same tables with the same rows and the same content, $emptied emptied on purpose"
}

# check_boss NAME: no job came back, but the queues and schedules that the application needs to start.
check_boss() {
  local jobs queues schedules
  jobs=$(sql "$1" -c 'SELECT count(*) FROM pgboss.job')
  queues=$(sql "$1" -c 'SELECT count(*) FROM pgboss.queue')
  schedules=$(sql "$1" -c 'SELECT count(*) FROM pgboss.schedule')
  [ "$jobs/$queues/$schedules" = 0/6/2 ] || { bad "pgboss: $jobs jobs, $queues of 6 queues, $schedules of 2 schedules"; return 1; }
  say "pg-boss finds its $queues queues and $schedules schedules, and no job that would run twice; everyone logs in again"
}

# run_sql NAME STATEMENT: in view, as a person at psql would.
run_sql() {
  printf '    %s%s=# %s;%s\n' "$bold" "$1" "$2" "$plain"
  PGHOST="$home/$1/socket" PGUSER=postgres PGDATABASE=breezycorp psql -X -P footer=off -c "$2" 2>&1 | sed '/^$/d' | indent
}

percent() { awk -v part="$1" -v whole="$2" 'BEGIN { printf "%.1f %%", 100 * part / whole }'; }

# The newest dump's and the newest snapshot's own facts, by jq.
newest_dump() { "${watcher[@]}" seawall list --json | jq -r ".dumps | last | $1"; }
newest_snapshot() { "${watcher[@]}" seawall list --json | jq -r ".snapshots | last | $1"; }

# The document's own lines, with what this run measured beside them.
strategy() {
  printf 'line of the strategy\tas promised\tas measured here\n'
  printf 'Point-in-time recovery\tcontinuous WAL, 7 days\t%s\n' \
    "RPO $rpo s while writing; back at $moment in $rto s (RTO), content compared"
  printf 'Nightly snapshots\t03:00 SGT, 30 days\t%s\n' \
    "$(human "$cluster_size") in $first_seconds s, $(human "$first_stored") stored; the next in $second_seconds s, $(human "$second_stored")"
  printf 'Weekly snapshots\tSunday 03:00 SGT, 12 weeks\tthe same snapshot as nightly, kept for longer\n'
  strategy_of_places
  printf 'Staff password hashes\tin the logical dump\tstaff_users is the same in both restores\n'
  printf 'pg-boss jobs, sessions\tnot backed up\tempty in both restores; queues and schedules kept\n'
}

# ---- the story

printf '%sseawall: the backups of breezycorp, a disaster, and the way back%s\n' "$bold" "$plain"
say "backups go into $places_words"
say "PostgreSQL $(postgres --version | awk '{ print $3 }'), $(nproc) CPUs; as user $(id -un); all of it below $home"

places_begin

step 'A PostgreSQL cluster of its own, for this demo only'
make_server primary
mkdir primary/cold_storage
start_server primary
in=postgres sql primary -c 'CREATE DATABASE breezycorp'
say "page checksums on, a private Unix socket, no TCP; Debian's clusters are not touched"

step 'The database of a company at work'
load 1_tables.sql
load 2_pgboss.sql
load 3_client_rows.sql 3_file_rows.sql
load 4_client_keys.sql 4_file_keys.sql
load 5_links.sql
{
  printf 'table\trows\tsize\twhat it is\n'
  sql primary -f demo/breezycorp/overview.sql
} | table
database_size=$(sql primary -c "SELECT pg_database_size('breezycorp')")
say "breezycorp: $(human "$database_size"), with TOAST, GIN and partial indexes, foreign keys, a tablespace, a large object"

step 'The backup strategy becomes a policy'
database_url="postgresql://postgres@/breezycorp?host=$home/primary/socket"
make_policy
say "what it says, without its comments, which are most of its $(wc -l <seawall.yaml) lines; the rest of it names what is not covered yet:"
grep -vE '^ *(#|$)' seawall.yaml | sed '/^uncovered:/,$d' | indent
set_server primary archive_mode=on archive_timeout=5s "archive_command=$home/bin/seawall-wal --policy $SEAWALL_POLICY wal push %p"
stop_server primary
start_server primary
say 'archive_command is set to: seawall-wal wal push %p'
shown seawall apply
first_proofs

step 'The nightly snapshot'
shown seawall backup snapshots --tier nightly
first_stored=$(newest_snapshot .totals.stored_bytes)
cluster_size=$(newest_snapshot .totals.bytes)
first_seconds=$(seconds_since "$step_began")

step 'Business goes on; the next snapshot stores what changed'
orders_before=$(sql primary -c 'SELECT count(*) FROM orders')
begin_writing 15
write_for 6 'and measure'
snapshot_began=$EPOCHREALTIME
shown seawall backup snapshots
second_seconds=$(seconds_since "$snapshot_began")
second_stored=$(newest_snapshot .totals.stored_bytes)
orders=$(sql primary -c 'SELECT count(*) FROM orders')
end_writing
say "in between: $((orders - orders_before)) orders, each with an invoice, an upload, a line in the audit log and a job;" \
  "$(percent "$(newest_snapshot .totals.new_bytes)" "$cluster_size") of the pages"
say "the first stored $(human "$first_stored"), this one $(human "$second_stored"): $(percent "$second_stored" "$first_stored")"
say "had this machine burned down meanwhile, at most $rpo s of its work would have been lost (archive_timeout is 5 s here)"

step 'The nightly dump'
quietly sql primary -c 'REFRESH MATERIALIZED VIEW revenue_by_month' # pg_restore computes it anew
record primary content.dumped & # the application rests meanwhile, so that both see the same
recording=$!
dump_began=$EPOCHREALTIME
shown seawall backup dumps --tier nightly
dump_seconds=$(seconds_since "$dump_began")
wait "$recording"
dump=$(newest_dump .name)
dump_bytes=$(newest_dump .size)
say "$dump: an archive that any pg_restore reads; the rows of every table were counted and hashed at the same moment"
copy_dump

keys_story

step 'A good morning, then a disaster'
begin_writing 15
write_for 2
end_writing
record primary content.before
say "$(sql primary -c 'SELECT count(*) FROM invoices') invoices; every table is counted and hashed: this is what has to come back"
sleep 1
moment=$(sql primary -c "SELECT to_char(now(), 'YYYY-MM-DD HH24:MI:SS')")
run_sql primary "UPDATE clients SET status = 'closed', credit_limit = 0  -- WHERE id = 4711 is missing"
say 'nobody notices; the application writes on, over it'
begin_writing 15
write_for 2
end_writing
run_sql primary 'DROP TABLE invoices CASCADE'
run_sql primary 'SELECT status, count(*) AS clients, max(credit_limit) AS highest_limit FROM clients GROUP BY status'
run_sql primary 'SELECT count(*) FROM invoices' || true
bad 'now it is noticed'
archive_all primary

step "Back to the second before it: $moment"
new_server restored
mkdir restored/cold_storage
tablespace=$(sql primary -c "SELECT oid FROM pg_tablespace WHERE spcname = 'cold_storage'")
back=("${restorer[@]}" seawall restore --at "$moment Asia/Singapore" --to "$home/restored/data"
  --tablespace "$tablespace=$home/restored/cold_storage")
shown "${back[@]}" --dry-run | tee plan
rto_began=$EPOCHREALTIME
shown "${back[@]}" | grep -vxFf plan | grep -v '^ *expected  ' # the plan is not shown twice
start_server restored
answer=$(sql restored -c 'SELECT count(*) FROM invoices')
rto=$(seconds_since "$rto_began")
good "the second cluster answers $rto s after the order was given: $answer invoices, $(sql restored -c "SELECT count(*) FROM clients WHERE status <> 'closed'") open clients"

step 'Is it the same? Table by table, against what was recorded'
[ -z "$DEMO_SPOIL" ] || sql restored -c "$DEMO_SPOIL"
record restored content.restored
compare content.before content.restored
check_boss restored
quietly pg_amcheck -h "$home/restored/socket" -U postgres -d breezycorp --install-missing --heapallindexed -j 2
say 'pg_amcheck finds every row of every table in its indexes'

step 'Are the backups themselves whole?'
check_backups
shown "${watcher[@]}" seawall status || true # its exit status tells of findings

lose_first_place
step 'The dump, into a third place: an empty cluster that never knew the first'
make_server portable
start_server portable
in=postgres sql portable -c 'CREATE DATABASE breezycorp'
day=${dump##*breezycorp_} day=${day%.dump}
dump_restore_began=$EPOCHREALTIME
shown "${restorer[@]}" seawall restore dump "$day" "${from_where[@]}" --into "postgresql://postgres@/breezycorp?host=$home/portable/socket" -j 2
dump_restore_seconds=$(seconds_since "$dump_restore_began")
record portable content.portable
compare content.dumped content.portable
check_boss portable
say "as the application's own role: $(as=breezycorp_app sql portable -c 'SELECT count(*) FROM clients') clients," \
  "$(as=breezycorp_app sql portable -c 'SELECT count(*) FROM orders') orders"

step 'The strategy, and what was measured'
strategy | table
