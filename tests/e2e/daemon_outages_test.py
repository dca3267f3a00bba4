"""The daemon while what it works with goes away: killed while it receives the log, the server restarted, its store cut off
for an hour and in the middle of a run."""

import os
import signal
import time

from daemons import DUMP_SLOT, SLOT, DaemonTest, free_port
from harness import main


class Receiving(DaemonTest):
    def write(self, listen=True):
        super().write(listen)
        with open(self.policy) as file:
            text = file.read()
        with open(self.policy, "w") as file:
            file.write(text.replace("pitr: { retain: 7d }", "pitr: { retain: 7d, receive: { slot: seawall, flush: 1s } }"))

    def make_cluster(self, *arguments, **options):
        return super().make_cluster(*arguments, **{**options, "archive": False})

    def test_killed_while_it_receives_the_log(self):
        self.make("2028-02-28T12:00:00+08:00")
        daemon = self.start_daemon()
        self.wait_for(lambda: self.primary.sql("select active from pg_replication_slots") == "t", what="the receiver")
        self.faked("backup", "snapshots")
        for number in range(3):
            self.primary.sql("insert into t (body) select repeat(md5(random()::text), 30) from generate_series(1, 10000)")
            daemon.process.kill()
            daemon.ended()
            self.primary.sql(f"insert into t (body) values ('while nobody listened {number}')")
            self.write()
            daemon = self.start_daemon()
            self.wait_for(lambda: self.primary.sql("select active from pg_replication_slots") == "t",
                          what=f"the receiver again: {daemon.log()}")
        self.primary.sql("select pg_switch_wal()")
        self.primary.sql("insert into t (body) values ('the last')")
        position = self.primary.sql("select pg_current_wal_lsn()")
        self.wait_for(lambda: self.primary.sql(
            f"select confirmed_flush_lsn >= '{position}' or restart_lsn >= '{position}' from pg_replication_slots") == "t"
            or self.primary.sql(f"select flush_lsn >= '{position}' from pg_stat_replication") == "t", what="all received")
        before = self.primary.content()
        # The server goes, and comes back; the receiver follows by itself.
        self.primary.stop()
        self.primary.start()
        self.wait_for(lambda: self.primary.sql("select active from pg_replication_slots") == "t", what="the receiver anew",
                      seconds=60)
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.ended(), 0, daemon.log())
        self.assertEqual(self.faked("wal", "audit").code, 0)
        self.assertEqual(self.restored("--at", "latest").content()["public.t"], before["public.t"])

    def receiver(self):
        """The process that the server streams to."""
        return self.primary.sql("select active_pid from pg_replication_slots where active")

    def test_another_daemon_takes_the_slot_over_from_one_that_died(self):
        self.make("2028-02-28T12:00:00+08:00")
        first = self.start_daemon()
        self.wait_for(self.receiver, what="the receiver")
        self.faked("backup", "snapshots")
        streaming = self.receiver()
        other = os.path.join(self.folder, "other.yaml")
        with open(self.policy) as file, open(other, "w") as out:
            out.write(file.read().replace(str(self.ports[-1]), str(free_port())))
        second = self.start_daemon(policy=other)
        self.wait_for(lambda: "carrying out" in second.log(), what="the second daemon")
        self.primary.sql("insert into t (body) values ('to the first')")
        time.sleep(3)
        self.assertEqual(self.receiver(), streaming, "one receives, and is left alone")
        first.process.kill()
        first.ended()
        self.primary.sql("insert into t (body) values ('to nobody')")
        self.wait_for(lambda: self.receiver() not in ("", streaming), seconds=60, what="the takeover")
        self.primary.sql("insert into t (body) values ('to the second'); select pg_switch_wal()")
        position = self.primary.sql("select pg_current_wal_lsn()")
        self.wait_for(lambda: self.primary.sql(f"select flush_lsn >= '{position}' from pg_stat_replication") == "t",
                      what="all received")
        before = self.primary.content()
        second.signal(signal.SIGTERM)
        self.assertEqual(second.ended(), 0, second.log())
        self.assertIn("no holes", self.faked("wal", "audit").out)
        self.assertEqual(self.restored("--at", "latest").content()["public.t"], before["public.t"])


class StoreAway(DaemonTest):
    def cut_store_off(self):
        os.rename(self.repository, self.repository + ".away")
        with open(self.repository, "w"):
            pass  # so that nobody makes a new folder there

    def mend_store(self):
        os.remove(self.repository)
        os.rename(self.repository + ".away", self.repository)

    def test_a_store_that_is_away_for_an_hour_costs_no_slot(self):
        self.make("2028-02-28T12:00:00+08:00")
        daemon = self.start_daemon()
        self.wait_ready(daemon)
        self.cut_store_off()
        self.clock.set("2028-02-29T02:59:58+08:00")
        self.wait_for(lambda: daemon.get("/readyz")[0] == 503, what="the absence told")
        self.assertEqual(daemon.get("/healthz")[0], 200)
        self.assertIn('seawall_daemon_store_reachable{policy="test"} 0', daemon.get("/metrics")[1])
        self.clock.set("2028-02-29T03:40:00+08:00")
        time.sleep(3)
        self.assertEqual(self.stored_dumps(), [])
        told = [line for line in daemon.log().splitlines() if "looking at what is due" in line]
        self.assertEqual(len(told), 1, told)  # once, and not at each try
        self.mend_store()
        self.clock.set("2028-02-29T04:00:00+08:00")
        self.wait_for(lambda: self.records("snapshots-nightly", SLOT) == ["ok"], what="the snapshot")
        self.wait_for(lambda: self.records("dumps-nightly", DUMP_SLOT) == ["ok"], what="the dump")
        self.wait_ready(daemon)
        self.assertEqual(self.claims("snapshots-nightly", SLOT), ["01.json"])
        self.assertEqual(self.faked("status", "--json").json()["findings"], [])

    def test_it_goes_away_in_the_middle_of_a_run(self):
        self.make("2028-02-28T12:00:00+08:00")
        self.primary.sql("insert into t (body) select md5(i::text) from generate_series(1, 200000) i")
        daemon = self.start_daemon()
        self.wait_ready(daemon)
        self.clock.set("2028-02-29T02:59:58+08:00")
        self.wait_for(lambda: self.claims("snapshots-nightly", SLOT), what="the claim")
        self.cut_store_off()
        self.wait_for(lambda: "failed after" in daemon.log(), what="the failure", seconds=60)
        self.mend_store()
        # Its record could not be written: the claim lapses, and the next attempt is made, by the same daemon.
        self.clock.set("2028-02-29T05:02:00+08:00")
        self.wait_for(lambda: "ok" in self.records("snapshots-nightly", SLOT), what="the second attempt", seconds=60)
        self.assertEqual(self.snapshots(), [SLOT])
        self.assertEqual(self.faked("--json", "verify").json()["damage"], [])


if __name__ == "__main__":
    main()
