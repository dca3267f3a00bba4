"""seawall-wal, the small program that PostgreSQL starts: what it does by itself, and that it becomes seawall for the rest.
What it says to the daemon is tested with seawall's own words, in push_socket_test.py, and by every cluster that archives here."""

import fcntl
import json
import os
import shutil
import threading

import harness
from harness import ClusterTest, main, run


class Client(ClusterTest):
    def setUp(self):
        super().setUp()
        self.small = harness.SEAWALL + "-wal"
        self.spool = os.path.join(self.folder, "spool")
        os.mkdir(self.spool)
        self.plan = os.path.join(self.folder, "plan.json")
        self.to = os.path.join(self.folder, "RECOVERYXLOG")

    def write_plan(self, **change):
        plan = {"policy": self.policy, "epoch": 1, "timeline": 1, "last_is_partial": False, "spool": self.spool,
                "legs": [{"timeline": 1, "first": 1, "last": 99}], **change}
        with open(self.plan, "w") as file:
            json.dump(plan, file)

    def fetched_ahead(self, numbers):
        for number in numbers:
            with open(os.path.join(self.spool, f"0000000100000000000000{number:02X}"), "w") as file:
                file.write(f"segment {number}")

    def get(self, number, **options):
        return run(self.small, "wal", "get", "--plan", self.plan, f"0000000100000000000000{number:02X}", self.to, check=False,
                   **options)

    def test_what_it_does_not_know_is_seawalls(self):
        for words in (("--version",), ("wal", "--help"), ("list", "--help")):
            self.assertEqual(run(self.small, *words).out, run(harness.SEAWALL, *words).out, words)
        self.assertEqual(run(self.small, "nonsense", check=False).code, run(harness.SEAWALL, "nonsense", check=False).code)
        # Without a policy, and without what it becomes.
        lost = run(self.small, "--policy", "/nonexistent.yaml", "wal", "push", "pg_wal/000000010000000000000001", check=False)
        self.assertEqual(lost.code, 3, lost)
        alone = os.path.join(self.folder, "seawall-wal")
        shutil.copy2(self.small, alone)
        lost = run(alone, "--version", check=False)
        self.assertEqual(lost.code, 126, "above 125, so that recovery stops")
        self.assertIn(f"{self.folder}/seawall cannot be started: No such file", lost.err)

    def test_a_segment_that_lies_there_is_taken_without_opening_anything(self):
        self.write_plan(policy="/nonexistent.yaml")
        self.fetched_ahead(range(1, 11))
        done = self.get(1)
        self.assertEqual((done.code, done.err), (0, ""))
        self.assertEqual(harness.read(self.to), b"segment 1")
        self.assertEqual(len(os.listdir(self.spool)), 9)
        # Few are left: somebody fetches ahead, or has to be started.
        with open(os.path.join(self.spool, "lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertEqual(self.get(2).code, 0)
            # One that is being fetched is waited for.
            coming = os.path.join(self.spool, "000000010000000000000020")
            with open(coming + ".seawall", "w") as file:
                file.write("segment 32")
            threading.Timer(0.5, os.rename, (coming + ".seawall", coming)).start()
            self.assertEqual(self.get(32).code, 0)
            self.assertEqual(harness.read(self.to), b"segment 32")
        with open(coming + ".seawall", "w"):
            pass  # left behind by one that was killed
        for number in (3, 32):
            done = self.get(number)
            self.assertGreater(done.code, 125, done)
            self.assertIn("/nonexistent.yaml", done.err)

    def test_it_fetches_what_is_not_there_as_seawall_does(self):
        self.primary = self.make_cluster()
        self.write_policy(self.primary)
        self.primary.start()
        self.seawall("apply")
        self.primary.sql("create table t as select generate_series(1, 1000) i")
        name = self.archive_now(self.primary)
        number = int(name[16:], 16)
        self.write_plan(legs=[{"timeline": 1, "first": 1, "last": number}])
        self.assertEqual(self.get(number).code, 0)
        self.assertEqual(harness.read(self.to), harness.read(os.path.join(self.primary.data, "pg_wal", name)))
        os.unlink(self.to)
        self.assertEqual(self.get(number + 1).code, 1, "behind the plan's end: not in the archive")
        self.write_plan(legs=[{"timeline": 1, "first": 1, "last": number + 1}])
        self.assertGreater(self.get(number + 1).code, 125, "within it: recovery must not end here")


if __name__ == "__main__":
    main()
