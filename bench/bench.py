#!/usr/bin/env python3
"""Runs the cases and prints the table. bench/run.sh starts it, with the peers' programs."""

import argparse
import os
import pwd
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "tests", "e2e")]
sys.dont_write_bytecode = True

import cases
import clusters
import harness
import measure
import report
from contestants import PgBackRest, Seawall


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True, help="pgBackRest's program")
    parser.add_argument("--second", required=True, help="an older pgBackRest's program")
    parser.add_argument("--work", required=True)
    parser.add_argument("--results", required=True, help="JSON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="1: A has 3 GB, B 1.7 GB")
    parser.add_argument("--clusters", default="ABM", help="of A, B, M")
    parser.add_argument("--cases", default="snapshots,restores,wal", help="of snapshots, restores, wal")
    parser.add_argument("--settings", default="block,bundle,plain,second", help="the peer's, of block, bundle, plain, second")
    parser.add_argument("--keep", action="store_true", help="keep the clusters for the next run")
    return parser.parse_args()


def version(program):
    return harness.run(program, "version").out.split()[1]


def snapshot_contestants(options, seawall):
    work, newest, older = options.work, version(options.peer), version(options.second)
    peers = {"block": PgBackRest(newest, options.peer, "bundle block", work, repo1_bundle="y", repo1_block="y"),
             "bundle": PgBackRest(newest, options.peer, "bundle", work, repo1_bundle="y"),
             "plain": PgBackRest(newest, options.peer, "plain", work),
             "second": PgBackRest(older, options.second, "bundle", work, repo1_bundle="y")}
    return [Seawall(seawall, work), *(peers[name] for name in options.settings.split(","))]


def wal_contestants(options, seawall):
    work, found = options.work, [Seawall(seawall, options.work, daemon=True)]
    found[0].backlogs = (False, True)
    for codec in ("zst", "lz4"):
        for label, asynchronous in (("sync", "n"), ("async", "y")):
            one = PgBackRest(version(options.peer), options.peer, f"{codec} {label}", work, compress_type=codec, archive_async=asynchronous)
            one.backlogs = (asynchronous == "y",)  # a push that does not look ahead takes as long either way
            found.append(one)
    return found


def run_cluster(bench, options, seawall, samples):
    chosen = options.cases.split(",")
    bench.start()
    try:
        if bench.name == "M":
            if "snapshots" in chosen:
                cases.snapshots(bench, snapshot_contestants(options, seawall)[:2], samples, 0, "restores" in chosen)
            return
        if "wal" in chosen:
            count = max(6, round(64 * min(1, 2 * options.scale)))
            data = os.path.join(bench.folder, "wal-data")
            names = bench.segments(count, data)
            with measure.orphans_adopted():
                for number in range(options.rounds):
                    cases.wal(bench, wal_contestants(options, seawall), samples, number, data, names)
        if "snapshots" in chosen:
            for number in range(options.rounds):
                cases.snapshots(bench, snapshot_contestants(options, seawall), samples, number, "restores" in chosen)
    finally:
        bench.server.stop()


def main():
    options = arguments()
    os.makedirs(options.work, exist_ok=True)
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(options.work, user.pw_uid, user.pw_gid)
    results = open(options.results, "w").close() or options.results
    if os.geteuid() == 0:
        os.chown(results, user.pw_uid, user.pw_gid)
    home = harness.become_postgres()
    os.environ["BENCH_WORK"] = options.work
    samples = cases.Samples()
    kinds = {"A": clusters.Pgbench, "B": clusters.Business, "M": clusters.ManyFiles}
    try:
        for name in options.clusters:
            run_cluster(kinds[name](name, options.work, home, options.scale), options, harness.SEAWALL, samples)
            shutil.rmtree(os.path.join(options.work, "restored"), ignore_errors=True)
        found, peaks = list(report.rows(samples, version(options.second))), list(report.memory(samples))
        facts = {"scale": options.scale, "rounds": options.rounds, "peer": version(options.peer), "second": version(options.second),
                 "cores": os.cpu_count(), "server": harness.run("postgres", "--version").out.strip()}
        report.write_json(results, samples, found, peaks, facts)
        print("\n" + report.table(found, peaks))
    finally:
        shutil.rmtree(home, ignore_errors=True)
        for name in os.listdir(options.work):
            if not (options.keep and name.startswith("cluster-")):
                shutil.rmtree(os.path.join(options.work, name), ignore_errors=True)


if __name__ == "__main__":
    main()
