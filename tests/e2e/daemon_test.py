"""The daemon through a night by a moved clock: slots, two daemons on one policy, what it catches up, what it tells systemd
and who asks over HTTP."""

import json
import os
import signal
import socket
import time

from daemons import DaemonTest
from harness import main


class Night(DaemonTest):
    run_section = ", heartbeat: true"

    def test_slots_of_a_sunday_night_are_run_once_by_two_daemons(self):
        self.make("2028-02-26T12:00:00+08:00")
        self.clock.set("2028-02-27T02:58:00+08:00")  # a Sunday
        first = self.start_daemon("--log", "json")
        self.wait_ready(first)
        second_policy = os.path.join(self.folder, "second.yaml")
        first_policy = self.policy
        self.policy = second_policy
        self.write()
        second = self.start_daemon(policy=second_policy)
        self.wait_ready(second)
        self.policy = first_policy
        self.assertEqual(first.get("/healthz"), (200, "alive\n"))
        self.assertEqual(self.snapshots(), [])
        beat = "select count(*) from seawall.heartbeat where at > now() - interval '2 minutes' and lsn > '0/0'"
        self.wait_for(lambda: self.primary.sql(beat) == "1", what="a heartbeat")

        self.clock.set("2028-02-27T02:59:57+08:00")
        self.wait_for(lambda: self.records("snapshots-nightly", "20280226T190000Z") == ["ok"], what="the snapshot")
        self.assertEqual(self.snapshots(), ["20280226T190000Z"])
        tiers = self.faked("--json", "list").json()["snapshots"][0]["tiers"]
        self.assertEqual(sorted(tiers), ["nightly", "weekly"])
        self.assertEqual(self.records("snapshots-weekly", "20280226T190000Z"), ["ok"])
        self.assertEqual(self.stored_dumps(), [])

        self.clock.set("2028-02-27T03:29:57+08:00")
        self.wait_for(lambda: self.records("dumps-nightly", "20280226T193000Z") == ["ok"], what="the dump")
        self.assertEqual(self.stored_dumps(), ["postgres_2028-02-27.dump.json"])

        # Both have looked again, and found nothing to do.
        self.clock.set("2028-02-27T03:45:00+08:00")
        self.wait_for(lambda: all(self.looked_after(d, "2028-02-26T19:45") for d in (first, second)), what="more looks")
        self.assertEqual(self.claims("snapshots-nightly", "20280226T190000Z"), ["01.json"])
        self.assertEqual(self.claims("dumps-nightly", "20280226T193000Z"), ["01.json"])
        ended = [e for d in (first, second) for e in d.state()["policies"][0]["ended"]]
        self.assertEqual(sum(e["well"] for e in ended), 3, ended)  # nightly and weekly in one, and the dump
        self.assertEqual(sum(e["failed"] for e in ended), 0, ended)
        code, metrics = first.get("/metrics")
        self.assertEqual(code, 200)
        self.assertIn("seawall_build_info{", metrics)
        self.assertIn('seawall_daemon_store_reachable{policy="test"} 1', metrics)
        self.assertEqual(first.get("/elsewhere")[0], 404)

        for daemon in (first, second):
            begun = time.monotonic()
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.ended(), 0, daemon.log())
            self.assertLess(time.monotonic() - begun, 15)
        for line in first.log().splitlines():
            self.assertEqual(set(json.loads(line)), {"at", "level", "message"})
        self.assertIn("seawall: info: ended", second.log())
        # What they took is good.
        restored = self.restored("--snapshot", "20280226T190000Z")
        self.assertEqual(restored.sql("select count(*) from t"), "2000")

    def looked_after(self, daemon, moment):
        policies = daemon.state()["policies"]
        return policies and (policies[0]["looked"] or "") >= moment

    def test_it_catches_up_what_may_still_be_and_no_more(self):
        self.make("2028-02-28T12:00:00+08:00")
        # 04:50: the snapshot of 03:00 is not missed yet, nor is the dump.
        self.clock.set("2028-02-29T04:50:00+08:00")
        once = self.faked("run", "--once")
        self.assertEqual(once.code, 0, once)
        self.assertEqual(self.snapshots(), ["20280228T190000Z"])
        self.assertEqual(self.stored_dumps(), ["postgres_2028-02-29.dump.json"])
        self.assertIn("done in", once.err)
        # Nothing is due any more; and a day later both are missed, and stay so.
        self.assertNotIn("begun", self.faked("run", "--once").err)
        self.clock.set("2028-03-01T12:00:00+08:00")
        self.assertNotIn("begun", self.faked("run", "--once").err)
        self.assertEqual(self.snapshots(), ["20280228T190000Z"])
        self.assertEqual(self.faked("status", check=False).code, 2)

        # What fails is told by the exit code, and waits before the next attempt.
        self.clock.set("2028-03-02T03:40:00+08:00")
        self.primary.stop()
        failed = self.faked("run", "--once", check=False)
        self.assertEqual(failed.code, 6, failed)
        self.primary.start()
        self.clock.set("2028-03-02T03:50:00+08:00")
        again = self.faked("run", "--once")
        self.assertEqual(self.snapshots(), ["20280228T190000Z", "20280301T190000Z"], again)
        self.assertEqual(len(self.stored_dumps()), 2)

    def test_it_tells_systemd(self):
        self.make("2028-02-28T12:00:00+08:00")
        path = os.path.join(self.folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(20)
            daemon = self.start_daemon(env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"})
            heard = []

            def hear(wanted):
                """Waits for a message that was not waited for before."""
                end = time.monotonic() + 20
                while not any(wanted in one for one in heard):
                    self.assertLess(time.monotonic(), end, f"{wanted} was not told: {heard}")
                    heard.append(manager.recv(4096).decode())
                heard.remove(next(one for one in heard if wanted in one))
            hear("READY=1")
            hear("STATUS=policy test, nothing under way")
            for _ in range(3):
                hear("WATCHDOG=1")
            daemon.signal(signal.SIGHUP)
            hear("RELOADING=1\nMONOTONIC_USEC=")
            hear("READY=1")
            # A loop that is wedged does not ping: SIGSTOP stands for it.
            daemon.signal(signal.SIGSTOP)
            time.sleep(0.3)
            manager.setblocking(False)
            try:
                while True:
                    manager.recv(4096)
            except BlockingIOError:
                pass
            manager.settimeout(3)
            self.assertRaises(TimeoutError, manager.recv, 4096)
            daemon.signal(signal.SIGCONT)
            manager.settimeout(20)
            hear("WATCHDOG=1")
            daemon.signal(signal.SIGTERM)
            hear("STOPPING=1")
            self.assertEqual(daemon.ended(), 0, daemon.log())


if __name__ == "__main__":
    main()
