"""A streaming standby: snapshots taken from it, its promotion, and what comes after on two timelines."""

import os
import shutil
import signal
import time

from harness import Cluster, ClusterTest, main


class Standby(ClusterTest):
    def make(self, archive=True):
        """A primary and a standby that streams from it; the policy names the standby."""
        self.primary = self.make_cluster(archive=archive)
        folder = os.path.join(self.folder, "standby")
        os.mkdir(folder, 0o700)
        self.standby = Cluster(folder)
        self.clusters.append(self.standby)
        self.primary.start()
        self.primary.stop()  # what initdb logged is not enough for a standby
        shutil.copytree(self.primary.data, self.standby.data)
        with open(os.path.join(self.standby.data, "standby.signal"), "w"):
            pass
        self.standby.configure({"primary_conninfo": f"host={self.primary.socket} port=5432 user=postgres",
                                "unix_socket_directories": self.standby.socket, "hot_standby_feedback": "on"})
        self.write_policy(self.standby, extra="limits: { jobs: 1 }\n")
        self.primary.start()
        self.standby.start()
        self.primary.sql("create table t (id serial primary key, note text); "
                         "insert into t (note) select repeat(md5(i::text), 20) from generate_series(1, 20000) i")
        self.caught_up()
        self.seawall("apply")

    def caught_up(self):
        at = self.primary.sql("select pg_current_wal_lsn()")
        self.wait_for(lambda: self.standby.sql(f"select pg_last_wal_replay_lsn() >= '{at}'") == "t", what="caught up")

    def insert(self, cluster, note):
        cluster.sql(f"insert into t (note) values ('{note}')")

    def notes(self, cluster):
        return cluster.sql("select note from t where length(note) < 100 order by id").split("\n")

    def promote(self):
        self.standby.sql("select pg_promote()")
        self.assertEqual(self.standby.sql("select pg_is_in_recovery()"), "f")

    def take_from_standby(self):
        """The log that it needs is archived by the primary, as soon as a segment is full."""
        process = self.start_seawall("--json", "backup", "snapshots")

        def done():
            self.primary.sql("insert into t (note) values ('meanwhile'); select pg_switch_wal()")
            return process.poll() is not None
        self.wait_for(done, what="the snapshot")
        done = self.finished(process)
        self.assertEqual(done.code, 0, done)
        return done.json()

    def test_a_snapshot_from_the_standby_is_whole(self):
        self.make()
        root = self.take_from_standby()
        self.assertEqual(root["from"], "standby")
        self.insert(self.primary, "later")
        self.archive_now(self.primary)
        restored = self.restored("--at", "latest")
        self.assertEqual(restored.content(), self.primary.content())
        restored.stop("immediate")
        at_its_end = self.restored("--snapshot", root["id"], name="at-its-end")
        self.assertEqual(at_its_end.sql("select count(*) from t where length(note) > 100"), "20000")

    def test_a_snapshot_that_ends_where_the_log_ends(self):
        """A quiet primary: the standby's end of backup is the segment's, and no record follows for recovery to stop at."""
        self.make()
        self.insert(self.primary, "one")
        self.primary.sql("checkpoint")
        self.insert(self.primary, "two")
        self.archive_now(self.primary)
        self.caught_up()
        self.standby.sql("checkpoint")  # what it writes raises what a backup must reach to the end of the segment
        root = self.seawall("--json", "backup", "snapshots").json()
        self.assertEqual(int(root["stop_lsn"].partition("/")[2], 16) % (16 << 20), 0, root["stop_lsn"])
        restored = self.restored("--snapshot", root["id"])
        self.assertEqual(self.notes(restored), ["one", "two"])

    def test_without_full_page_writes_the_standby_is_refused(self):
        self.make()
        self.standby.sql("alter system set full_page_writes = off")
        self.standby.sql("select pg_reload_conf()")
        self.wait_for(lambda: self.standby.sql("show full_page_writes") == "off")
        refused = self.seawall("backup", "snapshots", check=False)
        self.assertEqual(refused.code, 2, refused)
        self.assertIn("full_page_writes", refused.err)
        self.standby.sql("alter system reset full_page_writes")
        self.standby.sql("select pg_reload_conf()")
        # What counts is the primary's; its standby knows by the log alone.
        self.primary.sql("alter system set full_page_writes = off")
        self.primary.sql("select pg_reload_conf()")
        self.insert(self.primary, "torn, perhaps")
        self.primary.sql("checkpoint")
        self.caught_up()
        refused = self.seawall("backup", "snapshots", check=False)
        self.assertNotEqual(refused.code, 0, refused)
        self.assertIn("full_page_writes", refused.err)
        self.assertEqual(self.seawall("--json", "list").json()["snapshots"], [])

    def test_a_promotion_voids_the_snapshot_that_runs(self):
        self.make()
        process = self.stopped_while_it_reads()
        self.promote()
        process.send_signal(signal.SIGCONT)
        void = self.finished(process)
        self.assertEqual(void.code, 6, void)
        self.assertRegex(void.err, "promoted|timeline")
        self.assertEqual(self.seawall("--json", "list").json()["snapshots"], [])
        self.insert(self.standby, "as primary")
        root = self.seawall("--json", "backup", "snapshots").json()
        self.assertEqual((root["from"], root["timeline"]), ("primary", 2))
        self.assertEqual(self.notes(self.restored("--snapshot", root["id"])), ["as primary"])

    def stopped_while_it_reads(self):
        last = ("select coalesce(max(query), '') from pg_stat_activity where application_name = 'seawall' and "
                "query ~ 'pg_(backup_start|start_backup|backup_stop|stop_backup)'")
        for _ in range(20):
            process = self.start_seawall("backup", "snapshots")
            end = time.monotonic() + 10
            while not self.standby.sql(last) and time.monotonic() < end:
                pass
            process.send_signal(signal.SIGSTOP)
            if "start" in self.standby.sql(last + " and state = 'idle'"):
                return process
            process.kill()  # too late: it does not read any more
            self.finished(process)
        self.fail("no snapshot was stopped while it read")

    def test_the_receiver_follows_a_promotion_and_a_restore_goes_through_it(self):
        self.make(archive=False)
        receive = ("wal", "receive", "--slot", "seawall")
        self.seawall(*receive, "--until-idle")
        receiver = self.start_seawall(*receive)
        snapshot = self.take_from_standby()
        self.insert(self.primary, "on timeline 1")
        self.caught_up()
        position = self.primary.sql("select pg_current_wal_lsn()")
        self.primary.stop()
        self.promote()
        self.insert(self.standby, "on timeline 2")
        self.wait_for(lambda: self.standby.sql("select coalesce(max(flush_lsn) >= pg_current_wal_lsn(), false) "
                                               "from pg_stat_replication") == "t", what="the log durable")
        receiver.send_signal(signal.SIGTERM)
        self.finished(receiver)
        before = self.standby.content()
        notes = [note for note in self.notes(self.standby) if note != "meanwhile"]
        self.standby.stop("immediate")
        report = self.seawall("--json", "wal", "audit").json()[0]
        self.assertEqual((report["holes"], report["damage"]), ([], []))
        self.assertEqual([row["timeline"] for row in report["timelines"]], [1, 2])
        self.assertEqual(notes, ["on timeline 1", "on timeline 2"])
        restored = self.restored("--at", "latest")
        self.assertEqual(restored.content(), before)
        restored.stop("immediate")
        at_the_fork = self.restored("--lsn", position, name="fork")
        self.assertEqual(self.notes(at_the_fork)[-1], "on timeline 1")
        self.assertEqual(snapshot["timeline"], 1)

    def test_a_time_that_lies_on_two_branches_is_refused(self):
        self.make()
        self.take_from_standby()
        self.archive_now(self.primary)
        self.caught_up()
        self.promote()  # and the old primary goes on, as nobody fenced it off
        for cluster, note in ((self.primary, "old"), (self.standby, "new")):
            self.insert(cluster, note)
        moment = self.standby.sql("select to_char(clock_timestamp(), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
        for cluster in (self.primary, self.standby):
            self.insert(cluster, "too late")
            self.archive_now(cluster)
        target = os.path.join(self.folder, "restored")
        refused = self.seawall("restore", "--at", moment, "--to", target, check=False)
        self.assertEqual(refused.code, 2, refused)
        self.assertIn("--timeline", refused.err)
        self.assertFalse(os.path.exists(target))
        for timeline, note in ((1, "old"), (2, "new")):
            restored = self.restored("--at", moment, "--timeline", timeline, name=f"timeline{timeline}")
            self.assertEqual(self.notes(restored)[-1], note)
            restored.stop("immediate")


if __name__ == "__main__":
    main()
