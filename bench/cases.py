"""What is measured. Each case takes turns: every contestant once per round, in an order that changes from round to round."""

import filecmp
import os
import shutil
import time

import clusters
import harness
import measure

DAMAGED_FILES = 3
DAMAGED_BLOCKS = 30


class Samples(dict):
    """(case, cluster, contestant) -> one Usage per round."""

    def add(self, case, bench, contestant, usage):
        self.setdefault((case, bench.name, contestant.name), []).append(usage)
        print(f"  {bench.name} {case:10} {contestant.name:32} {usage.wall:8.3f} s  cpu {usage.cpu:7.3f} s  "
              f"{usage.rss_mb:6.1f} MB" + (f"  stored {usage.stored / 1e6:.1f} MB" if hasattr(usage, "stored") else ""), flush=True)


def in_turn(contestants, round_number):
    return contestants if round_number % 2 == 0 else contestants[::-1]


def snapshots(bench, contestants, samples, round_number, restores=True):
    """Full, 1 % changed, nothing changed; then restores of the last."""
    turn = in_turn(contestants, round_number)
    for one in turn:
        one.reset(bench)
        before = one.stored()
        bench.warm()
        usage = one.backup(full=True)
        usage.stored = one.stored() - before
        samples.add("full", bench, one, usage)
    share = bench.change()
    print(f"  {bench.name} {100 * share:.2f} % of the pages changed", flush=True)
    for case in ("changed", "unchanged"):
        for one in turn:
            before = one.stored()
            bench.warm()
            usage = one.backup(full=False)
            usage.stored, usage.share = one.stored() - before, share if case == "changed" else 0.0
            samples.add(case, bench, one, usage)
    if restores:
        for one in turn:
            restore(bench, one, samples)


def restore(bench, one, samples):
    """To an empty folder, opened, damaged a little and mended: with the folder in the page cache, and not."""
    target = os.path.join(os.environ["BENCH_WORK"], "restored")
    shutil.rmtree(target, ignore_errors=True)
    os.mkdir(target, 0o700)
    usage = one.restore(bench, target)
    samples.add("restore", bench, one, usage)
    server = harness.Cluster(target, port=5450, socket=bench.server.socket)
    server.data, server.log = target, bench.server.log + ".restored"
    begin = time.monotonic()
    server.start(600)
    while server.sql("select pg_is_in_recovery()") != "f":
        time.sleep(0.01)
    opened = measure.Usage(usage.wall + usage.behind + time.monotonic() - begin, usage.cpu, usage.rss_mb)
    samples.add("open", bench, one, opened)
    if bench.check and server.sql(bench.check) != bench.sql(bench.check):
        raise SystemExit(f"{one.name} restored something else")
    server.stop()
    for case, prepare in (("delta", clusters.warm), ("delta cold", clusters.cool)):
        damage(target)
        prepare(target)
        samples.add(case, bench, one, one.restore(bench, target, delta=True))
    shutil.rmtree(target)


def damage(data):
    """Thirty blocks, spread over the three largest files."""
    base = os.path.join(data, "base")
    files = sorted((os.path.join(at, name) for at, _, names in os.walk(base) for name in names), key=os.path.getsize)
    for path in files[-DAMAGED_FILES:]:
        each = DAMAGED_BLOCKS // DAMAGED_FILES
        with open(path, "r+b") as file:
            for number in range(each):
                file.seek(os.path.getsize(path) // 8192 * number // each * 8192 + 512)
                file.write(b"damage" * 100)


def wal(bench, contestants, samples, round_number, data, names):
    """Push as PostgreSQL does it, one process per segment, and get as it does while replaying."""
    status = os.path.join(data, "pg_wal", "archive_status")

    def wait(name):
        open(os.path.join(status, name + ".ready"), "w").close()

    for one in in_turn(contestants, round_number):
        for backlog in (False, True):
            if backlog not in one.backlogs:
                continue
            one.reset(bench)
            before = one.stored()
            shutil.rmtree(status)
            os.mkdir(status)
            if backlog:
                for name in names:
                    wait(name)
            total = measure.Usage()
            for name in names:
                wait(name)
                total = total + one.push(data, name)
                os.unlink(os.path.join(status, name + ".ready"))
            one.settle()
            total = total + measure.reap()
            total.stored = one.stored() - before
            samples.add("backlog" if backlog else "push", bench, one, total)
        for pause in (0.0, 0.05) if True in one.backlogs else ():
            get(bench, one, samples, data, names, pause)


def get(bench, one, samples, data, names, pause):
    spool = os.path.join(one.folder, "prefetched")
    one.plan_get(bench, names, spool)
    to = os.path.join(data, "pg_wal", "RECOVERYXLOG")
    total = measure.Usage()
    for name in names:
        total = total + one.get(name, to)
        if not filecmp.cmp(to, os.path.join(data, "pg_wal", name), shallow=False):
            raise SystemExit(f"{one.name} fetched another {name}")
        os.unlink(to)
        time.sleep(pause)
    samples.add("get paced" if pause else "get", bench, one, total + measure.reap())
    shutil.rmtree(spool, ignore_errors=True)
    shutil.rmtree(os.path.join(one.folder, "spool"), ignore_errors=True)
