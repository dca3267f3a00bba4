"""SIGKILL at random moments of all that writes into a bucket, and two hosts at once: nothing half done is taken for whole,
the same again succeeds, each slot has one result. SEAWALL_LONG=1 kills a hundred times.
"""

import os
import re
import signal
import time

import cloud
import harness
from fault_buckets import FaultyBucketTest
from harness import LONG

KILLS = 25 if LONG else 1  # of each command
ROUNDS = 20 if LONG else 1  # of two at once


class Crash:
    def usual_time(self, *arguments, **options):
        begun = time.monotonic()
        self.seawall(*arguments, **options)
        return time.monotonic() - begun

    def kill_at_random(self, usual, *arguments, **options):
        """True if it was killed, false if it was done before."""
        process = self.start_seawall(*arguments, **options)
        time.sleep(self.dice.uniform(0, usual))
        process.kill()
        self.finished(process)
        return process.returncode == -signal.SIGKILL

    def until_killed(self, attempt, kills=KILLS):
        for _ in range(10 * kills):
            kills -= 1 if attempt() else 0
            if kills == 0:
                return
        self.fail("the runs were always done before they were killed")

    def damage(self):
        return self.seawall("--json", "verify").json()["damage"]

    def snapshots(self):
        return [one["id"] for one in self.seawall("--json", "list").json()["snapshots"]]

    def test_of_each_command(self):
        primary = self.make(rows=20000)
        snapshot = ("backup", "snapshots")
        usual = self.usual_time(*snapshot)

        def attempt_snapshot():
            self.noise(8)
            there = self.snapshots()
            killed = self.kill_at_random(usual + 0.3, *snapshot)
            self.assertLessEqual(len(self.snapshots()), len(there) + 1)
            self.assertEqual(self.damage(), [])
            return killed
        self.until_killed(attempt_snapshot)
        time.sleep(1)
        self.seawall(*snapshot)

        dump = ("backup", "dumps", "--again")
        usual_dump = self.usual_time(*dump)

        def attempt_dump():
            killed = self.kill_at_random(usual_dump, *dump)
            self.assertEqual(self.damage(), [])
            return killed
        self.until_killed(attempt_dump)
        self.seawall(*dump)

        # The archiver is killed with its server, in the middle of a push, and asks again after the recovery.
        for _ in range(KILLS):
            self.fill(2000)
            primary.sql("select pg_switch_wal()")
            time.sleep(self.dice.uniform(0, 0.3))
            for pid in harness.processes_naming(f"{self.policy} wal push"):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass  # it ended beside us
            self.archive_now(primary)

        prune = ("prune", "--apply", "--wait", "1s")
        usual_prune = self.usual_time(*prune)

        def attempt_prune():
            newest = self.snapshots()[-1]
            killed = self.kill_at_random(usual_prune, *prune)
            self.assertIn(newest, self.snapshots())
            self.assertEqual(self.damage(), [])
            return killed
        self.until_killed(attempt_prune, 1)
        self.seawall(*prune)
        self.all_is_right()
        self.compared(self.content())
        self.seawall("restore", "dump", "latest", "--into", primary.url("again"), "--create")
        self.leftovers_are_aborted()

    def leftovers_are_aborted(self):
        """What a killed writer sent in parts goes with a prune a day later: here by a listing that says it was two days ago,
        as neither this host's clock nor the store's can be moved without the other refusing it."""
        upload = self.s3.begin_upload(self.repository_bucket, "app/packs/0001/" + "a" * 32 + ".zst")
        self.seawall("prune", "--apply")
        self.assertIn(upload, [u for _, u in self.s3.uploads(self.repository_bucket)])  # it may be at work
        listing = self.s3.do("GET", self.repository_bucket, query={"uploads": "", "prefix": "app/"}).body.decode()
        old = re.sub(r"<Initiated>\d{4}-\d\d-\d\dT", time.strftime("<Initiated>%Y-%m-%dT", time.gmtime(time.time() - 2 * 86400)),
                     listing)
        self.assertIn(upload, old)
        rule = self.proxy.answer(200, body=old.encode(), method="GET", path=f"{self.repository_bucket}.*uploads")
        self.seawall("prune", "--apply")
        self.assertEqual(rule.hits, 1)
        self.assertEqual(self.s3.uploads(self.repository_bucket), [])

    def test_of_a_restore(self):
        primary = self.make(rows=20000)
        self.seawall("backup", "snapshots")
        self.fill(2000)
        self.archive_now(primary)
        target = os.path.join(self.folder, "restored")
        restore = ("restore", "--at", "latest", "--to", target)
        self.kill_at_random(2, *restore)
        self.wait_for(lambda: not harness.processes_naming(target), seconds=10, what=f"no process on {target}")
        self.kill_at_random(2, *restore, "--delta")
        self.wait_for(lambda: not harness.processes_naming(target), seconds=10, what=f"no process on {target}")
        self.seawall(*restore, "--delta")
        cluster = self.cluster_at(target).start()
        self.assertEqual(cluster.content(), self.content())
        cluster.stop("immediate")

    def test_two_hosts_run_a_slot_once(self):
        primary = self.make(rows=8000)
        self.archive_now(primary)
        for what in ("snapshots", "dumps"):
            for _ in range(ROUNDS):
                tier = ("--json", "backup", what, "--tier", "nightly")
                begun = [self.start_seawall(*tier) for _ in range(3)]
                done = [self.finished(process) for process in begun]
                for one in done:
                    self.assertIn(one.code, (0, 5), done)
                taken = [one for one in done if one.code == 0 and one.json() is not None]
                self.assertEqual(len(taken), 1, done)
                there = self.seawall("--json", "list").json()[what]
                self.assertEqual(len([one for one in there if what == "snapshots" or one["finished"]]), 1, there)
                self.assertEqual(self.damage(), [])
                # As if nothing were there: the next round claims the slot anew.
                for bucket in (self.repository_bucket, self.dumps_bucket):
                    for key, version, _ in self.s3.versions(bucket):
                        if re.search(r"/claims/|/runs/|/snapshots/|\.dump", "/" + key):
                            self.s3.delete(bucket, key, version if version != "null" else None)

    def test_two_hosts_push_one_log(self):
        """The same segment, at once: one object, and both are told that it is there."""
        primary = self.make(rows=100)
        primary.configure({"archive_command": ""})
        primary.stop()
        primary.start()
        for _ in range(ROUNDS + 2):
            self.fill(500)
            name = primary.sql("select pg_walfile_name(pg_switch_wal())")
            begun = [self.start_seawall("wal", "push", f"pg_wal/{name}", cwd=primary.data) for _ in range(4)]
            done = [self.finished(process) for process in begun]
            self.assertEqual([one.code for one in done], [0] * 4, done)
            self.assertEqual(len([k for k in self.s3.keys(self.repository_bucket, "app/wal/") if name in k]), 1)
            got = os.path.join(self.folder, name)
            self.seawall("wal", "get", name, got)
            self.assertTrue(harness.read(got) == harness.read(f"{primary.data}/pg_wal/{name}"), name)
            os.remove(f"{primary.data}/pg_wal/archive_status/{name}.ready")


class OldGatewayWithVersions(Crash, FaultyBucketTest):
    bucket_options = {"versioned": True}


class NewGateway(FaultyBucketTest):
    version = "20.2"
    test_two_hosts_run_a_slot_once = Crash.test_two_hosts_run_a_slot_once
    test_two_hosts_push_one_log = Crash.test_two_hosts_push_one_log
    damage = Crash.damage


if __name__ == "__main__":
    cloud.main("ceph-20.2")
