"""Objects of a sealed repository in a bucket that somebody with the owner's credential writes over: what is changed is named
by verify and refused by restore; with versions, the first one is the object and nothing was lost. SEAWALL_LONG=1 flips 10 of each kind."""

import os
import re
import shutil

import cloud
from fault_buckets import FaultyBucketTest
from harness import LONG

FLIPS = 10 if LONG else 1  # of each kind


class Changed(FaultyBucketTest):
    def made(self):
        primary = self.make()
        self.old = self.seawall("--json", "backup", "snapshots").json()["id"]
        primary.sql("update t set body = body || 'x' where id % 10 = 0; select pg_sleep(1)")
        self.snapshot = self.seawall("--json", "backup", "snapshots").json()["id"]
        self.dump = self.seawall("--json", "backup", "dumps").json()["name"]
        self.fill(50)
        self.archive_now(primary)
        return primary

    def keys(self, pattern):
        found = [key for key in self.s3.keys(self.repository_bucket, "app/") if re.search(pattern, key)]
        self.assertTrue(found, f"there is no {pattern}")
        return found

    def flip(self, bucket, key):
        """Overwrites it with one bit changed; answers what it was."""
        body = self.s3.get(bucket, key)
        place = self.dice.randrange(len(body))
        changed = bytearray(body)
        changed[place] ^= 1 << self.dice.randrange(8)
        self.flipped = f"byte {place} of {key}"
        self.s3.put(bucket, key, bytes(changed))
        return body

    def named(self, key, *arguments):
        done = self.seawall(*arguments, check=False)
        # Whether a version above ours, or another recipient, is damage or the truth, nobody can tell.
        unclear = "written by a newer seawall" in done.err or "was sealed for" in done.err
        self.assertIn(done.code, (2, 4) if unclear else (7,), f"{self.flipped}: {done}")
        self.assertIn(key, done.out + done.err, self.flipped)
        return done


class BitFlips(Changed):
    version = "16.2"

    def test_every_kind_of_object(self):
        primary = self.made()
        expected = self.content()
        target = os.path.join(self.folder, "restored")
        restore = ("restore", "--at", "latest", "--to", target)
        kinds = {"repository": r"repository\.json$", "hash key": r"hash-key\.json$", "epoch": r"/epochs/", "shard": r"/shards/",
                 "log": r"/wal/0001/00000001/", "root": rf"/snapshots/0001/{self.snapshot}", "pack": r"/packs/"}
        also = {"policy": r"/policies/", "run": r"/runs/", "older root": rf"/snapshots/0001/{self.old}"}
        newest = max(self.keys(kinds["log"]))
        for _ in range(FLIPS):
            for kind, pattern in {**kinds, **also}.items():
                choice = self.dice.choice(self.keys(pattern)) if kind != "log" else newest
                whole = self.flip(self.repository_bucket, choice)
                key = choice.removeprefix("app/")
                shutil.rmtree(target, ignore_errors=True)
                with self.subTest(kind=kind, key=key):
                    self.named(key, "verify")
                    if kind == "root":
                        self.named(key, "restore", "--snapshot", self.snapshot, "--to", target)
                    elif kind == "pack":  # which of them the restore needs is told by its own test
                        done = self.seawall(*restore, check=False)
                        self.assertIn(done.code, (0, 4, 7), self.flipped)
                    elif kind in kinds:
                        self.named(key, *restore)
                        self.assertFalse(os.path.exists(f"{target}/global/pg_control") and
                                         not os.path.exists(f"{target}/recovery.signal"))
                self.s3.put(self.repository_bucket, choice, whole)
            for key in (self.dump, self.dump + ".json"):
                whole = self.flip(self.dumps_bucket, key)
                with self.subTest(key=key):
                    self.named(key, "verify")
                    self.named(self.dump, "restore", "dump", "latest", "--create", "--into", primary.url("copy"))
                    self.assertEqual(primary.sql("select count(*) from pg_database where datname = 'copy'"), "0")
                self.s3.put(self.dumps_bucket, key, whole)
        self.all_is_right()
        self.compared(expected)

    def test_one_object_in_the_place_of_another(self):
        """Each is whole and sealed by our own key; but it is not what was sealed under this name."""
        self.made()
        target = os.path.join(self.folder, "restored")
        logs = sorted(self.keys(r"/wal/0001/00000001/.*[0-9A-F]{24}\.zst$"))
        packs, shards = self.keys(r"/packs/"), self.keys(r"/shards/")
        roots = self.keys(r"/snapshots/0001/")
        for kind, (source, place) in {"log": logs[-2:], "pack": (packs[0], packs[-1]), "shard": (shards[0], shards[-1]),
                                      "root": roots[:2]}.items():
            if source == place:
                continue
            whole = self.s3.get(self.repository_bucket, place)
            self.s3.put(self.repository_bucket, place, self.s3.get(self.repository_bucket, source))
            self.flipped = f"{source} in the place of {place}"
            with self.subTest(kind):
                self.named(place.removeprefix("app/"), "verify")
                if kind != "root":
                    done = self.seawall("restore", "--at", "latest", "--to", target, check=False)
                    self.assertIn(done.code, (7,) if kind == "log" else (0, 7), done)
            shutil.rmtree(target, ignore_errors=True)
            self.s3.put(self.repository_bucket, place, whole)
        self.all_is_right()


class Shadowed(Changed):
    """Every object is overwritten by somebody with the right to: on a gateway that ignores If-None-Match on such buckets."""

    bucket_options = {"versioned": True}

    def test_the_first_version_is_the_object(self):
        primary = self.made()
        expected = self.content()
        for bucket in (self.repository_bucket, self.dumps_bucket):
            for key in self.s3.keys(bucket):
                if not key.endswith(("store.probe",)):
                    self.s3.put(bucket, key, b"nothing that was ever here")
        for key in self.keys(r"/packs/")[:1]:
            self.s3.delete(self.repository_bucket, key)  # a marker on top hides nothing either
        self.all_is_right()
        self.compared(expected)
        self.seawall("restore", "dump", "latest", "--create", "--into", primary.url("copy"))
        self.archive_now(primary)
        self.seawall("backup", "snapshots")
        self.all_is_right()
        self.compared(self.content())


if __name__ == "__main__":
    cloud.main()
