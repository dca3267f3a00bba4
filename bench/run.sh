#!/bin/bash
# Our figures beside pgBackRest's, on this machine. README.md beside this file says what is measured and how.
#
#   bench/run.sh                        (or: make bench) all of it: some 25 minutes, 30 GB
#   bench/run.sh --scale 0.02 --rounds 1                to see that it works
#   bench/run.sh --clusters B --cases snapshots,restores --rounds 5 --keep
#
#   BENCH_DIR   where clusters and repositories are (default build/bench/work): the disk that is measured
#   SEAWALL     the program (default build/release/seawall)
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p build/bench
peer=$(bench/peer.sh sid build/bench/peer/sid)
second=$(bench/peer.sh bookworm build/bench/peer/bookworm)
work=$(realpath -m "${BENCH_DIR:-build/bench/work}")
exec python3 bench/bench.py --peer "$peer" --second "$second" --work "$work" --results "$PWD/build/bench/results.json" "$@"
