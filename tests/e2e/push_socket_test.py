"""wal push and the daemon: served by it, and by itself whenever it is not there, of another kind, or killed."""

import json
import os
import signal
import socket
import stat
import threading
import time

import envelope
import harness
from daemons import Running, free_port
from harness import ClusterTest, main, run


class Daemon(threading.Thread):
    """Something that listens at the socket and answers as it is told. It is no seawall, on purpose."""

    def __init__(self, path, answers):
        super().__init__(daemon=True)
        self.answers = answers
        self.asked = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.makefile().readline())
                for answer in self.answers:
                    connection.sendall(answer.encode() + b"\n")

    def close(self, path):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        os.unlink(path)


class PushSocket(ClusterTest):
    def encryption(self):
        self.key = os.path.join(self.folder, "one.key")
        if not os.path.exists(self.key):
            run(harness.SEAWALL, "key", "create", self.key)
        return f"  encryption: {{ key: file:{self.key} }}\n"

    def setUp(self):
        super().setUp()
        self.socket = os.path.join(self.folder, "push.sock")
        self.port = free_port()
        self.primary = self.make_cluster()
        self.write_policy(self.primary, extra=f'run: {{ socket: {self.socket}, listen: "127.0.0.1:{self.port}" }}\n')
        self.primary.start()
        self.seawall("apply")
        self.primary.sql("create table t (i int)")
        self.ticks = 0

    def start_daemon(self):
        log = os.path.join(self.folder, f"daemon-{time.monotonic_ns()}.log")
        with open(log, "w") as out:
            process = harness.subprocess.Popen([harness.SEAWALL, "run", self.policy], stdin=harness.subprocess.DEVNULL,
                                               stdout=out, stderr=out)

        def end():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        self.addCleanup(end)
        daemon = Running(process, log, self.port)
        self.wait_for(lambda: "wal push is served" in daemon.log(), what="the socket served")
        self.wait_for(lambda: daemon.get("/readyz")[0] == 200, what="the daemon ready")
        return daemon

    def pushes(self, daemon):
        text = daemon.get("/metrics")[1]
        return {outcome: int(text.split(f'pushes_total{{outcome="{outcome}"}} ')[1].split("\n")[0])
                for outcome in ("stored", "failed", "declined")}

    def archive_some(self, segments=1):
        for _ in range(segments):
            self.ticks += 1
            self.primary.sql(f"insert into t values ({self.ticks})")
            name = self.archive_now(self.primary)
        return name

    def object_of(self, segment):
        return os.path.join(self.repository, "wal/0001/00000001", segment[8:16], segment + ".zst")

    def a_segment(self):
        """A finished one, and nothing of it in the archive."""
        self.primary.sql("alter system set archive_command = '/bin/false'")
        self.primary.sql("select pg_reload_conf()")
        time.sleep(0.3)
        self.primary.sql("insert into t values (0)")
        return self.primary.sql("select pg_walfile_name(pg_switch_wal())")

    def push(self, segment, **options):
        return self.seawall("-v", "wal", "push", os.path.join(self.primary.data, "pg_wal", segment), check=False, **options)

    def test_the_daemon_serves_and_archiving_goes_on_without_it(self):
        daemon = self.start_daemon()
        self.assertEqual(stat.S_IMODE(os.stat(self.socket).st_mode), 0o660)
        self.archive_some(3)
        self.assertGreaterEqual(self.pushes(daemon)["stored"], 3)
        self.assertEqual(self.pushes(daemon)["failed"], 0)

        # A second one leaves the first its socket, and takes over from it.
        second_policy = os.path.join(self.folder, "second.yaml")
        with open(self.policy) as file, open(second_policy, "w") as second:
            second.write(file.read().replace(f'"127.0.0.1:{self.port}"', f'"127.0.0.1:{free_port()}"'))
        second = self.start_seawall("run", second_policy)
        time.sleep(1)
        before = self.pushes(daemon)["stored"]
        self.archive_some()
        self.assertGreater(self.pushes(daemon)["stored"], before)

        daemon.signal(signal.SIGKILL)
        daemon.process.wait()
        self.archive_some()  # there is a socket that nobody listens at, or the second with another policy's text
        second.kill()
        second.wait()
        self.assertTrue(os.path.exists(self.socket))
        self.archive_some()
        daemon = self.start_daemon()
        self.archive_some()
        self.assertGreaterEqual(self.pushes(daemon)["stored"], 1)

        # Hanging as a whole: not for longer than the two seconds that it may take to answer.
        daemon.signal(signal.SIGSTOP)
        begun = time.monotonic()
        self.archive_some()
        self.assertLess(time.monotonic() - begun, 20)
        daemon.signal(signal.SIGCONT)
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.ended(), 0, daemon.log())
        self.assertFalse(os.path.exists(self.socket))
        self.archive_some()
        self.assertIn("no holes", self.seawall("wal", "audit").out)
        self.assertEqual(self.primary.sql("select failed_count from pg_stat_archiver"), "0")

    def test_a_daemon_killed_again_and_again_loses_nothing(self):
        dice = harness.dice()
        self.primary.sql("alter system set archive_timeout = '1s'")
        self.primary.sql("select pg_reload_conf()")
        for _ in range(3):
            daemon = self.start_daemon()
            stop = time.monotonic() + dice.uniform(0.5, 2)
            while time.monotonic() < stop:
                self.primary.sql("insert into t select generate_series(1, 20000); select pg_switch_wal()")
            daemon.signal(signal.SIGKILL)
            daemon.process.wait()
        self.seawall("backup", "snapshots")
        self.archive_some()
        self.assertIn("no holes", self.seawall("wal", "audit").out)
        restored = self.restored("--at", "latest")
        self.assertEqual(restored.content()["public.t"], self.primary.content()["public.t"])

    def push_small(self, segment):
        return run(harness.SEAWALL + "-wal", "--policy", self.policy, "wal", "push",
                   os.path.join(self.primary.data, "pg_wal", segment), check=False)

    def test_what_is_no_daemon_of_its_version_is_passed_over(self):
        segment = self.a_segment()
        taken = '{"version": 1, "taken": true}'
        for answers in (["nonsense"], ['{"version": 2, "taken": true}'], ['{"version": 1, "taken": false, "why": "busy"}'],
                        [], [taken], [taken, "nonsense"],
                        [taken, '{"outcome": "failed", "kind": "denied", "message": "not for me", "hint": ""}']):
            fake = Daemon(self.socket, answers)
            begun = time.monotonic()
            done = self.push(segment)
            self.assertLess(time.monotonic() - begun, 10, answers)
            self.assertEqual(done.code, 0, (answers, done))
            self.assertIn("works by itself", done.err)
            self.assertTrue(os.path.exists(self.object_of(segment)), answers)
            os.unlink(self.object_of(segment))
            request = json.loads(fake.asked[0])
            self.assertEqual((request["seawall"], request["version"], request["policy"]), ("push", 1, self.policy))
            # The small program asks the same, and becomes this one, which asks again.
            done = self.push_small(segment)
            self.assertEqual((done.code, done.out, done.err), (0, "", ""), answers)
            self.assertEqual([json.loads(one) for one in fake.asked], [request] * 3)
            self.assertTrue(os.path.exists(self.object_of(segment)), answers)
            os.unlink(self.object_of(segment))
            fake.close(self.socket)
        fake = Daemon(self.socket, [taken, '{"outcome": "stored"}'])
        self.assertEqual(self.push(segment).code, 0)
        self.assertEqual(self.push_small(segment).code, 0)
        self.assertEqual(len(fake.asked), 2)
        self.assertFalse(os.path.exists(self.object_of(segment)))  # its word is taken
        fake.close(self.socket)
        # What is the store's trouble is passed on, in one line for PostgreSQL's log.
        fake = Daemon(self.socket, [taken, '{"outcome": "failed", "kind": "full", "message": "no room", "hint": "make some"}'])
        done = self.seawall("wal", "push", os.path.join(self.primary.data, "pg_wal", segment), check=False)
        self.assertEqual((done.code, done.err, done.out), (8, "seawall: error: no room; make some\n", ""))
        done = self.push_small(segment)
        self.assertEqual((done.code, done.err, done.out), (8, "seawall: error: no room; make some\n", ""))
        self.assertEqual(len(fake.asked), 2)
        fake.close(self.socket)

    def newest_chunk_is_sealed_by(self, key):
        self.primary.sql("insert into t values (0)")
        found = [os.path.join(folder, name) for folder, _, names in os.walk(os.path.join(self.repository, "wal"))
                 for name in names if folder.endswith(".d") and not name.startswith(".")]
        if not found:
            return False
        try:
            envelope.opened(harness.read(max(found, key=os.path.getmtime)), harness.read(key))
        except ValueError:
            return False
        return True

    def ask(self, line):
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(10)
            one.connect(self.socket)
            one.sendall(line.encode() + b"\n")
            return json.loads(one.makefile().readline())

    def test_the_daemon_declines_other_clients_and_seals_with_a_new_key_at_once(self):
        daemon = self.start_daemon()
        answer = self.ask('{"seawall": "push", "version": 2, "new": {}}')
        self.assertEqual((answer["version"], answer["taken"]), (1, False))
        self.assertFalse(self.ask("GET / HTTP/1.1")["taken"])
        self.assertFalse(self.ask(json.dumps({"seawall": "push", "version": 1, "policy": self.policy, "digest": "0" * 64,
                                              "file": "/x/pg_wal/000000010000000000000001"}))["taken"])
        self.assertEqual(self.pushes(daemon)["declined"], 3)

        segment = self.archive_some()
        sealed = harness.read(self.object_of(segment))
        envelope.opened(sealed, harness.read(self.key))
        new_key = os.path.join(self.folder, "two.key")
        run(harness.SEAWALL, "key", "create", new_key)
        self.seawall("key", "rotate", "--to", f"file:{new_key}")
        # Before the daemon has seen the new text, and after.
        first = self.archive_some()
        self.wait_for(lambda: "read anew" in daemon.log(), what="the new policy")
        before = self.pushes(daemon)["stored"]
        second = self.archive_some()
        self.wait_for(lambda: self.pushes(daemon)["stored"] > before, what="a push served")
        for segment in (first, second):
            envelope.opened(harness.read(self.object_of(segment)), harness.read(new_key))
        self.assertIn("no holes", self.seawall("wal", "audit").out)

        # So does a receiver that is run by hand.
        receiver = self.start_seawall("wal", "receive", "--slot", "by_hand")
        self.wait_for(lambda: self.primary.sql("select active from pg_replication_slots") == "t", what="the receiver")
        third_key = os.path.join(self.folder, "three.key")
        run(harness.SEAWALL, "key", "create", third_key)
        self.seawall("key", "rotate", "--to", f"file:{third_key}")
        self.wait_for(lambda: self.newest_chunk_is_sealed_by(third_key), what="a chunk sealed by the new key")
        receiver.send_signal(signal.SIGTERM)
        done = self.finished(receiver)
        self.assertEqual(done.code, 0, done)
        self.assertIn("is read anew", done.err)

        # What goes wrong in the daemon is told as if it had gone wrong here.
        lost = self.push("0000000100000000000000FF")
        self.assertEqual(lost.code, 3, lost)


if __name__ == "__main__":
    main()
