"""One bit of one object is another: verify names the object, and whoever needs it refuses.

SEAWALL_LONG=1 flips 25 of each kind.
"""

import glob
import os
import shutil

import harness
from harness import LONG, ClusterTest, main

FLIPS = 25 if LONG else 1  # of each kind


class Flip(ClusterTest):
    def setUp(self):
        super().setUp()
        self.dice = harness.dice()
        self.primary = self.make_cluster()

    def flip(self, path):
        """One bit, somewhere; returns what puts it back."""
        with open(path, "r+b") as file:
            place = self.dice.randrange(os.path.getsize(path))
            bit = 1 << self.dice.randrange(8)
            self.flipped = f"byte {place}, bit {bit} of {path}"

            def once():
                file.seek(place)
                byte = file.read(1)[0]
                file.seek(place)
                file.write(bytes([byte ^ bit]))
            once()

        def put_back():
            nonlocal file
            with open(path, "r+b") as file:
                once()
        return put_back

    def named(self, key, *arguments):
        done = self.seawall(*arguments, check=False)
        # Whether a version above ours, or another recipient, is damage or the truth, nobody can tell.
        expected = 2 if "written by a newer seawall" in done.err else 4 if "it was sealed for" in done.err else 7
        self.assertEqual(done.code, expected, f"{self.flipped}: {done}")
        self.assertIn(key, done.out + done.err, self.flipped)
        return done


class BitFlip(Flip):
    def make(self):
        """Two snapshots, the log through a promotion, and the last of it in a chunk."""
        primary = self.primary
        self.write_policy(primary)
        primary.start()
        self.seawall("apply")
        primary.sql("create table t (id int primary key, body text); "
                    "insert into t select i, repeat(md5(i::text), 10) from generate_series(1, 5000) i")
        self.old = self.seawall("--json", "backup", "snapshots").json()["id"]
        primary.sql("update t set body = body || 'x' where id % 10 = 0; select pg_sleep(1)")
        self.snapshot = self.seawall("--json", "backup", "snapshots").json()["id"]
        primary.stop()
        with open(os.path.join(primary.data, "standby.signal"), "w"):
            primary.start()
        primary.sql("select pg_promote()")
        primary.sql("insert into t values (5001, 'on timeline 2')")
        self.archive_now(primary)
        primary.sql("insert into t values (5002, 'in a chunk')")
        self.seawall("wal", "receive", "--slot", "seawall", "--until-idle")
        primary.sql("select pg_drop_replication_slot('seawall')")
        self.before = primary.content()
        primary.stop("immediate")

    def keys(self, pattern):
        found = sorted(glob.glob(os.path.join(self.repository, pattern), recursive=True))
        self.assertTrue(found, f"there is no {pattern}")
        return [os.path.relpath(path, self.repository) for path in found]

    def needed(self):
        """What `restore --at latest` needs, by kind."""
        wal = [key for key in self.keys("wal/0001/0000000*/**/*.zst") if ".backup" not in key and ".partial" not in key]
        first = self.root()["backup_label"].split("(file ")[1][:24]
        return {
            "repository": ["repository.json"], "hash key": ["hash-key.json"], "epoch": ["epochs/0001.json"],
            "shard": [shard["key"] for shard in self.root()["shards"]],
            "pack": [f"packs/0001/{pack['id']}.zst" for pack in self.root()["packs"]],
            "segment": [key for key in wal if ".d/" not in key and os.path.basename(key)[:24] >= first],
            "chunk": [key for key in wal if ".d/" in key and key.split(".d/")[0] + ".zst" not in wal],
            "history": self.keys("wal/0001/history/*.zst"),
        }

    def root(self):
        return harness.json.loads(self.stored(f"snapshots/0001/{self.snapshot}.json"))["body"]

    def not_needed(self):
        return {"end of timeline 1": self.keys("wal/**/*.partial.zst"),
                "backup history": self.keys("wal/**/*.backup.zst"),
                "claim": self.keys("claims/**/*.json"), "run": self.keys("runs/**/*.json"),
                "policy": self.keys("policies/*.json"), "older root": [f"snapshots/0001/{self.old}.json"],
                "newer root": [f"snapshots/0001/{self.snapshot}.json"]}

    def closed(self, target):
        """No server would start there by accident and show what is not right."""
        data = os.path.join(target, "global/pg_control")
        self.assertFalse(os.path.exists(data) and not os.path.exists(target + "/recovery.signal"), self.flipped)

    def test_every_kind_of_object(self):
        self.make()
        target = os.path.join(self.folder, "restored")
        for _ in range(FLIPS):
            for kind, keys in self.needed().items():
                key = self.dice.choice(keys)
                put_back = self.flip(os.path.join(self.repository, key))
                shutil.rmtree(target, ignore_errors=True)
                with self.subTest(kind=kind, key=key):
                    self.named(key, "verify")
                    self.named(key, "restore", "--at", "latest", "--to", target)
                    self.closed(target)
                put_back()
            for kind, keys in self.not_needed().items():
                key = self.dice.choice(keys)
                put_back = self.flip(os.path.join(self.repository, key))
                shutil.rmtree(target, ignore_errors=True)
                with self.subTest(kind=kind, key=key):
                    self.named(key, "verify")
                    plan = self.seawall("restore", "--at", "latest", "--to", target, "--dry-run")
                    if kind == "newer root":  # the older one and more of the log come to the same moment
                        self.assertIn(self.old, plan.out)
                        self.assertIn(key, plan.err)
                        self.named(key, "restore", "--snapshot", self.snapshot, "--to", target)
                        self.closed(target)
                put_back()
        self.seawall("verify")
        self.assertEqual(self.restored("--at", "latest").content(), self.before)

    def test_a_hole_in_the_log_ends_no_restore_early(self):
        primary = self.primary
        self.write_policy(primary)
        primary.start()
        self.seawall("apply")
        primary.sql("create table t (id serial, note text)")
        self.seawall("backup", "snapshots")
        primary.sql("insert into t (note) values ('before the hole')")
        before = primary.content()
        position = primary.sql("select pg_current_wal_insert_lsn()")
        names = [self.archive_now(primary) for _ in range(3)]
        os.remove(os.path.join(self.repository, self.keys(f"wal/**/{names[1]}.zst")[0]))
        self.flipped = "a hole"
        self.named(names[1], "wal", "audit")
        target = os.path.join(self.folder, "restored")
        self.named(names[1], "restore", "--at", "latest", "--to", target)
        self.assertFalse(os.path.exists(target))
        restored = self.restored("--lsn", position)
        self.assertEqual(restored.content(), {"public.t": before["public.t"]})


class BitFlipInADump(Flip):
    def test_of_a_dump(self):
        primary = self.primary
        dumps = os.path.join(self.folder, "dumps")
        self.write_policy(primary, layers='  dumps:\n    nightly: { at: "03:30", retain: 90d, store: "file://'
                          + dumps + '" }\n')
        primary.start()
        self.seawall("apply")
        primary.sql("create table t as select i, md5(i::text) as body from generate_series(1, 20000) i")
        archive = self.seawall("--json", "backup", "dumps").json()["name"]
        into = ("restore", "dump", "latest", "--create", "--into")
        for number in range(5 * FLIPS):
            for key in (archive, archive + ".json"):
                put_back = self.flip(os.path.join(dumps, key))
                with self.subTest(key=key):
                    self.named(key, "verify")
                    self.named(archive, *into, primary.url(f"copy{number}"))
                    self.assertEqual(primary.sql("select count(*) from pg_database where datname ~ 'copy'"), "0")
                put_back()
        self.seawall(*into, primary.url("copy"))
        self.assertEqual(primary.content("copy"), primary.content())


if __name__ == "__main__":
    main()
