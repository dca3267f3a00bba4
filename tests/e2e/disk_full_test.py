"""No room in the repository, in a dump's store, where a restore goes: told, and the same again succeeds once there is.

The full disk is a tmpfs of our own, mounted in a user and mount namespace (unshare(2)), which needs no root and is seen
by nobody else; ballast in it leaves as little room as a test wants. Where user namespaces are forbidden, as in many
containers, a limit on the size of files (RLIMIT_FSIZE) takes its place: the kernel then says EFBIG instead of ENOSPC.
"""

import ctypes
import os
import shutil
import sys
import tempfile

import harness
from harness import ClusterTest, main, run

PR_SET_DUMPABLE = 4  # who changed his user may not write to his own /proc without it
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_NOSUID, MS_NODEV = 2, 4
DISK_MEGABYTES = 320
disk = None
mounted = False


def mount_disk(folder):
    """Whether `folder` is a disk of its own from now on, for this process and those it starts."""
    libc = ctypes.CDLL(None)
    user, group = os.geteuid(), os.getegid()
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
        return False
    for file, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{file}", "w") as out:
            out.write(text)
    options = f"size={DISK_MEGABYTES}m,mode=0700".encode()
    return libc.mount(b"tmpfs", folder.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, options) == 0


def setUpModule():
    global disk, mounted
    disk = tempfile.mkdtemp(prefix="e2e-disk-", dir="/tmp")
    mounted = mount_disk(disk)
    print("a small disk" if mounted else "no user namespaces here: a limit on the size of files", file=sys.stderr)


def tearDownModule():
    if mounted:
        ctypes.CDLL(None).umount2(disk.encode(), 0)
    shutil.rmtree(disk, ignore_errors=True)


class DiskTest(ClusterTest):
    def setUp(self):
        super().setUp()
        self.ballast = os.path.join(disk, "ballast")
        self.kilobytes = None
        self.addCleanup(self.empty_disk)

    def empty_disk(self):
        for name in os.listdir(disk):
            path = os.path.join(disk, name)
            os.remove(path) if name == "ballast" else shutil.rmtree(path)

    def leave(self, kilobytes):
        self.kilobytes = kilobytes
        if mounted:
            with open(self.ballast, "w") as file:
                os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - kilobytes * 1024)

    def make_room(self):
        self.kilobytes = None
        if mounted:
            os.remove(self.ballast)

    def refused(self, *arguments, cwd=None):
        """Exit 8, and one sentence that says what was not there: room."""
        limit = ["prlimit", f"--fsize={self.kilobytes * 1024}"] if not mounted else []
        done = run(*limit, harness.SEAWALL, "-q", "--policy", self.policy, *arguments, check=False, cwd=cwd)
        self.assertEqual(done.code, 8, done)
        errors = [line for line in done.err.split("\n") if line.startswith("seawall: error: ")]
        self.assertEqual(len(errors), 1, done)
        self.assertRegex(errors[0], "No space left on device|File too large")
        if mounted:
            self.assertIn(disk, errors[0])
        return done

    def make(self, layers=None):
        self.primary = self.make_cluster(archive=False)
        self.primary.configure({"archive_mode": "on", "archive_command": ""})  # segments wait until a test pushes them
        self.write_policy(self.primary, layers=layers)
        self.primary.start()
        self.seawall("apply")
        self.primary.sql("create extension pgcrypto; create table t (id serial primary key, body bytea)")
        self.fill(4)

    def fill(self, megabytes):
        """That many, which do not compress."""
        self.primary.sql(f"alter table t alter body set storage external; insert into t (body) "
                         f"select gen_random_bytes(1024) from generate_series(1, {megabytes} * 1024)")


class DiskFull(DiskTest):
    def objects(self):
        return sorted(os.path.join(folder, name) for folder, _, names in os.walk(self.repository) for name in names
                      if "/claims/" not in folder and "/runs/" not in folder and "/verifications/" not in folder)

    def next_segment(self):
        name = self.primary.sql("select pg_walfile_name(pg_current_wal_insert_lsn())")
        self.primary.sql("select pg_switch_wal()")
        return name

    def test_the_repository(self):
        self.repository = os.path.join(disk, "repository")
        self.make()
        self.seawall("backup", "snapshots")
        self.fill(12)
        busy = self.next_segment()
        there = self.objects()

        self.leave(2000)
        self.refused("wal", "push", f"pg_wal/{busy}", cwd=self.primary.data)
        self.refused("backup", "snapshots")
        self.assertEqual(self.objects(), there)
        self.assertEqual(len(self.seawall("--json", "list").json()["snapshots"]), 1)
        self.make_room()

        self.seawall("verify")
        self.seawall("wal", "push", f"pg_wal/{busy}", cwd=self.primary.data)
        last = self.seawall("--json", "backup", "snapshots").json()["id"]
        self.seawall("verify")
        self.assertEqual(self.restored("--snapshot", last).content(), self.primary.content())

    def test_a_drill_says_what_it_would_have_taken(self):
        self.make()
        self.seawall("backup", "snapshots")
        scratch = os.path.join(disk, "scratch")
        self.kilobytes = 1000  # of the 320 MB that the disk has, a drill's server needs more anyway
        limit = ["prlimit", f"--fsize={self.kilobytes * 1024}"] if not mounted else []
        done = run(*limit, harness.SEAWALL, "--json", "--policy", self.policy, "drill", "latest", "--scratch", scratch, check=False)
        self.assertEqual(done.code, 8, done)
        record = done.json()
        self.assertEqual((record["outcome"], record["failed_step"], record["error_kind"]), ("failed", "fetch", "full"))
        if mounted:
            self.assertRegex(record["error"], "restoring snapshot .* needs .* has .* free")
        self.assertGreater(record["at_worst"]["bytes"], 20 << 20)
        self.assertGreater(record["at_worst"]["seconds"], 1)
        self.assertFalse(record["at_worst"]["files_measured"])
        self.assertEqual(os.listdir(scratch), [])

    def test_the_repository_of_a_receiver(self):
        self.repository = os.path.join(disk, "repository")
        self.make()
        receive = ("wal", "receive", "--slot", "seawall", "--until-idle")
        self.seawall(*receive)
        self.fill(20)
        self.leave(2000)
        self.refused(*receive)
        self.make_room()
        self.seawall(*receive)
        report = self.seawall("--json", "wal", "audit").json()[0]
        self.assertEqual((report["holes"], report["damage"]), ([], []))
        self.seawall("verify")

    def test_where_a_restore_goes(self):
        self.make()
        snapshot = self.seawall("--json", "backup", "snapshots").json()
        before = self.primary.content()
        target = os.path.join(disk, "restored")
        restore = ("restore", "--snapshot", snapshot["id"], "--to", target)

        self.leave(3000)  # not even the files fit in
        refused = self.refused(*restore)
        self.assertIn("--delta", refused.err)
        self.assertFalse(os.path.exists(target + "/global/pg_control"))
        self.make_room()
        self.leave(15000 if not mounted else (snapshot["totals"]["bytes"] >> 10) + 4000 - self.size_of(target))
        refused = self.refused(*restore, "--delta")  # the files do, a segment of the log does not
        self.assertIn("0000000", refused.err)
        self.assertTrue(os.path.exists(target + "/recovery.signal"))
        self.make_room()
        self.seawall(*restore, "--delta")
        restored = self.cluster_at(target).start()
        self.assertEqual(restored.content(), before)
        restored.stop("immediate")

    def size_of(self, folder):
        """Kilobytes."""
        return int(run("du", "-sk", folder).out.split()[0])


class DiskFullOfDumps(DiskTest):
    def test_a_store_of_dumps(self):
        store = os.path.join(disk, "dumps")
        self.make(f'  dumps:\n    nightly: {{ at: "03:30", retain: 90d, store: "file://{store}" }}\n')
        self.leave(2000)
        self.refused("backup", "dumps")
        self.assertEqual([name for _, _, names in os.walk(store) for name in names], [])
        self.make_room()
        self.seawall("backup", "dumps")
        self.seawall("restore", "dump", "latest", "--into", self.primary.url("copy"), "--create")
        self.assertEqual(self.primary.content("copy"), self.primary.content())


if __name__ == "__main__":
    main()
