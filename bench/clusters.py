"""The clusters that are backed up, and what happens to them between two backups."""

import os
import shutil
import struct
import subprocess

import harness

PAGE = 8192
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "business.sql")) as script:
    BUSINESS = script.read()  # now: later we may be a user who cannot
SETTINGS = {
    "shared_buffers": "1GB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    "wal_keep_size": "3GB",  # for the WAL cases, and for what the peer restores
    "autovacuum": "off",  # changes come from the bench alone
    "maintenance_work_mem": "256MB",
    "archive_mode": "off",  # the peer's backup neither checks nor waits for the archive
}


def data_files(data):
    for at, _, names in os.walk(os.path.join(data, "base")):
        for name in names:
            with open(os.path.join(at, name), "rb", buffering=0) as file:
                yield file


def warm(data):
    buffer = bytearray(1 << 20)
    for file in data_files(data):
        while file.readinto(buffer):
            pass


def cool(data):
    """Out of the page cache."""
    for file in data_files(data):
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Bench:
    """A cluster with a name, loaded once and kept for the next run."""

    def __init__(self, name, work, sockets, scale):
        self.name, self.scale = name, scale
        self.folder = os.path.join(work, "cluster-" + name)
        self.server = harness.Cluster(self.folder, port=5440 + ord(name) - ord("A"), socket=sockets)

    def start(self):
        loaded = os.path.join(self.folder, f"loaded-{self.scale}")
        if os.path.exists(loaded):
            self.server.start()
            return self
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder, 0o700)
        self.server.initdb()
        self.server.configure(SETTINGS)
        self.server.start()
        self.load()
        self.sql("checkpoint")
        open(loaded, "w").close()
        return self

    def sql(self, text):
        return harness.run("psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.server.url(), "-c", text,
                           timeout=3600).out.strip()

    def lsn(self):
        high, low = self.sql("select pg_current_wal_lsn()").split("/")
        return int(high, 16) << 32 | int(low, 16)

    def settle(self):
        """What was changed is on disk, and later WAL in a segment of its own."""
        self.sql("select pg_switch_wal()")
        self.sql("checkpoint")

    def warm(self):
        """Into the page cache, from where the host may have taken it meanwhile."""
        warm(self.server.data)

    def change(self):
        """Changes about a hundredth of the pages; returns the share, counted in the files."""
        begin = self.lsn()
        self.change_rows()
        self.settle()
        total = changed = 0
        for at, _, names in os.walk(os.path.join(self.server.data, "base")):
            for name in names:
                with open(os.path.join(at, name), "rb") as file:
                    while pages := file.read(1 << 20):
                        total += len(pages) // PAGE
                        for page in range(0, len(pages) - PAGE + 1, PAGE):
                            high, low = struct.unpack_from("<II", pages, page)
                            changed += (high << 32 | low) >= begin
        return changed / total

    def segments(self, count, into):
        """Makes a data directory with `count` segments of this cluster's own, written under load, that wait."""
        ready = os.path.join(into, "pg_wal", "archive_status")
        if os.path.exists(into):
            return sorted(name for name in os.listdir(os.path.join(into, "pg_wal")) if len(name) == 24)
        self.settle()
        first = self.lsn() // (16 << 20)
        while self.lsn() // (16 << 20) < first + count:
            self.write_under_load()
            self.sql("checkpoint")
        os.makedirs(ready)
        os.mkdir(os.path.join(into, "global"))
        for name in ("PG_VERSION", "global/pg_control"):
            shutil.copy(os.path.join(self.server.data, name), os.path.join(into, name))
        names = [f"00000001{number >> 8:08X}{number & 255:08X}" for number in range(first, first + count)]
        for name in names:
            shutil.copy(os.path.join(self.server.data, "pg_wal", name), os.path.join(into, "pg_wal", name))
        self.sql("vacuum")  # hint bits change pages: now, and not in the middle of a case
        self.settle()
        return names


class Pgbench(Bench):
    """A: pgbench, 3 GB at scale 1; its heap compresses some 40:1."""

    check = "select count(*) || ' ' || sum(abalance) from pgbench_accounts"

    def load(self):
        harness.run("pgbench", "-i", "-q", "-s", max(1, round(200 * self.scale)), "-d", self.server.url(), timeout=3600)
        self.sql("vacuum analyze")

    def change_rows(self):
        self.sql("update pgbench_accounts set abalance = abalance + 1 where aid % 10400 = 1")

    def write_under_load(self):
        harness.run("pgbench", "-n", "-c", 4, "-j", 2, "-t", 5000, self.server.url(), timeout=3600,
                    env={"PGOPTIONS": "-c synchronous_commit=off"})


class Business(Bench):
    """B: a business database, 1.7 GB at scale 1; its heap compresses some 2.5:1."""

    check = "select (select sum(total) from orders) || ' ' || (select count(*) from events)"

    def load(self):
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"scale={self.scale}", "-d", self.server.url()],
                       input=BUSINESS, text=True, check=True)

    def change_rows(self):
        self.sql("update orders set total = total + 1, state = 'paid' where id % 6500 = 1")
        self.sql("update events set kind = 'seen' where id % 6500 = 1")
        self.sql("update order_lines set quantity = quantity + 1 where order_id % 6500 = 1 and line = 0")

    def write_under_load(self):
        self.sql("set synchronous_commit = off; set enable_seqscan = off; "
                 "update orders set total = total + 1 where id in (select 1 + floor(random() * max)::bigint from "
                 "(select max(id) from orders) m, generate_series(1, 6000)); "
                 "update events set kind = 'seen' where id in (select 1 + floor(random() * max)::bigint from "
                 "(select max(id) from events) m, generate_series(1, 6000)); "
                 "insert into audit_log select id + 100000000, staff_id, action, address, detail, now() from audit_log "
                 "where id between 1 and 9000 and not exists (select from audit_log where id = 100000001)")


class ManyFiles(Bench):
    """M: many small tables, 20000 at scale 1, two files each."""

    def load(self):
        for first in range(0, round(20000 * self.scale), 500):
            self.sql("do $$ begin for n in %d .. %d loop execute format('create table t%%s (id int primary key); insert into t%%1$s "
                     "values (1)', n); end loop; end $$" % (first, first + 499))

    def change_rows(self):
        self.sql("do $$ begin for n in 0 .. %d loop execute format('update t%%s set id = id + 1', 100 * n); end loop; end $$"
                 % (round(200 * self.scale) - 1))
