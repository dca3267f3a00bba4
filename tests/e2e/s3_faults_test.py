"""Whole commands against a real S3 server behind a proxy that misbehaves: nothing is lost, nothing fails in silence."""

import datetime
import json
import os
import re
import shutil
import time

import cloud
import harness
from fault_buckets import LOG, PACKS, ROOTS, FaultyBucketTest


class Passing:
    """What may pass is ridden out: each command succeeds, and what it made is right."""

    def storm(self, rounds=3):
        """Each kind of fault, each a few times, at requests chosen by the dice; none of them lasts."""
        self.proxy.clear()
        rules = []
        for _ in range(rounds):
            def at(most=6):
                return {"skip": self.dice.randrange(most)}
            rules += [self.proxy.reset(**at()), self.proxy.reset(method="GET", **at()),
                      self.proxy.reset_in_body(self.dice.randrange(1 << 16), method="PUT", **at(3)),
                      self.proxy.lose_reply(method="PUT", **at(3)), self.proxy.lose_reply(method="POST", **at(2)),
                      self.proxy.lose_reply(method="DELETE", **at(2)),
                      self.proxy.truncate(self.dice.randrange(200), method="GET", **at()),
                      self.proxy.corrupt_request(self.dice.randrange(64), method="PUT", **at(3)),
                      self.proxy.slow_down(**at(12)), self.proxy.internal_error(**at(12)),
                      self.proxy.internal_error(method="PUT", done=True, **at(3)),
                      self.proxy.stall_reply(0.5, self.dice.randrange(100), method="GET", **at()),
                      self.proxy.stall(0.5, method="PUT", **at(3))]
        return rules

    def in_a_storm(self, *arguments, **options):
        rules = self.storm()
        done = self.seawall(*arguments, **options)
        self.assertGreater(sum(rule.hits for rule in rules), 2, f"no fault met {arguments}")
        self.assertNotIn("seawall: error", done.err)
        self.proxy.clear()
        return done

    def test_every_command_rides_out_what_passes(self):
        primary = self.primary = self.make_cluster()
        self.policy_of(primary)
        primary.start()
        self.in_a_storm("apply")
        primary.sql("create table t (id int primary key, body text); create table sessions (token text); "
                    "insert into sessions values ('secret'); create table noise (bytes bytea)")
        self.fill(4000)
        self.noise(24)  # packs and a dump of two parts
        self.in_a_storm("backup", "snapshots", "--tier", "nightly")
        self.in_a_storm("backup", "dumps", "--tier", "nightly")
        before = primary.content()
        self.fill(100)
        rules = self.storm()
        self.archive_now(primary)
        self.assertGreater(sum(rule.hits for rule in rules), 2)
        expected = self.content()
        self.proxy.clear()

        self.assertEqual(self.in_a_storm("--json", "verify").json()["damage"], [])
        self.in_a_storm("wal", "audit")
        rows = self.in_a_storm("--json", "status", check=False).json()["rows"]
        self.assertEqual([row["state"] for row in rows], ["ok", "ok", "ok"])
        self.assertEqual(len(self.in_a_storm("--json", "list").json()["snapshots"]), 1)
        target = os.path.join(self.folder, "restored")
        self.in_a_storm("restore", "--at", "latest", "--to", target)
        restored = self.cluster_at(target).start()
        self.assertEqual(restored.content(), expected)
        restored.sql("update t set body = 'broken'")
        restored.stop()
        self.in_a_storm("restore", "--at", "latest", "--to", target, "--delta")
        self.assertEqual(restored.start().content(), expected)
        self.in_a_storm("restore", "dump", "latest", "--into", primary.url("again"), "--create")
        before["public.sessions"] = "0"
        self.assertEqual(primary.content("again"), before)
        self.in_a_storm("prune", "--apply")
        self.all_is_right()

    def test_a_store_that_is_gone_for_a_while(self):
        """Twenty seconds, under a snapshot and under the archiver: WAL waits, all arrives, and there is no hole."""
        primary = self.make()
        self.noise(30)
        self.archive_now(primary)
        # It stands still before its packs until the store is gone: so it is gone in the middle.
        gate = self.proxy.stall(3, method="PUT", path=PACKS)
        snapshot = self.start_seawall("backup", "snapshots", "--tier", "nightly")
        self.wait_for(lambda: gate.hits, what="a pack on its way")
        before = self.archived()
        self.proxy.cut()
        begun = time.monotonic()
        for _ in range(3):
            self.fill()
            primary.sql("select pg_switch_wal()")
        waiting = [n for n in os.listdir(f"{primary.data}/pg_wal/archive_status") if n.endswith(".ready")]
        self.assertGreaterEqual(len(waiting), 1)
        time.sleep(max(0, 20 - (time.monotonic() - begun)))
        self.assertEqual(self.archived(), before)  # nothing was acknowledged
        for name in waiting:
            self.assertTrue(os.path.exists(f"{primary.data}/pg_wal/{name[:-6]}"), name)
        self.assertIsNone(snapshot.poll(), "the snapshot did not wait")
        self.proxy.restore()
        done = self.finished(snapshot)
        self.assertEqual(done.code, 0, done)
        self.archive_now(primary)
        self.all_is_right()
        self.compared(self.content())

    def test_credentials_that_end_in_the_middle(self):
        """A credential_process gives new ones; without it there is one sentence, and nothing that looks like a snapshot."""
        primary = self.make()
        self.noise(20)
        owner = self.rgw.user("owner")
        asked = os.path.join(self.folder, "asked")
        program = os.path.join(self.folder, "credentials")
        ends = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = json.dumps({"Version": 1, "AccessKeyId": owner.access, "SecretAccessKey": owner.secret, "Expiration": ends})
        with open(program, "w") as file:
            file.write(f"#!/bin/sh\necho asked >>{asked}\necho '{answer}'\n")
        os.chmod(program, 0o700)
        config = os.path.join(self.folder, "config")
        with open(config, "w") as file:
            file.write(f"[default]\ncredential_process = {program}\n")
        by_process = {"AWS_CONFIG_FILE": config, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}

        rule = self.proxy.answer(400, "ExpiredToken", "The provided token has expired.", method="PUT", path=PACKS, skip=1)
        self.seawall("backup", "snapshots", env=by_process)
        self.assertGreater(rule.hits, 0)
        with open(asked) as file:
            self.assertGreaterEqual(len(file.readlines()), 2)

        self.proxy.clear()
        self.noise(20)
        before = self.seawall("--json", "list").json()["snapshots"]
        self.proxy.answer(400, "ExpiredToken", "The provided token has expired.", method="PUT", path=PACKS, times=None)
        self.refused(4, "ExpiredToken", "backup", "snapshots")
        self.refused(4, "ExpiredToken", "backup", "snapshots", env=by_process)
        self.assertEqual(self.seawall("--json", "list").json()["snapshots"], before)
        self.proxy.clear()
        self.seawall("backup", "snapshots")
        self.archive_now(primary)
        self.all_is_right()
        self.compared(self.content())

    def test_a_clock_that_differs(self):
        """Of the server, by its Date: what must not be done by a wrong clock is not; the log goes on."""
        primary = self.make()
        self.proxy.skew_date(600)
        self.refused(2, "clock", "backup", "snapshots", "--tier", "nightly")
        self.refused(2, "clock", "prune", "--apply")
        self.archive_now(primary)
        self.proxy.clear()
        self.seawall("backup", "snapshots", "--tier", "nightly")
        self.archive_now(primary)
        self.all_is_right()
        self.compared(self.content())


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
                ("BadDigest", lambda: self.proxy.corrupt_request(4000, method="PUT", path=LOG, times=None)),
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

    def test_bytes_that_come_back_changed(self):
        """One bit of an answer: named, refused, and gone when the line is good again."""
        primary = self.make()
        self.noise(8)
        self.seawall("backup", "snapshots")
        self.fill(50)
        self.archive_now(primary)
        archive = self.seawall("--json", "backup", "dumps").json()["name"]
        expected = self.content()
        target = os.path.join(self.folder, "restored")
        restore = ("restore", "--at", "latest", "--to", target)
        for path in (PACKS, "/app/shards/", LOG, "/app/epochs/", "/app/hash-key.json", "/app/repository.json"):
            with self.subTest(path):
                rule = self.proxy.corrupt(self.dice.randrange(30, 90), method="GET", path=path, times=None)
                key = path.removeprefix("/app/")
                done = self.named(key, *restore)
                self.assertGreater(rule.hits, 0, done)
                self.assertFalse(os.path.exists(f"{target}/global/pg_control") and
                                 not os.path.exists(f"{target}/recovery.signal"))
                shutil.rmtree(target, ignore_errors=True)
                self.named(key, "verify")
                self.proxy.clear()
        self.proxy.corrupt(self.dice.randrange(30, 90), method="GET", path=ROOTS, times=None)
        self.named("snapshots/0001/", "restore", "--snapshot", self.seawall_list()[0], "--to", target)
        self.proxy.clear()
        self.proxy.corrupt(20_000, method="GET", path=re.escape(archive) + "(\\?|$)", times=None)
        self.refused(7, re.escape(archive), "restore", "dump", "latest", "--into", primary.url("again"), "--create")
        self.assertEqual(primary.sql("select count(*) from pg_database where datname = 'again'"), "0")
        self.proxy.clear()
        self.all_is_right()
        self.compared(expected)

    def named(self, key, *arguments):
        done = self.seawall(*arguments, check=False)
        # Whether a version above ours is damage or the truth, nobody can tell.
        self.assertEqual(done.code, 2 if "written by a newer seawall" in done.err else 7, done)
        self.assertIn(key, done.out + done.err)
        return done

    def seawall_list(self):
        return [key.split("/")[-1].removesuffix(".json") for key in self.s3.keys(self.repository_bucket, "app/snapshots/")]


class LockedDumps(FaultyBucketTest):
    """A lock that is asked for is there, however the reply to its upload went."""

    bucket_options = {"lock": True}

    def test_a_lost_reply_loses_no_lock(self):
        primary = self.make()
        self.noise(12)
        self.policy_of(primary, dumps_extra="      lock: { mode: governance, for: 1d }\n")
        for kind in ("lose_reply", "reset"):
            rule = getattr(self.proxy, kind)(method="POST", path=r"\.dump\?uploadId=")
            name = self.seawall("--json", "backup", "dumps").json()["name"]
            self.assertEqual(rule.hits, 1)
            for key in (name, name + ".json"):
                versions = [v for k, v, _ in self.s3.versions(self.dumps_bucket, key) if k == key]
                self.assertEqual(len(versions), 1)
                reply = self.s3.ask("GET", self.dumps_bucket, key, query={"retention": "", "versionId": versions[0]})
                self.assertIn(b"GOVERNANCE", reply.body, (kind, key, reply.status))


class OldGatewayWithVersions(Passing, FaultyBucketTest):
    bucket_options = {"versioned": True}


class NewGatewayInClear(Lasting, FaultyBucketTest):
    version = "20.2"
    sealed = False


class OldGatewaySealed(FaultyBucketTest):
    """What is read back changed, once more where all is sealed."""

    deadline = "3s"
    test_bytes_that_come_back_changed = Lasting.test_bytes_that_come_back_changed
    named = Lasting.named
    seawall_list = Lasting.seawall_list

    def test_what_is_kept_of_a_server_is_not_concluded_from_a_lost_reply(self):
        """This one lets uploads in parts replace what is there; the reply that says so is lost."""
        rule = self.proxy.lose_reply(method="POST", path=r"store\.probe\?uploadId")
        self.bucket_cluster()
        self.assertEqual(rule.hits, 1)
        facts = json.loads(self.s3.get(self.repository_bucket, "app/store.json"))
        self.assertEqual((facts["conditional_put"], facts["conditional_complete"], facts["versioned"]), (True, False, False))


if __name__ == "__main__":
    cloud.main("ceph-20.2")
