#!/bin/bash
# A cloud of two regions on this machine: an S3 server in each, and a key service for both. For `make demo-s3`, and to try
# things by hand. All of it listens on loopback, at free ports.
#
#   tools/cloud/services.sh up DIR [apart|zones]   starts them; DIR must not be there yet
#   tools/cloud/services.sh lose DIR               the first region is gone: its S3 is killed, its keys are of no use
#   tools/cloud/services.sh down DIR               stops them and removes DIR
#
# apart (the default): two servers that know nothing of each other; zones: what is stored in one comes to be in the other.
# Then DIR/environment has, for a shell: S3_FIRST, S3_SECOND, KMS (URLs), REGION_FIRST, REGION_SECOND, KEY_FIRST,
# KEY_SECOND, KEY_NEXT (ARNs; the last one is of the first region, to rotate to). DIR/credentials is a shared credentials
# file, each profile of one user of S3 and the key service: `owner` makes buckets and their policies; `writer`, `pruner`,
# `restorer`, `watcher` and `keeper` may do what those allow them. With the keys writers and pruners may seal, and open what
# a policy for AWS lets them; `restorer` may open all, and `keeper`, who wraps and copies, do both. For the keys alone,
# `keys-writer` may make data keys, `keys-restorer` may open them as well, `keys-administrator` may do all.
set -eu
scripts=$(cd "$(dirname "$0")" && pwd)
case "${1:-}" in
  up | lose | down) [ -n "${2:-}" ] || { echo "usage: $0 up|lose|down DIR" >&2; exit 2; } ;;
  *) echo "usage: $0 up DIR [apart|zones] | lose DIR | down DIR" >&2; exit 2 ;;
esac
export PYTHONDONTWRITEBYTECODE=1
for name in "${!AWS_@}"; do unset "$name"; done # a profile of the caller's, which the emulator would look for too
[ "$1" != up ] || "$scripts/fetch.sh" moto >/dev/null
exec /usr/bin/python3 "$scripts/two_regions.py" "$@"
