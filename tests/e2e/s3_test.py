"""Everything that a folder does, in a bucket of a real S3 server, sealed: archive, snapshot, dump, restore, verify, prune."""

import time

import cloud
from buckets import BucketTest


class InBuckets:
    exclude = ("public.sessions",)

    def test_the_whole_way(self):
        primary = self.bucket_cluster()
        primary.sql("create table t (id int primary key, body text); create table sessions (token text); "
                    "insert into sessions values ('secret'); insert into t select i, repeat(md5(i::text), 40) from "
                    "generate_series(1, 5000) i")
        self.seawall("backup", "snapshots", "--tier", "nightly")
        primary.sql("update t set body = 'changed' where id < 10")
        second = self.seawall("--json", "backup", "snapshots").json()
        self.assertLess(second["totals"]["new_bytes"], second["totals"]["bytes"] / 3)
        self.seawall("backup", "dumps", "--tier", "nightly")
        moment = primary.sql("select clock_timestamp()")
        before = primary.content()
        before["public.sessions"] = "0"
        primary.sql("select pg_sleep(0.1); delete from t")
        self.archive_now(primary)

        self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])
        self.assertEqual(self.seawall("wal", "audit").code, 0)
        status = self.seawall("--json", "status", check=False).json()
        self.assertEqual([row["state"] for row in status["rows"]], ["ok", "ok", "ok"])
        restored = self.restored("--at", moment)
        self.assertEqual(restored.content(), before)

        # Onto what is there: damaged, and only that is fetched.
        restored.sql("update t set body = 'broken'")
        restored.stop()
        self.seawall("restore", "--at", moment, "--to", restored.data, "--delta")
        self.assertEqual(restored.start().content(), before)

        self.seawall("restore", "dump", "latest", "--into", restored.url("postgres").replace("/postgres?", "/again?"),
                     "--create")
        self.assertEqual(restored.sql("select count(*) from t", "again"), "5000")
        self.seawall("prune", "--apply")

    def test_nothing_in_the_buckets_can_be_read(self):
        primary = self.bucket_cluster()
        primary.sql("create table staff_users (name text); insert into staff_users "
                    "select 'Ada Lovelace' from generate_series(1, 1000)")
        self.seawall("backup", "snapshots")
        self.seawall("backup", "dumps", "--tier", "nightly")
        self.archive_now(primary)
        seen = 0
        for bucket in (self.repository_bucket, self.dumps_bucket):
            for key in self.s3.keys(bucket):
                body = self.s3.get(bucket, key)
                seen += 1
                for word in (b"Ada Lovelace", b"staff_users", b"postgresql", b"PGDMP", b"\x28\xb5\x2f\xfd"):
                    self.assertNotIn(word, body, key)
                if not key.endswith(("repository.json", "store.json", "store.probe")):
                    self.assertEqual(body[:3], b"\x02\x04\x78", key)
        self.assertGreater(seen, 10)


class OldGateway(InBuckets, BucketTest):
    pass


class OldGatewayWithVersions(InBuckets, BucketTest):
    bucket_options = {"versioned": True}

    def test_what_is_pruned_leaves_no_version_behind(self):
        primary = self.make_cluster()
        self.policy_of(primary, layers="  pitr: { retain: 1m }\n  snapshots:\n    often: { every: 1m, retain: 1m }\n")
        primary.start()
        self.seawall("apply")
        taken = []
        for _ in range(3):
            primary.sql("create table if not exists t (id int); insert into t select generate_series(1, 50000)")
            taken.append(self.seawall("--json", "backup", "snapshots").json()["id"])
            time.sleep(32)
        self.archive_now(primary)
        self.seawall("prune", "--apply", "--wait", "1s")
        time.sleep(2)
        pruned = self.seawall("--json", "prune", "--apply", "--wait", "1s").json()
        self.assertIn(f"snapshots/0001/{taken[0]}.json", [one["key"] for one in pruned["remove"]])
        kept = self.s3.keys(self.repository_bucket)
        self.assertNotIn(f"app/snapshots/0001/{taken[0]}.json", kept)
        self.assertEqual({key for key, _, _ in self.s3.versions(self.repository_bucket)}, set(kept))
        self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])


class NewGatewayWithLocks(InBuckets, BucketTest):
    version = "20.2"
    bucket_options = {"lock": True}

    def test_blocks_are_shared_only_with_packs_that_stay_locked_for_long(self):
        primary = self.make_cluster()
        lock = f"  encryption: {{ key: file:{self.key} }}\n  lock: {{ mode: compliance, for: 90s }}\n"
        self.policy_of(primary, repository_extra=lock,
                       layers="  pitr: { retain: 1m }\n  snapshots:\n    often: { every: 1m, retain: 1m }\n")
        primary.start()
        self.seawall("apply")

        def snapshot():
            taken = self.seawall("--json", "backup", "snapshots").json()
            return taken["totals"]["stored_bytes"]
        begun = time.monotonic()
        whole = snapshot()
        time.sleep(1.1)
        self.assertLess(snapshot(), whole / 10)  # the first one's locks outlive it
        time.sleep(max(0, 36 - (time.monotonic() - begun)))
        self.assertGreater(snapshot(), whole / 2)  # they would end before the third may go
        pack = next(key for key in self.s3.keys(self.repository_bucket) if "/packs/" in key)
        self.assertEqual(self.s3.head(self.repository_bucket, pack)["x-amz-object-lock-mode"], "COMPLIANCE")
        self.seawall("prune", "--apply", "--wait", "1s")
        self.assertEqual(len(self.seawall("--json", "list").json()["snapshots"]), 3)
        self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])


if __name__ == "__main__":
    cloud.main("ceph-20.2")
