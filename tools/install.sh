#!/bin/bash
# `make install`: the built program and what a host needs beside it, below PREFIX (/usr/local), within DESTDIR.
#
#   tools/install.sh PROGRAM
#
# Units name the program by its full path, so PREFIX is written into them. Nothing is enabled or started, and nothing in /etc is
# touched: that is for people, as docs/guide/host.md tells.
set -eu

program=$1
cd "$(dirname "$0")/.."
prefix=${PREFIX:-/usr/local}
case $prefix in /*) ;; *) echo "PREFIX must be an absolute path, not '$prefix'" >&2; exit 2 ;; esac
root=${DESTDIR:-}$prefix
units=$root/lib/systemd/system

put() { # FILE AS: with its prefix
  install -d "$(dirname "$2")"
  sed "s|@PREFIX@|$prefix|g" "$1" >"$2.new"
  chmod 644 "$2.new"
  mv -f "$2.new" "$2"
}

# A program that runs is replaced, not written to: the daemon goes on with the old one until it is started again.
install -d "$root/bin"
for name in seawall seawall-wal; do
  install -m 755 "$(dirname "$program")/$name" "$root/bin/$name.new"
  mv -f "$root/bin/$name.new" "$root/bin/$name"
done

put deploy/systemd/seawall.service "$units/seawall.service"
put deploy/systemd/seawall-once.service "$units/seawall-once.service"
put deploy/systemd/seawall-once.timer "$units/seawall-once.timer"
for service in seawall seawall-once; do put deploy/systemd/hardened.conf "$units/$service.service.d/10-hardened.conf"; done
put deploy/systemd/tmpfiles.conf "$root/lib/tmpfiles.d/seawall.conf"
put deploy/systemd/own-user.conf "$root/share/seawall/own-user/own-user.conf"
put deploy/systemd/sysusers.conf "$root/share/seawall/own-user/sysusers.conf"

completions=$root/share/bash-completion/completions
install -d "$completions"
"$program" completion bash >"$completions/seawall.new"
chmod 644 "$completions/seawall.new"
mv -f "$completions/seawall.new" "$completions/seawall"

put docs/seawall.schema.json "$root/share/seawall/seawall.schema.json"
for folder in deploy/prometheus deploy/grafana; do # rules to alert by, a dashboard
  [ -d "$folder" ] || continue
  find "$folder" -type f ! -name '*_test.*' ! -name '*.test.*' -print | while read -r file; do
    put "$file" "$root/share/seawall/${file#deploy/}"
  done
done
for file in docs/guide/*.md docs/formats/*.md; do put "$file" "$root/share/doc/seawall/${file#docs/}"; done
