"""What is in the repository: looked at, verified, damaged, pruned."""

import os
import random

from harness import ClusterTest, main


class Repository(ClusterTest):
    def make(self):
        self.primary = self.make_cluster()
        self.write_policy(self.primary)
        self.primary.start()
        self.seawall("apply")
        self.primary.sql("create table t (id int primary key, body text); "
                         "insert into t select i, repeat(md5(i::text), 30) from generate_series(1, 20000) i")
        self.seawall("backup", "snapshots")

    def objects(self):
        found = []
        for folder, _, names in os.walk(self.repository):
            found += [os.path.relpath(os.path.join(folder, name), self.repository) for name in names]
        return sorted(found)

    def test_status_tells_what_is_there_and_verify_finds_nothing_wrong(self):
        self.make()
        status = self.seawall("--json", "status", check=False).json()
        self.assertEqual([row["layer"] for row in status["rows"]], ["pitr", "snapshots"])
        self.assertEqual(status["rows"][0]["state"], "ok")
        report = self.seawall("--json", "verify").json()
        self.assertEqual(report["damage"], [])
        self.assertGreater(report["blocks"], 1000)

    def test_a_flipped_bit_is_found_and_named_in_every_kind_of_object(self):
        self.make()
        dice = random.Random(7)
        seen = set()
        for key in self.objects():
            kind = key.split("/")[0]
            if kind in seen or key in ("repository.json", "hash-key.json"):
                continue
            seen.add(kind)
            path = os.path.join(self.repository, key)
            with open(path, "rb") as file:
                good = file.read()
            bad = bytearray(good)
            place = dice.randrange(len(bad))
            bad[place] ^= 1 << dice.randrange(8)
            self.overwrite(path, bad)
            report = self.seawall("--json", "verify", check=False)
            self.assertEqual(report.code, 7, f"{key} byte {place}: {report}")
            self.assertIn(key, report.out)
            self.overwrite(path, good)
        self.assertLessEqual({"epochs", "packs", "shards", "snapshots", "wal", "policies"}, seen)

    def test_a_damaged_root_is_shown_and_hides_no_other(self):
        self.make()
        first = self.seawall("--json", "list").json()["snapshots"][0]["id"]
        self.seawall("backup", "snapshots")
        path = os.path.join(self.repository, f"snapshots/0001/{first}.json")
        with open(path, "r+b") as file:
            file.seek(200)
            file.write(b"~")
        listed = self.seawall("--json", "list").json()["snapshots"]
        self.assertEqual([one["id"] for one in listed if "unreadable" in one], [first])
        self.assertEqual(len(listed), 2)
        status = self.seawall("--json", "status", check=False)
        self.assertEqual(status.code, 2, status)
        self.assertTrue(any(first in one["what"] for one in status.json()["findings"]), status)
        self.assertNotEqual(self.seawall("prune", "--apply", check=False).code, 0)

    def overwrite(self, path, data):
        with open(path, "r+b") as file:
            file.write(data)

    def test_prune_keeps_what_is_needed_and_says_why(self):
        self.make()
        plan = self.seawall("--json", "prune", "--apply", "--wait", "1s").json()
        self.assertEqual([item for item in plan["condemn"] if item["key"].startswith("snapshots/")], [])
        kept = [item for item in plan["keep"] if item["key"].startswith("snapshots/")]
        self.assertEqual(len(kept), 1)
        self.assertTrue(kept[0]["reason"])
        self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])


if __name__ == "__main__":
    main()
