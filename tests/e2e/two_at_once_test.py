"""Two runs at once, without any lock: one result for each slot, and nobody takes away what another one needs."""

import os
import shutil
import time

from faketime import age, later
from harness import LONG, ClusterTest, main

ROUNDS = 50 if LONG else 3


class TwoAtOnce(ClusterTest):
    def make(self, archive=True):
        self.primary = self.make_cluster(archive=archive)
        self.write_policy(self.primary)
        self.primary.start()
        self.seawall("apply")
        self.primary.sql("create table t (id serial primary key, body text)")
        self.fill(20000)

    def fill(self, rows=3000):
        self.primary.sql(f"insert into t (body) select repeat(md5(random()::text), 20) from generate_series(1, {rows})")

    def snapshots(self):
        return self.seawall("--json", "list").json()["snapshots"]

    def at_once(self, *commands):
        """Runs them side by side, and waits."""
        started = [self.start_seawall(*command) for command in commands]
        return [self.finished(process) for process in started]

    def test_a_slot_is_run_once(self):
        self.make(archive=False)
        tier = ("--json", "backup", "snapshots", "--tier", "nightly")
        for _ in range(ROUNDS):
            shutil.rmtree(self.repository)
            self.seawall("apply")
            done = self.at_once(tier, tier, tier)
            taken = [one for one in done if one.code == 0 and one.json() is not None]
            self.assertEqual(len(taken), 1, done)
            for one in done:  # claimed by another one, or there already
                self.assertIn(one.code, (0, 5), done)
            self.assertEqual([one["id"] for one in self.snapshots()], [taken[0].json()["id"]])
            self.assertIsNone(self.seawall(*tier).json())
        self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])

    def test_two_by_hand_are_both_right(self):
        self.make()
        by_hand = ("--json", "backup", "snapshots")
        taken = []
        for _ in range(ROUNDS if LONG else 1):
            self.fill()
            before = self.primary.content()
            done = self.at_once(by_hand, by_hand)
            self.assertEqual([one.code for one in done], [0, 0], done)
            taken += [one.json()["id"] for one in done]
        self.assertEqual(sorted(taken), [one["id"] for one in self.snapshots()])
        self.assertEqual(len(set(taken)), len(taken))
        self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])
        for one in taken[-2:]:
            restored = self.restored("--snapshot", one, name=one)
            self.assertEqual(restored.content(), before)
            restored.stop("immediate")

    def test_a_switch_of_segments_just_before_its_end(self):
        self.make()
        backup = self.start_seawall("backup", "snapshots")
        while backup.poll() is None:
            self.primary.sql("select pg_switch_wal()")
        backup = self.finished(backup)
        self.assertEqual(backup.code, 0, backup)

    def prune(self, days):
        return {"program": ("env", *(f"{k}={v}" for k, v in later(days=days).items()))}

    def test_prune_beside_a_backup_and_beside_a_restore(self):
        # Prunes of days to come: they let go of all but the newest, and what one condemned the next one removes.
        self.make()
        self.seawall("backup", "snapshots")
        for number in range(ROUNDS):
            self.primary.sql("update t set body = body || '.' where id % 5 = 0")
            age(self.repository)
            backup = self.start_seawall("backup", "snapshots")
            prune = self.start_seawall("prune", "--apply", **self.prune(40 + number))
            backup, prune = self.finished(backup), self.finished(prune)
            self.assertEqual(prune.code, 0, prune)
            self.assertIn(backup.code, (0, 6), backup)  # 6: it was told that what it built upon is condemned
            self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])
        time.sleep(1)
        self.seawall("backup", "snapshots")
        self.fill(10)
        self.archive_now(self.primary)
        before = self.primary.content()
        age(self.repository)
        target = os.path.join(self.folder, "restored")
        restore = self.start_seawall("restore", "--at", "latest", "--to", target)
        for number in range(2):
            self.seawall("prune", "--apply", env=later(days=100 + number))
        restore = self.finished(restore)
        self.assertEqual(restore.code, 0, restore)
        self.assertEqual(self.cluster_at(target).start().content(), before)
        self.assertLessEqual(len(self.snapshots()), 2)
        self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])


if __name__ == "__main__":
    main()
