#!/bin/bash
# Fetches what the tests of object storage need and Debian 12 does not have, from sid, and only unpacks it: nothing of it is
# installed, and apt and dpkg of this machine know nothing of it. Prints the folder it is in. The second time it is there.
#
#   tools/cloud/fetch.sh ceph-20.2    a newer RADOS gateway with all its libraries, its own libc included
#   tools/cloud/fetch.sh moto         an emulator of AWS, pure Python; runs on Debian 12's python3 and its libraries
#
# SEAWALL_TEST_CACHE is where it is kept; else /var/cache/seawall-test for root (the tests become another user, who could
# not look below /root), $XDG_CACHE_HOME/seawall-test or ~/.cache/seawall-test for others. The mirror is the one that this
# machine's apt uses for Debian 12. Needs no root.
set -eu

cache() {
  if [ -n "${SEAWALL_TEST_CACHE:-}" ]; then echo "$SEAWALL_TEST_CACHE"
  elif [ "$(id -u)" -eq 0 ]; then echo /var/cache/seawall-test
  else echo "${XDG_CACHE_HOME:-$HOME/.cache}/seawall-test"; fi
}

case "${1:-}" in
  ceph-20.2) packages=(radosgw ceph-mon ceph-osd ceph-common) closure=1 ;;
  moto) packages=(python3-moto python3-antlr4 python3-responses python3-joserfc python3-jsonpath-ng) closure=0 ;;
  *) echo "usage: $0 ceph-20.2|moto" >&2; exit 2 ;;
esac
folder=$(cache)/$1
if [ -e "$folder/.complete" ]; then echo "$folder"; exit 0; fi

umask 022 # whoever the tests become reads it
mkdir -p "$(cache)"
exec 9>"$(cache)/.lock"
flock -w 900 9
if [ -e "$folder/.complete" ]; then echo "$folder"; exit 0; fi # another test fetched it meanwhile

work=$(mktemp -d "$(cache)/.fetch-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts" "$work/root"
: >"$work/status" # nothing is installed there, so that apt names every library, libc included

# The first mirror of Debian that apt is configured with, in either notation.
mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME) $(ORIGIN)' 'Created-By: Packages' |
  awk '$2 == "bookworm" && $3 == "Debian" {print $1; exit}')
[ -n "$mirror" ] || { echo "apt has no mirror of Debian 12: cannot fetch $1" >&2; exit 1; }
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror sid main" >"$work/sources.list"
# A mirror's sid may be a snapshot whose Release file says that it is old.
cat >"$work/apt.conf" <<CONF
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "$work/parts";
Dir::State::Lists "$work/lists";
Dir::State::Status "$work/status";
Dir::Cache "$work/cache";
Dir::Cache::Archives "$work/cache/archives";
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "3";
Debug::NoLocking "true";
CONF
sid() { APT_CONFIG=$work/apt.conf "$@" >"$work/log" 2>&1; }
failed() {
  echo "the tests that need $1 cannot run: Debian's sid could not be fetched from $mirror" >&2
  tail -n 5 "$work/log" >&2
  exit 1
}

echo "fetching $1 from sid, once" >&2
sid apt-get update --error-on=any || failed "$1"
if [ $closure = 1 ]; then
  sid apt-get -y --download-only install "${packages[@]}" || failed "$1"
else
  (cd "$work/cache/archives" && sid apt-get download "${packages[@]}") || failed "$1"
fi
for package in "$work"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" |
    tar -C "$work/root" --no-same-owner --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale -xf -
  dpkg-deb --show --showformat '${Package} ${Version}\n' "$package" >>"$work/root/.complete"
done
chmod -R a+rX "$work/root"
rm -rf "$folder"
mv "$work/root" "$folder"
echo "$folder"
