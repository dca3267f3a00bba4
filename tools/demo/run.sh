#!/bin/bash
# The demo: a database is backed up, ruined and brought back, before your eyes.
#
#   tools/demo/run.sh build/release/seawall [folders]    backups go into folders         (make demo)
#   tools/demo/run.sh build/release/seawall buckets      into buckets of two regions     (make demo-s3)
#
# This script only makes room for it: one temporary folder, with a copy of the program and of these scripts, and, for
# root, another user to run as, since PostgreSQL refuses root. story.sh is what happens; it removes the folder. What the
# services of `buckets` are fetched to stays where tools/cloud/fetch.sh keeps it, for the tests and the next time.
#
#   DEMO_SCALE=0.1   a tenth of the data         DEMO_KEEP=1   leave the folder (the servers stop all the same)
#   NO_COLOR=1       no colours                  TMPDIR        where the folder is made
#   DEMO_SPOIL=SQL   run in the restored cluster before it is compared: for the test that a difference is noticed
set -euo pipefail

seawall=${1:?usage: tools/demo/run.sh SEAWALL [folders|buckets]}
places=${2:-folders}
scripts=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$scripts/../.." && pwd)
scale=${DEMO_SCALE:-1}

fail() {
  echo "demo: $1" >&2
  exit 1
}

[ -x "$seawall" ] || fail "there is no program $seawall: 'make build' makes it"
[[ $scale =~ ^(0\.[0-9]+|[1-9][0-9]*(\.[0-9]+)?)$ ]] || fail "DEMO_SCALE is a number like 0.1 or 1, not '$scale'"
[ -e "$scripts/$places.sh" ] && [[ $places =~ ^(folders|buckets)$ ]] || fail "backups go into folders or buckets, not '$places'"
command -v jq >/dev/null || fail "jq is missing: 'make deps' installs what is needed"

pg_bin=$(find /usr/lib/postgresql -path '*/bin/initdb' -printf '%h\n' 2>/dev/null | sort -V | tail -1)
[ -n "$pg_bin" ] || fail "no PostgreSQL server below /usr/lib/postgresql: 'make deps' installs one"

cache=''
if [ "$places" = buckets ]; then
  for program in aws radosgw ceph-mon ceph-osd; do
    command -v "$program" >/dev/null || fail "$program is missing: 'make deps-cloud' installs what is needed"
  done
  cache=$(dirname "$("$source/tools/cloud/fetch.sh" moto)")
fi

as_user=()
folder=${TMPDIR:-/tmp}
if [ "$(id -u)" -eq 0 ]; then
  user=postgres
  id "$user" >/dev/null 2>&1 || user=nobody
  as_user=(setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups --)
  "${as_user[@]}" test -w "$folder" || folder=/tmp
fi
# A Unix socket's path has 107 bytes at most, and the servers' sockets are in this folder.
[ ${#folder} -le 60 ] || folder=/tmp
needed=$(awk -v scale="$scale" 'BEGIN { printf "%d", 600 + 2400 * scale }')
free=$(df --output=avail -m "$folder" | tail -1)
[ "$free" -ge "$needed" ] || fail "$folder has $free MB free, the demo needs $needed; TMPDIR names another place"

home=$(mktemp -d "$folder/seawall-demo.XXXXXX")
trap 'rm -rf "$home"' EXIT # for what may fail before the story takes over
mkdir "$home/bin"
cp "$seawall" "$home/bin/seawall"
cp "$seawall-wal" "$home/bin/seawall-wal"
cp -r "$scripts" "$home/demo"
if [ "$places" = buckets ]; then
  # As they lie in the source, which the user that all of this runs as may not be able to read.
  (cd "$source" && tar -cf - tools/cloud tests/e2e deploy/aws src/app/iam_documents) | tar -xf - -C "$home/demo"
fi
if [ "$(id -u)" -eq 0 ]; then chown -R "$user:" "$home"; fi
cd "$home"
exec "${as_user[@]}" env -i HOME="$home" PATH="$home/bin:$pg_bin:/usr/local/bin:/usr/bin:/bin" LC_ALL=C.UTF-8 TZ=UTC \
  TERM="${TERM:-dumb}" ${NO_COLOR:+NO_COLOR=1} ${DEMO_KEEP:+DEMO_KEEP=1} DEMO_SCALE="$scale" DEMO_SPOIL="${DEMO_SPOIL:-}" \
  DEMO_PLACES="$places" ${cache:+SEAWALL_TEST_CACHE="$cache"} \
  bash "$home/demo/story.sh"
