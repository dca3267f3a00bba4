"""Dumps in their slots: claimed, counted by status, verified, pruned."""

import json
import os
import shutil

from dumps import DumpTest
from harness import main


class Care(DumpTest):
    def row(self):
        status = self.seawall("--json", "status", check=False).json()
        return next(row for row in status["rows"] if row["layer"] == "dumps"), status["findings"]

    def test_a_slot_has_one_dump_that_status_counts(self):
        self.sql("create table t as select 1 as a")
        by_hand = self.take()
        self.assertIsNone(by_hand["slot"])
        taken = self.take("--tier", "nightly")
        self.assertTrue(taken["slot"].endswith("T19:30:00Z"), "03:30 in Singapore")
        self.assertEqual(taken["tier"], "nightly")
        self.assertIsNone(self.take("--tier", "nightly"))
        self.assertEqual(len([name for name in self.objects() if name.endswith(".dump")]), 2)
        row, findings = self.row()
        self.assertEqual((row["state"], row["last_success"]), ("ok", taken["finished"]), findings)
        self.assertEqual(row["newest_restorable"], taken["snapshot_at"])
        runs = os.path.join(self.repository, "runs/dumps-nightly")
        slot = os.listdir(runs)
        self.assertEqual(len(slot), 1)
        record = json.loads(self.stored(f"runs/dumps-nightly/{slot[0]}/01.json"))["body"]
        self.assertEqual((record["outcome"], record["details"]["dump"]), ("ok", taken["name"]))

    def test_a_failed_run_leaves_a_record_and_the_next_attempt_succeeds(self):
        programs = self.wrapper("pg_dump", 'case "$*" in *--version*) exec /usr/bin/env -u PATH '
                                           'PATH=/usr/bin:/bin pg_dump "$@";; esac; exit 3\n')
        self.seawall("backup", "dumps", "--tier", "nightly", "--pg-bin", programs, check=False)
        taken = self.take("--tier", "nightly")
        runs = os.path.join(self.repository, "runs/dumps-nightly")
        attempts = sorted(os.listdir(os.path.join(runs, os.listdir(runs)[0])))
        self.assertEqual(attempts, ["01.json", "02.json"])
        self.assertEqual(self.row()[0]["last_success"], taken["finished"])

    def test_verify_reads_dumps_too_and_status_tells(self):
        self.sql("create table t as select md5(i::text) from generate_series(1, 5000) i")
        taken = self.take("--tier", "nightly")
        self.seawall("verify")
        with open(self.path(taken), "r+b") as file:
            file.seek(-100, os.SEEK_END)
            byte = file.read(1)[0]
            file.seek(-100, os.SEEK_END)
            file.write(bytes([byte ^ 4]))
        found = self.seawall("--json", "verify", check=False)
        self.assertEqual(found.code, 7)
        self.assertEqual([one["key"] for one in found.json()["damage"]], [taken["name"]])
        row, findings = self.row()
        self.assertIsNone(row["last_success"])
        self.assertIn(taken["name"], [f["what"] for f in findings if f["severity"] == "critical"][0])

    def test_prune_lets_go_what_a_run_left_and_what_is_too_old(self):
        taken = self.take("--tier", "nightly")
        leftover = os.path.join(self.dumps, "breezycorp_2020-01-01.dump")
        shutil.copy(self.path(taken), leftover)
        os.utime(leftover, (0, 0))
        other = os.path.join(self.dumps, "other_2020-01-01.dump")
        shutil.copy(self.path(taken), other)
        os.utime(other, (0, 0))
        plan = self.seawall("--json", "prune").json()["dumps"]
        self.assertEqual([item["key"] for item in plan["remove"]], ["breezycorp_2020-01-01.dump"])
        self.assertTrue(os.path.exists(leftover), "dry by default")
        self.seawall("prune", "--apply")
        self.assertFalse(os.path.exists(leftover))
        self.assertTrue(os.path.exists(other), "another database's is not ours to delete")
        self.assertTrue(os.path.exists(self.path(taken)))


if __name__ == "__main__":
    main()
