"""Whole commands against a real S3 server that goes on failing: one clear sentence and the right code, nothing half done; and the
same again, when all is well, succeeds. What passes is in s3_faults_test.py."""

import json
import os
import shutil
import time

import cloud
import harness
from fault_buckets import LOG, PACKS, FaultyBucketTest


class Lasting:
    """What does not pass: one sentence, the right code, nothing half done; and the same again succeeds."""

    deadline = "3s"

    def test_the_log_waits_while_it_cannot_be_stored(self):
        primary = self.make()
        self.seawall("backup", "snapshots")
        self.archive_now(primary)
        before = self.archived()
        for words, fault in (
                ("SlowDown", lambda: self.proxy.slow_down(method="PUT", path=LOG, times=None)),
                ("AccessDenied", lambda: self.proxy.answer(403, "AccessDenied", method="PUT", path=LOG, times=None)),
                ("QuotaExceeded", lambda: self.proxy.answer(403, "QuotaExceeded", method="PUT", path=LOG, times=None)),
                ("BadDigest", lambda: self.proxy.corrupt_request(100, method="PUT", path=LOG, times=None)),
                ("[Rr]eset|[Ff]ail", lambda: self.proxy.reset_in_body(100, method="PUT", path=LOG, times=None))):
            with self.subTest(words):
                failed = self.failures()
                rule = fault()
                self.fill(50)
                primary.sql("select pg_switch_wal()")
                self.wait_for(lambda: self.failures() > failed, seconds=60, what=f"a failed push ({words})")
                self.assertGreater(rule.hits, 0)
                self.assertEqual(self.archived(), before)
                log = harness.read(primary.log).decode()
                self.assertRegex(log, rf"seawall: error: archiving \w+.*(?:{words})")
                self.proxy.clear()
                before = self.archive_now(primary)
        self.proxy.cut()
        failed = self.failures()
        self.fill(50)
        primary.sql("select pg_switch_wal()")
        self.wait_for(lambda: self.failures() > failed, seconds=60, what="a failed push")
        # Nor does a server that is shut down wait for long, or lose what waits.
        begun = time.monotonic()
        primary.stop()
        self.assertFalse(primary.running())
        self.assertLess(time.monotonic() - begun, 45)
        self.proxy.restore()
        primary.start()
        self.archive_now(primary)
        self.all_is_right()
        self.compared(self.content())

    def test_runs_that_cannot_be_stored(self):
        primary = self.make()
        self.noise(30)  # packs of several parts, one for each of two readers
        self.archive_now(primary)
        for code, words, fault in (
                (6, "SlowDown", lambda: self.proxy.slow_down(method="PUT", times=None)),
                (8, "QuotaExceeded", lambda: self.proxy.answer(403, "QuotaExceeded", method="PUT", times=None)),
                (6, "[Rr]eset|[Ff]ail", lambda: self.proxy.reset_in_body(100, method="PUT", times=None)),
                (4, "AccessDenied", lambda: self.proxy.answer(403, "AccessDenied", method="POST", times=None))):
            for what in ("snapshots", "dumps"):
                with self.subTest(words, what=what):
                    rule = fault()
                    self.refused(code, words, "backup", what)
                    self.assertGreater(rule.hits, 0)
                    self.proxy.clear()
        there = self.seawall("--json", "list").json()
        self.assertEqual((there["snapshots"], [d for d in there["dumps"] if d["finished"]]), ([], []))
        self.assertEqual(self.s3.uploads(self.repository_bucket) + self.s3.uploads(self.dumps_bucket), [])
        self.seawall("backup", "snapshots")
        self.seawall("backup", "dumps")
        self.archive_now(primary)
        self.all_is_right()
        self.compared(self.content())

    def test_a_store_that_breaks_off_under_a_restore(self):
        primary = self.make()
        self.noise(8)
        self.seawall("backup", "snapshots")
        self.fill(50)
        self.archive_now(primary)
        expected = self.content()
        target = os.path.join(self.folder, "restored")
        restore = ("restore", "--at", "latest", "--to", target)
        for words, fault in (("[Rr]eset|[Ff]ail|closed|[Ee]mpty", lambda: self.proxy.reset(method="GET", path=PACKS, times=None)),
                             ("SlowDown", lambda: self.proxy.slow_down(method="GET", path=PACKS, times=None))):
            rule = fault()
            self.refused(6, words, *restore)
            self.assertGreater(rule.hits, 0)
            self.assertFalse(os.path.exists(f"{target}/global/pg_control"))
            self.proxy.clear()
            shutil.rmtree(target, ignore_errors=True)
        # The plan reads the log, so it goes on until then; what breaks off is the replay.
        rule = self.proxy.slow_down(method="GET", path=LOG, times=None, skip=self.log_reads_of_a_plan(restore))
        done = self.seawall(*restore, check=False)
        self.assertGreater(rule.hits, 0)
        self.assertEqual(done.code, 6, done)
        self.proxy.clear()
        cluster = self.cluster_at(target)
        with self.assertRaises(AssertionError):
            cluster.start()  # not promoted halfway
        self.seawall(*restore, "--delta")
        self.assertEqual(cluster.start().content(), expected)

    def log_reads_of_a_plan(self, restore):
        before = self.proxy.count("GET", LOG)
        self.seawall(*restore, "--dry-run")
        return self.proxy.count("GET", LOG) - before


class NewGatewayInClear(Lasting, FaultyBucketTest):
    version = "20.2"
    sealed = False


class OldGateway(FaultyBucketTest):
    def test_what_is_kept_of_a_server_is_not_concluded_from_a_lost_reply(self):
        """This one lets uploads in parts replace what is there; the reply that says so is lost."""
        rule = self.proxy.lose_reply(method="POST", path=r"store\.probe\?uploadId")
        self.bucket_cluster()
        self.assertEqual(rule.hits, 1)
        facts = json.loads(self.s3.get(self.repository_bucket, "app/store.json"))
        self.assertEqual((facts["conditional_put"], facts["conditional_complete"], facts["versioned"]), (True, False, False))


if __name__ == "__main__":
    cloud.main("ceph-20.2")
