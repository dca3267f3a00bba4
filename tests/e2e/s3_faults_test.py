"""Whole commands against a real S3 server behind a proxy that misbehaves for a while: all of it is ridden out, and what was
made is right. What lasts is in s3_lasting_faults_test.py."""

import datetime
import json
import os
import time

import cloud
from fault_buckets import PACKS, FaultyBucketTest


class Passing:
    """What may pass is ridden out: each command succeeds, and what it made is right."""

    def storm(self):
        """Each kind of fault once, at requests chosen by the dice: apart enough that pauses stay short."""
        self.proxy.clear()

        def at(most=10):
            return {"skip": self.dice.randrange(most)}
        return [self.proxy.reset(**at()), self.proxy.reset_in_body(self.dice.randrange(1 << 16), method="PUT", **at(4)),
                self.proxy.lose_reply(method="PUT", **at(4)), self.proxy.lose_reply(method="POST", **at(2)),
                self.proxy.lose_reply(method="DELETE", **at(2)),
                self.proxy.truncate(self.dice.randrange(200), method="GET", **at()),
                self.proxy.corrupt_request(self.dice.randrange(64), method="PUT", **at(4)),
                self.proxy.slow_down(**at()), self.proxy.internal_error(**at()),
                self.proxy.internal_error(method="PUT", done=True, **at(4)),
                self.proxy.stall_reply(0.5, self.dice.randrange(100), method="GET", **at()),
                self.proxy.stall(0.5, method="PUT", **at(4))]

    def in_a_storm(self, *arguments, **options):
        rules = self.storm()
        done = self.seawall(*arguments, **options)
        self.assertGreater(sum(rule.hits for rule in rules), 1, f"no fault met {arguments}")
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


class LockedDumps(FaultyBucketTest):
    """A lock that is asked for is there, however the reply to its upload went."""

    bucket_options = {"lock": True}

    def test_a_lost_reply_loses_no_lock(self):
        primary = self.make()
        self.noise(12)
        self.policy_of(primary, dumps_extra="      lock: { mode: governance, for: 1d }\n")
        for kind in ("lose_reply", "reset"):
            rule = getattr(self.proxy, kind)(method="POST", path=r"\.dump\?uploadId=")
            name = self.seawall("--json", "backup", "dumps", "--again").json()["name"]
            self.assertEqual(rule.hits, 1)
            for key in (name, name + ".json"):
                versions = [v for k, v, _ in self.s3.versions(self.dumps_bucket, key) if k == key]
                self.assertEqual(len(versions), 1)
                reply = self.s3.ask("GET", self.dumps_bucket, key, query={"retention": "", "versionId": versions[0]})
                self.assertIn(b"GOVERNANCE", reply.body, (kind, key, reply.status))


class OldGatewayWithVersions(Passing, FaultyBucketTest):
    bucket_options = {"versioned": True}


if __name__ == "__main__":
    cloud.main()
