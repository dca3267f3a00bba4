#!/usr/bin/env python3
"""Snapshots and restores in a bucket, sealed, beside pgBackRest with its S3 repository and its cipher. bench/s3.sh starts it.

    B   full, next, unchanged, restore: a gateway on loopback (Ceph 16.2, objects in memory), TLS for both
    M   a restore of many small files from a store that answers each request 20 ms later, by a proxy before the gateway
"""

import argparse
import os
import pwd
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "tests", "e2e")]
sys.dont_write_bytecode = True

import bench as files
import buckets
import cases
import cloud
import clusters
import faulty_proxy
import harness
import measure

BARS = {("full", "B"): 0.6, ("changed", "B"): 0.6, ("restore", "B"): 0.7, ("slow restore", "M"): 0.2}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="pgBackRest's program")
    parser.add_argument("--work", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="1: B has 1.7 GB, M 100 000 files")
    parser.add_argument("--latency", type=float, default=0.02, help="seconds")
    parser.add_argument("--clusters", default="BM")
    parser.add_argument("--settings", default="bundle block,bundle", help="the peer's; with blocks, M's restore takes a quarter of an hour")
    parser.add_argument("--keep", action="store_true", help="keep the clusters for the next run")
    return parser.parse_args()


def contestants(options, rgw):
    version = files.version(options.peer)
    peers = [buckets.SealedPgBackRest(version, options.peer, label, options.work, **settings)
             for label, settings in (("bundle block", {"repo1_bundle": "y", "repo1_block": "y"}), ("bundle", {"repo1_bundle": "y"}))
             if label in options.settings.split(",")]
    return [one.settle(rgw) for one in (buckets.SealedSeawall(harness.SEAWALL, options.work), *peers)]


def gateway(options):
    rgw = cloud.Rgw(version="16.2", tls=True, folder=os.path.join(options.work, "gateway")).start()
    rgw.s3().make_bucket(buckets.BUCKET)
    owner = rgw.user("owner")
    os.environ.update(AWS_ACCESS_KEY_ID=owner.access, AWS_SECRET_ACCESS_KEY=owner.secret, AWS_EC2_METADATA_DISABLED="true")
    return rgw


def round_of_business(options, bench, samples, number):
    rgw = gateway(options)
    try:
        cases.snapshots(bench, contestants(options, rgw), samples, number)
    finally:
        rgw.close()


def slow_restores(options, bench, samples):
    rgw = gateway(options)
    proxy = faulty_proxy.FaultyProxy(rgw.endpoint, certificates=rgw.certificates, upstream_ca=rgw.ca).start()
    proxy.delay(options.latency)
    target = os.path.join(options.work, "restored")
    try:
        for one in contestants(options, rgw):
            one.reset(bench)
            samples.add("full", bench, one, one.backup(full=True))
            one.reach_by(proxy.endpoint)
            asked = len(proxy.seen)
            shutil.rmtree(target, ignore_errors=True)
            os.mkdir(target, 0o700)
            samples.add("slow restore", bench, one, one.restore(bench, target))
            print(f"    {sum(len(names) for _, _, names in os.walk(target))} files by {len(proxy.seen) - asked} requests", flush=True)
            shutil.rmtree(target)
    finally:
        proxy.close()
        rgw.close()


def table(samples):
    lines = ["| cluster | case | seawall | peer | its setting | ratio | bar | |", "|---|---|---|---|---|---|---|---|"]
    for case, cluster, name in sorted(samples):
        if name != "seawall":
            continue
        peers = {other: measure.median([u.wall for u in usages]) for (of, at, other), usages in samples.items()
                 if of == case and at == cluster and other != "seawall"}
        ours, best = measure.median([u.wall for u in samples[case, cluster, name]]), min(peers, key=peers.get)
        bar = BARS.get((case, cluster))
        verdict = "" if bar is None else "met" if ours <= bar * peers[best] else "MISSED"
        lines.append(f"| {cluster} | {case} | {ours:.2f} s | {peers[best]:.2f} s | {best} | **{ours / peers[best]:.2f}** | {bar or ''} | {verdict} |")
    return "\n".join(lines)


def main():
    options = arguments()
    os.makedirs(options.work, exist_ok=True)
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(options.work, user.pw_uid, user.pw_gid)
    home = harness.become_postgres()
    os.environ["BENCH_WORK"] = options.work
    samples = cases.Samples()
    try:
        if "B" in options.clusters:
            bench = clusters.Business("B", options.work, home, options.scale).start()
            for number in range(options.rounds):
                round_of_business(options, bench, samples, number)
            bench.server.stop()
        if "M" in options.clusters:
            bench = clusters.ManyFiles("M", options.work, home, 2.5 * options.scale).start()
            slow_restores(options, bench, samples)
            bench.server.stop()
        print("\n" + table(samples))
    finally:
        shutil.rmtree(home, ignore_errors=True)
        for name in os.listdir(options.work):
            if not (options.keep and name.startswith("cluster-")):
                shutil.rmtree(os.path.join(options.work, name), ignore_errors=True)


if __name__ == "__main__":
    main()
