"""The archive: what push and get promise by their exit status, streaming, holes, epochs, other segment sizes."""

import glob
import os
import shutil
import signal
import subprocess
import time

import harness
from harness import ClusterTest, main, read


class Wal(ClusterTest):
    def make(self, archive=True):
        self.primary = self.make_cluster(archive=archive)
        self.write_policy(self.primary)
        self.primary.start()
        self.seawall("apply")
        self.primary.sql("create table t (id int primary key, body text)")

    def fill(self, rows=2000):
        self.primary.sql(f"insert into t select coalesce((select max(id) from t), 0) + i, repeat(md5(i::text), 30) "
                         f"from generate_series(1, {rows}) i")

    def switch(self):
        self.primary.sql("create table if not exists tick (at timestamptz); insert into tick values (now()); "
                         "select pg_switch_wal()")

    def archived(self):
        return sorted(os.path.basename(p)[:-4] for p in glob.glob(self.repository + "/wal/**/0*.zst", recursive=True)
                      if ".d/" not in p)

    def wait_archived(self, count):
        self.wait_for(lambda: len(self.archived()) >= count, what=f"{count} archived segments")

    def push(self, name, **options):
        return self.seawall("wal", "push", f"pg_wal/{name}", cwd=self.primary.data, **options)

    def test_the_same_name_again_is_success_and_other_bytes_are_refused(self):
        self.make()
        self.fill()
        self.switch()
        self.wait_archived(1)
        name = self.archived()[0]
        self.assertEqual(self.push(name).code, 0)
        path = os.path.join(self.primary.data, "pg_wal", name)
        good = read(path)
        with open(path, "r+b") as file:
            file.seek(1_000_000)
            file.write(b"another content")
        refused = self.push(name, check=False)
        self.assertEqual(refused.code, 5, refused)
        self.assertIn("new-epoch", refused.err)
        with open(path, "wb") as file:
            file.write(good)
        self.assertEqual(self.push(name).code, 0)

    def test_wal_of_another_cluster_is_refused(self):
        self.make()
        self.fill()
        self.switch()
        self.wait_archived(1)
        other = self.make_cluster("other", archive=False)
        other.start()
        other.sql("create table x (i int); select pg_switch_wal()")
        refused = self.seawall("wal", "push", "pg_wal/000000010000000000000001", cwd=other.data, check=False)
        self.assertEqual(refused.code, 5, refused)
        self.assertIn("system identifier", refused.err)

    def test_get_says_absent_with_1_and_trouble_with_more_than_125(self):
        self.make()
        self.fill()
        self.switch()
        self.wait_archived(1)
        name = self.archived()[0]
        to = os.path.join(self.folder, "got")
        self.seawall("wal", "get", name, to)
        self.assertEqual(read(to), read(os.path.join(self.primary.data, "pg_wal", name)))
        os.remove(to)
        absent = self.seawall("wal", "get", "0000000100000000000000FF", to, check=False)
        self.assertEqual(absent.code, 1, absent)
        self.assertFalse(os.path.exists(to))
        stored = glob.glob(f"{self.repository}/wal/**/{name}.zst", recursive=True)[0]
        with open(stored, "r+b") as file:
            file.seek(400)
            file.write(b"damage")
        damaged = self.seawall("wal", "get", name, to, check=False)
        self.assertGreater(damaged.code, 125, damaged)
        self.assertFalse(os.path.exists(to))
        mistyped = self.seawall("wal", "get", "--no-such-option", name, to, check=False)
        self.assertGreater(mistyped.code, 125, mistyped)
        shutil.move(self.repository, self.repository + "-away")
        gone = self.seawall("wal", "get", name, to, check=False)
        self.assertGreater(gone.code, 125, gone)

    def test_a_hole_is_named_by_audit_and_refused_by_restore(self):
        self.make()
        self.seawall("backup", "snapshots")
        for _ in range(4):
            self.fill(500)
            self.switch()
        self.wait_archived(7)
        self.assertEqual(self.seawall("--json", "wal", "audit").json()[0]["holes"], [])
        victim = [n for n in self.archived() if len(n) == 24][-3]
        os.remove(glob.glob(f"{self.repository}/wal/**/{victim}.zst", recursive=True)[0])
        audit = self.seawall("--json", "wal", "audit", check=False)
        self.assertEqual(audit.code, 7)
        hole = audit.json()[0]["holes"][0]
        self.assertEqual((hole["first"], hole["last"], hole["segments"]), (victim, victim, 1))
        self.assertGreater(hole["seconds"], 0)
        target = os.path.join(self.folder, "restored")
        refused = self.seawall("restore", "--at", "latest", "--to", target, check=False)
        self.assertEqual(refused.code, 7, refused)
        self.assertIn(victim, refused.err)
        self.assertFalse(os.path.exists(target))
        status = self.seawall("--json", "status", check=False)
        self.assertEqual(status.code, 2, status)

    def test_streamed_wal_restores_what_was_never_archived(self):
        self.make(archive=False)
        self.fill()
        self.seawall("wal", "receive", "--slot", "seawall", "--until-idle")
        self.seawall("backup", "snapshots")
        receiver = subprocess.Popen([harness.SEAWALL, "--policy", self.policy, "wal", "receive", "--slot", "seawall"],
                                    stderr=subprocess.DEVNULL)
        self.addCleanup(receiver.kill)
        self.fill()
        time.sleep(2.5)  # idle for longer than the flush
        self.fill(10)
        before = self.primary.content()
        self.wait_for(lambda: self.primary.sql("select flush_lsn >= pg_current_wal_lsn() from pg_stat_replication") == "t",
                      what="the log durable in the repository")
        receiver.send_signal(signal.SIGKILL)
        receiver.wait()
        self.primary.stop("immediate")
        restored = self.restored("--at", "latest")
        self.assertEqual(restored.content(), before)

    def test_the_receiver_goes_on_after_a_restart_and_across_a_busy_stretch(self):
        self.make(archive=False)
        for _ in range(3):
            self.fill(5000)
            receiver = subprocess.Popen([harness.SEAWALL, "--policy", self.policy, "wal", "receive", "--slot", "seawall"],
                                        stderr=subprocess.DEVNULL)
            self.fill(5000)
            time.sleep(0.7)
            receiver.kill()
            receiver.wait()
        self.seawall("wal", "receive", "--slot", "seawall", "--until-idle")
        report = self.seawall("--json", "wal", "audit").json()[0]
        self.assertEqual((report["holes"], report["damage"]), ([], []))

    def test_a_new_epoch_lets_a_rolled_back_server_go_on(self):
        self.make()
        self.fill()
        self.switch()
        self.wait_archived(1)
        self.primary.stop()
        saved = self.primary.data + "-saved"
        shutil.copytree(self.primary.data, saved, symlinks=True)
        self.primary.start()
        self.fill(100)
        self.switch()
        self.wait_archived(3)
        self.primary.stop()
        shutil.rmtree(self.primary.data)
        os.rename(saved, self.primary.data)
        self.primary.start()
        self.fill(200)
        self.switch()
        self.wait_for(lambda: int(self.primary.sql("select failed_count from pg_stat_archiver")) > 0)
        self.seawall("wal", "new-epoch", "--reason", "the disk was rolled back")
        self.wait_for(lambda: self.primary.sql("select last_archived_time > coalesce(last_failed_time, '-infinity') "
                                               "from pg_stat_archiver") == "t", seconds=90)
        self.seawall("backup", "snapshots")
        before = self.primary.content()
        self.switch()
        self.assertEqual(self.restored("--snapshot", self.seawall("--json", "list").json()["snapshots"][-1]["id"]).content()["public.t"],
                         before["public.t"])


if __name__ == "__main__":
    main()
