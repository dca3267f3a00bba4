#!/usr/bin/env python3
"""How fast the S3 store is beside curl: the same bytes in the same pieces over as many connections, at a gateway on loopback.

    bench/s3_throughput.py [--mebibytes 256] [--connections 4] [--rounds 3]

Both take turns; medians are printed, and the ratio of throughputs, which is to be at least 0.8. curl's requests are
signed for it beforehand, without a checksum; the store signs its own and has each body verified. To put, curl stores each piece as an object; the store makes one object of
its parts, and the request that joins them counts.
"""

import argparse
import datetime
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "e2e"))
PIECE = 8 << 20
BAR = 0.8


def signed(rgw, method, path):
    """Lines of curl's configuration that sign one request; Debian 12's curl signs none that a gateway takes."""
    from signed import authorization
    now = datetime.datetime.now(datetime.timezone.utc)
    headers = {"host": rgw.endpoint.split("//")[1], "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
               "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ")}
    token = authorization(method, path, [], headers, "UNSIGNED-PAYLOAD", rgw.user("owner"), "s3", now)
    headers = {**headers, "authorization": token, "expect": ""}
    return [f'header = "{name}: {value}"' for name, value in headers.items() if name != "host"]


def curl(rgw, folder, bucket, pieces, connections, put):
    """The seconds that curl takes for all pieces: uploads of them, or ranges of the one object."""
    lines = []
    for number in range(pieces):
        path = f"/{bucket}/curl/{time.monotonic_ns()}-{number}" if put else f"/{bucket}/throughput/object"
        lines += [f'url = "{rgw.endpoint}{path}"', 'output = "/dev/null"', "fail", "silent"]
        if put:
            lines.append(f'upload-file = "{folder}/piece"')
        else:
            lines.append(f'range = "{number * PIECE}-{(number + 1) * PIECE - 1}"')
        lines += [*signed(rgw, "PUT" if put else "GET", path), "next"]
    config = os.path.join(folder, "curl.conf")
    with open(config, "w") as file:
        file.write("\n".join(lines[:-1]) + "\n")
    started = time.monotonic()
    subprocess.run(["curl", "--parallel", "--parallel-max", str(connections), "--config", config], check=True,
                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - started


def ours(rgw, program, bucket, mebibytes, connections, put, key="object"):
    owner = rgw.user("owner")
    done = subprocess.run([program, "put" if put else "get", bucket, key, str(mebibytes), str(connections)], check=True,
                          capture_output=True, text=True,
                          env={**os.environ, "AWS_ACCESS_KEY_ID": owner.access, "AWS_SECRET_ACCESS_KEY": owner.secret,
                               "AWS_ENDPOINT_URL_S3": rgw.endpoint, "AWS_EC2_METADATA_DISABLED": "true"})
    return float(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mebibytes", type=int, default=256)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--program", default=os.path.join(HERE, "../build/release/tests/s3_throughput"))
    arguments = parser.parse_args()
    import cloud  # here, so that --help needs nothing

    rgw = cloud.Rgw(version="16.2").start()
    missed = False
    try:
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "piece"), "wb") as piece:
                piece.write(os.urandom(PIECE))
            rgw.s3().make_bucket("bench")
            pieces = arguments.mebibytes * (1 << 20) // PIECE
            ours(rgw, arguments.program, "bench", arguments.mebibytes, arguments.connections, True)
            for put in (True, False):
                theirs, own = [], []
                for number in range(arguments.rounds):
                    theirs.append(curl(rgw, folder, "bench", pieces, arguments.connections, put))
                    own.append(ours(rgw, arguments.program, "bench", arguments.mebibytes, arguments.connections, put,
                                    f"object-{number}" if put else "object"))
                a, b = statistics.median(theirs), statistics.median(own)
                missed = missed or a / b < BAR
                print(f"{'put' if put else 'get'}  curl {arguments.mebibytes / a:7.1f} MiB/s   "
                      f"seawall {arguments.mebibytes / b:7.1f} MiB/s   ratio {a / b:.2f}  (bar {BAR})")
    finally:
        rgw.close()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
