#!/bin/bash
# Runs each fuzz target of build/fuzz for so many seconds, several at a time: tools/fuzz.sh SECONDS [TARGET...]
#
# What is found on the way is kept in build/fuzz/found/<target>, and so is an input that ends the program: mend what it
# shows, then copy the input to fuzz/corpus/<target>, where the quick tests replay it for ever.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:?seconds per target}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cd fuzz && ls -- *_fuzz.cc | sed 's/_fuzz\.cc$//')

run_one() {
  local found=build/fuzz/found/$2
  mkdir -p "$found"
  if build/fuzz/fuzz/"$2"_fuzz -max_total_time="$1" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
      -artifact_prefix="$found/" "$found" fuzz/corpus/"$2" >"$found.log" 2>&1; then
    echo "$2: $(sed -n 's/^stat::number_of_executed_units: *//p' "$found.log") inputs, nothing found"
  else
    echo "$2: FAILED, see $found.log"
    grep -m 5 -E 'ERROR|runtime error|SUMMARY|Test unit written' "$found.log" || true
    return 1
  fi
}
export -f run_one
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c 'run_one "$@"' _ "$seconds" {}
