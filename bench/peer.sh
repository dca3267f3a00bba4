#!/bin/bash
# Gets the peer: pgBackRest as a Debian suite has it, unpacked below FOLDER with all it needs, beside the system's own
# libraries and not among them. Nothing is installed; root is not needed.
#
#   bench/peer.sh sid FOLDER           prints the path of the program; what is there already is taken as it is
#
# The packages come from the mirror that this host's apt uses. The program's own loader and libraries are written into it
# (patchelf), so that it starts, and starts its workers, as an installed one would.
set -euo pipefail

suite=${1:?usage: bench/peer.sh SUITE FOLDER}
folder=$(realpath -m "${2:?usage: bench/peer.sh SUITE FOLDER}")
program=$folder/usr/bin/pgbackrest
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

if [ -e "$folder/complete" ]; then
  echo "$program"
  exit
fi
echo "getting pgBackRest of $suite" >&2

mirror=$(find /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources -exec sed -nE \
  's/^URIs: *([^ ]+).*/\1/p; s/^deb (\[[^]]*\] )?([^ ]+) .*/\2/p' {} + 2>/dev/null | sed -n 1p || true)
[ -n "$mirror" ] || { echo "bench: found no mirror in /etc/apt" >&2; exit 1; }

rm -rf "$folder"
mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial"
touch "$folder/apt/status" # nothing counts as installed, so that everything is fetched
apt() {
  apt-get -qq -o Dir::State="$folder/apt" -o Dir::State::Lists="$folder/apt/lists" -o Dir::State::status="$folder/apt/status" \
    -o Dir::Cache="$folder/apt" -o Dir::Cache::Archives="$folder/apt/archives" -o Dir::Etc::sourcelist="$folder/apt/sources.list" \
    -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null -o APT::Sandbox::User=root \
    -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false -o Debug::NoLocking=1 -o APT::Install-Recommends=no "$@" >&2
}
echo "deb [signed-by=$keyring] $mirror $suite main" >"$folder/apt/sources.list"
apt update
apt -y --download-only install pgbackrest patchelf
for package in "$folder"/apt/archives/*.deb; do
  dpkg --fsys-tarfile "$package" |
    tar -C "$folder" --exclude=./usr/share --exclude=./etc --exclude=./var -xf - --keep-directory-symlink
done
rm -rf "$folder/apt"

libraries=$(find "$folder" -name libc.so.6 -printf '%h\n' | sed -n 1p)
loader=$(find "$libraries" -name 'ld-linux-*.so.2' | sed -n 1p)
paths=$libraries:$folder/usr/lib/$(basename "$libraries")
"$loader" --library-path "$paths" "$folder/usr/bin/patchelf" --set-interpreter "$loader" --force-rpath --set-rpath "$paths" "$program"
"$program" version >&2
touch "$folder/complete"
echo "$program"
