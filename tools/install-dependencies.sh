#!/bin/bash
# Installs what building and testing need, from Debian's own packages, if anything is missing. Root, or sudo.
#
#   tools/install-dependencies.sh build     compiler, libraries, and a PostgreSQL server for the demo and the tests
#   tools/install-dependencies.sh lint      what `make lint` adds
#   tools/install-dependencies.sh fuzz      what the fuzz targets add
#   tools/install-dependencies.sh cloud     what `make test` adds: an S3 server, Prometheus, and what emulators of AWS run on
#
# No cluster of Debian's is created or started by it, and no service of what `cloud` installs, now or at the next boot.
set -eu

build=(
  g++ cmake ninja-build ccache mold make git ca-certificates # the toolchain
  libfmt-dev libspdlog-dev nlohmann-json3-dev libcli11-dev   # text, log lines, JSON, the command line
  libyaml-cpp-dev libhowardhinnant-date-dev tzdata           # the policy and its time zones
  libpq-dev libzstd-dev zlib1g-dev libxxhash-dev libssl-dev  # PostgreSQL, compression, digests
  libcurl4-openssl-dev                                       # HTTP, for object stores and key services
  libgtest-dev libgmock-dev librapidcheck-dev                # unit and property tests
  libbenchmark-dev                                           # micro-benchmarks
  openssl                                                    # tests of TLS: certificates, a server
  faketime                                                   # tests of slots, retention and wrong clocks
  systemd                                                    # systemd-analyze, for tests of the units; it is not started
  postgresql-15 postgresql-contrib python3 jq zstd util-linux # a server to back up, and what the tests ask it with
)
# For the test that boots pg-boss on what was restored; any Node.js that is there serves.
command -v npm >/dev/null || build+=(nodejs npm)
lint=(clang-format clang-tidy)
fuzz=(clang-14 libclang-rt-14-dev)
cloud=(
  radosgw ceph-mon ceph-osd ceph-common # Ceph's S3 gateway and what it stores in
  python3-boto3 python3-flask python3-flask-cors python3-cryptography python3-xmltodict python3-yaml # moto runs on these
  python3-jsondiff python3-pyparsing python3-docker
  prometheus                     # promtool, and a server that scrapes: metrics, deploy/prometheus
  chromium # the report of a drill is opened in a browser
  awscli curl openssl util-linux # deploy/aws, a second opinion on HTTP, certificates, setpriv
)

case "${1:-build}" in
  build) wanted=("${build[@]}") ;;
  lint) wanted=("${lint[@]}") ;;
  fuzz) wanted=("${fuzz[@]}") ;;
  cloud) wanted=("${cloud[@]}") ;;
  *) echo "usage: $0 build|lint|fuzz|cloud" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "missing: ${missing[*]}; install them as root, or install sudo" >&2; exit 1; }
  as_root=(sudo)
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -qq --no-install-recommends -o Dpkg::Use-Pty=0)
"${as_root[@]}" apt-get update -qq

# PostgreSQL's package makes and starts a cluster unless postgresql-common is told not to before.
conf=/etc/postgresql-common/createcluster.conf
if printf '%s\n' "${missing[@]}" | grep -q '^postgresql-15$'; then
  "${apt[@]}" install postgresql-common >/dev/null
  "${as_root[@]}" cp "$conf" "$conf.before-seawall"
  echo 'create_main_cluster = false' | "${as_root[@]}" tee -a "$conf" >/dev/null
  restore_conf() { "${as_root[@]}" mv "$conf.before-seawall" "$conf"; }
  trap restore_conf EXIT
fi

# The tests start their own daemons, on their own folders. What the packages of Ceph bring along (its targets, a collector
# of its crashes, lvm2, smartmontools) is neither started now nor enabled for the next boot.
policy=/usr/sbin/policy-rc.d
enabled() { find /etc/systemd/system -type l 2>/dev/null | sort; }
if [ "${1:-build}" = cloud ]; then
  before=$(enabled)
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
  fi
fi

"${apt[@]}" install "${missing[@]}" >/dev/null

if [ "${1:-build}" = cloud ]; then
  comm -13 <(echo "$before") <(enabled) | while read -r link; do "${as_root[@]}" rm -f "$link"; done
  "${as_root[@]}" update-rc.d radosgw disable >/dev/null 2>&1 || true # its old script, where there is no systemd
fi
