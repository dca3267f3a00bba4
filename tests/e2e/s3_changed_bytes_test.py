"""What a real S3 server answers comes changed by a bit: it is named and refused, sealed or in clear, and nothing of it is
trusted; with a good line the same again succeeds."""

import os
import re
import shutil

import cloud
from fault_buckets import LOG, PACKS, ROOTS, FaultyBucketTest


class Changed:
    deadline = "3s"

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


class InClear(Changed, FaultyBucketTest):
    version = "20.2"
    sealed = False


class Sealed(Changed, FaultyBucketTest):
    pass


if __name__ == "__main__":
    cloud.main("ceph-20.2")
