"""The daemon killed in the middle of its work, told to stop in the middle of it, and waking up when another has done it.
Whoever comes next takes over, and what is there in the end is whole and there once."""

import os
import signal
import time

import harness
from daemons import DUMP_SLOT, SLOT, DaemonTest
from harness import main


class Killed(DaemonTest):
    def kill_at(self, daemon, condition, what):
        """As soon as it can be seen that this has begun."""
        end = time.monotonic() + 40
        while not condition():
            self.assertLess(time.monotonic(), end, f"{what} did not begin: {daemon.log()}")
            time.sleep(0.005)
        daemon.process.kill()
        daemon.ended()

    def test_killed_while_it_takes_a_snapshot(self):
        self.make("2028-02-28T12:00:00+08:00")
        self.primary.sql("insert into t (body) select md5(i::text) from generate_series(1, 200000) i")
        daemon = self.start_daemon()
        self.wait_ready(daemon)
        self.clock.set("2028-02-29T02:59:58+08:00")
        self.kill_at(daemon, lambda: self.claims("snapshots-nightly", SLOT), "the snapshot")
        self.assertEqual(self.snapshots(), [])
        # The next one waits as long as the claim may still come to something, and not longer.
        self.write()
        daemon = self.start_daemon()
        self.wait_ready(daemon)
        self.clock.set("2028-02-29T03:20:00+08:00")
        time.sleep(3)
        self.assertEqual(self.claims("snapshots-nightly", SLOT), ["01.json"])
        self.clock.set("2028-02-29T05:01:00+08:00")
        self.wait_for(lambda: self.records("snapshots-nightly", SLOT) == ["ok"], what="the second attempt")
        self.assertEqual(self.claims("snapshots-nightly", SLOT), ["01.json", "02.json"])
        self.assertEqual(self.snapshots(), [SLOT])
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.ended(), 0, daemon.log())
        self.assertEqual(self.faked("--json", "verify").json()["damage"], [])
        before = self.primary.content()
        self.archive_now(self.primary)
        self.assertEqual(self.restored("--at", "latest").content()["public.t"], before["public.t"])

    def test_killed_and_stopped_while_it_takes_a_dump(self):
        self.make("2028-02-28T12:00:00+08:00")
        self.clock.set("2028-02-29T03:10:00+08:00")
        daemon = self.start_daemon()
        self.wait_ready(daemon)
        self.wait_for(lambda: self.records("snapshots-nightly", SLOT) == ["ok"], what="the snapshot, caught up")
        self.lock_table()
        self.clock.set("2028-02-29T03:29:58+08:00")
        self.kill_at(daemon, lambda: self.claims("dumps-nightly", DUMP_SLOT) and self.dump_waits(), "the dump")
        self.wait_for(lambda: not self.dump_waits(), what="pg_dump gone with its daemon")
        self.assertEqual(self.stored_dumps(), [])

        # The second attempt is told to stop: it says so, and the third may follow at once.
        self.write()
        daemon = self.start_daemon()
        self.clock.set("2028-02-29T05:31:00+08:00")
        self.wait_for(self.dump_waits, what="the second attempt")
        begun = time.monotonic()
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.ended(), 0, daemon.log())
        self.assertTrue(19 < time.monotonic() - begun < 35, time.monotonic() - begun)
        self.assertIn("given up when told to", daemon.log())
        self.assertEqual(self.records("dumps-nightly", DUMP_SLOT), ["cancelled"])

        self.unlock_table()
        self.write()
        daemon = self.start_daemon()
        self.wait_for(lambda: self.records("dumps-nightly", DUMP_SLOT) == ["cancelled", "ok"], what="the third attempt")
        self.assertEqual(self.claims("dumps-nightly", DUMP_SLOT), ["01.json", "02.json", "03.json"])
        self.assertEqual(self.stored_dumps(), ["postgres_2028-02-29.dump.json"])

    def test_who_wakes_up_late_loses_the_snapshot(self):
        self.make("2028-02-28T12:00:00+08:00")
        late = self.start_daemon()
        self.wait_ready(late)
        self.clock.set("2028-02-29T02:59:58+08:00")
        self.wait_for(lambda: self.claims("snapshots-nightly", SLOT), what="the claim")
        late.signal(signal.SIGSTOP)
        self.assertEqual(self.snapshots(), [])
        self.write()
        self.clock.set("2028-02-29T05:01:00+08:00")
        self.start_daemon()
        self.wait_for(lambda: self.records("snapshots-nightly", SLOT) == ["ok"], what="the second attempt")
        taken = self.faked("--json", "list").json()["snapshots"]
        late.signal(signal.SIGCONT)
        self.wait_for(lambda: self.records("snapshots-nightly", SLOT) == ["failed", "ok"], what="the late one's end")
        self.assertEqual(self.faked("--json", "list").json()["snapshots"], taken)
        self.assertEqual(self.faked("--json", "verify").json()["damage"], [])

    def test_who_wakes_up_late_loses_the_dump(self):
        self.make("2028-02-28T12:00:00+08:00")
        self.lock_table()
        self.clock.set("2028-02-29T03:31:00+08:00")
        late = self.start_daemon()
        self.wait_for(self.dump_waits, what="the dump")
        self.wait_for(lambda: self.records("snapshots-nightly", SLOT) == ["ok"], what="the snapshot beside it")
        late.signal(signal.SIGSTOP)
        # What a crash may leave has the name that both would take: so they take different ones.
        os.makedirs(self.dumps, exist_ok=True)
        left = os.path.join(self.dumps, "postgres_2028-02-29.dump")
        with open(left, "w") as file:
            file.write("no archive")
        self.write()
        self.clock.set("2028-02-29T05:40:00+08:00")
        self.start_daemon()
        self.wait_for(lambda: self.claims("dumps-nightly", DUMP_SLOT) == ["01.json", "02.json"], what="the takeover")
        self.unlock_table()
        self.wait_for(lambda: self.records("dumps-nightly", DUMP_SLOT) == ["ok"], what="the second attempt")
        self.assertEqual(self.stored_dumps(), ["postgres_2028-02-29.2.dump.json"])
        os.remove(left)
        late.signal(signal.SIGCONT)
        self.wait_for(lambda: self.records("dumps-nightly", DUMP_SLOT) == ["failed", "ok"],
                      what=f"the late one's end: {late.log()}")
        self.assertEqual(self.stored_dumps(), ["postgres_2028-02-29.2.dump.json"])

    def unlock_table(self):
        self.primary.sql("select pg_terminate_backend(pid) from pg_stat_activity where query ~ '^select pg_sleep.600'")

    def lock_table(self):
        """Another session has the table for itself."""
        session = harness.subprocess.Popen(
            ["psql", "-X", "-q", "-d", self.primary.url(), "-c", "begin", "-c", "lock table t in access exclusive mode",
             "-c", "select pg_sleep(600)"], stdin=harness.subprocess.DEVNULL, stdout=harness.subprocess.DEVNULL,
            stderr=harness.subprocess.DEVNULL)
        self.addCleanup(lambda: (session.kill(), session.wait()))
        self.wait_for(lambda: self.primary.sql(
            "select count(*) from pg_locks where relation = 't'::regclass and mode = 'AccessExclusiveLock'") == "1")

    def dump_waits(self):
        return self.primary.sql("select count(*) from pg_stat_activity where application_name = 'pg_dump'") != "0"


if __name__ == "__main__":
    main()
