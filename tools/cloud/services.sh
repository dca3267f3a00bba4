#!/bin/bash
# A cloud of two regions on this machine: an S3 server in each, and a key service for both. For `make demo-s3`, and to try
# things by hand. All of it listens on loopback, at free ports.
#
#   tools/cloud/services.sh up DIR [apart|zones]   starts them; DIR must not be there yet
#   tools/cloud/services.sh down DIR               stops them and removes DIR
#
# apart (the default): two servers that know nothing of each other; zones: what is stored in one comes to be in the other.
# Then DIR/environment has, for a shell: S3_FIRST, S3_SECOND, KMS (URLs), REGION_FIRST, REGION_SECOND, KEY_FIRST,
# KEY_SECOND (ARNs). DIR/credentials is a shared credentials file: profile `owner` makes buckets and their policies;
# `writer`, `pruner`, `restorer` and `watcher` may do what those allow them; `keys-writer` may make data keys with either
# key, `keys-restorer` may open them as well, `keys-administrator` may do all.
set -eu
scripts=$(cd "$(dirname "$0")" && pwd)
case "${1:-}" in
  up | down) [ -n "${2:-}" ] || { echo "usage: $0 up|down DIR" >&2; exit 2; } ;;
  *) echo "usage: $0 up DIR [apart|zones] | down DIR" >&2; exit 2 ;;
esac
export PYTHONDONTWRITEBYTECODE=1
[ "$1" = down ] || "$scripts/fetch.sh" moto >/dev/null
exec /usr/bin/python3 "$scripts/two_regions.py" "$@"
