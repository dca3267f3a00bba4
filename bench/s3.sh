#!/bin/bash
# Snapshots and restores in a bucket, sealed, beside pgBackRest's; README.md beside this file says what is measured.
#
#   bench/s3.sh                            some fifteen minutes, 20 GB
#   bench/s3.sh --scale 0.02 --rounds 1    to see that it works
set -euo pipefail
cd "$(dirname "$0")/.."

tools/install-dependencies.sh cloud >/dev/null
mkdir -p build/bench
peer=$(bench/peer.sh sid build/bench/peer/sid)
work=$(realpath -m "${BENCH_DIR:-build/bench/work-s3}")
exec /usr/bin/python3 bench/s3_bench.py --peer "$peer" --work "$work" "$@"
