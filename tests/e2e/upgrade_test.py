"""seawall replaced by another version beside a running daemon, and back: archiving, slots and backups go on.

The other version is this one with another number in it, put there byte by byte: what is tested is that two programs that
call themselves by different versions work on one repository and one socket, not what a future version will do."""

import os
import shutil
import signal

import harness
from daemons import Running, free_port
from harness import ClusterTest, main, run

OURS = run(harness.SEAWALL, "--version").out.strip()
OTHER = "9" + OURS[1:]


class Upgrade(ClusterTest):
    def setUp(self):
        super().setUp()
        built = harness.read(harness.SEAWALL)
        self.assertEqual(built.count(OURS.encode() + b"\0"), 1, "the version stands in the program once")
        self.programs = {OURS: built, OTHER: built.replace(OURS.encode() + b"\0", OTHER.encode() + b"\0")}
        self.installed = os.path.join(self.folder, "bin", "seawall")
        os.mkdir(os.path.dirname(self.installed))
        shutil.copy2(harness.SEAWALL + "-wal", self.installed + "-wal")
        self.install(OURS)
        before = harness.SEAWALL
        harness.SEAWALL = self.installed
        self.addCleanup(lambda: setattr(harness, "SEAWALL", before))
        self.port = free_port()
        self.primary = self.make_cluster()
        self.write_policy(self.primary, timezone="UTC",
                          extra=f'run: {{ socket: {self.folder}/push.sock, listen: "127.0.0.1:{self.port}" }}\n')
        self.primary.start()
        self.seawall("apply")
        self.primary.sql("create table t (i int)")

    def install(self, version):
        """As a whole, as install(1) does it."""
        with open(self.installed + ".new", "wb") as file:
            file.write(self.programs[version])
        os.chmod(self.installed + ".new", 0o755)
        os.replace(self.installed + ".new", self.installed)
        self.assertEqual(run(self.installed, "--version").out.strip(), version)

    def start_daemon(self):
        log = os.path.join(self.folder, f"daemon-{len(os.listdir(self.folder))}.log")
        with open(log, "w") as out:
            process = harness.subprocess.Popen([self.installed, "run", self.policy], stdin=harness.subprocess.DEVNULL,
                                               stdout=out, stderr=out)
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        daemon = Running(process, log, self.port)
        self.wait_for(lambda: "wal push is served" in daemon.log() and daemon.get("/readyz")[0] == 200, what="the daemon ready")
        return daemon

    def restart(self, daemon):
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.ended(), 0, daemon.log())
        return self.start_daemon()

    def write(self, number):
        self.primary.sql(f"insert into t values ({number})")
        self.archive_now(self.primary)

    def stored(self, daemon):
        return int(daemon.get("/metrics")[1].split('pushes_total{outcome="stored"} ')[1].split("\n")[0])

    def test_forth_and_back(self):
        daemon = self.start_daemon()
        self.assertEqual(daemon.state()["version"], OURS)
        self.seawall("backup", "snapshots")
        number = 0
        for version in (OTHER, OURS):
            # The program is replaced; the daemon goes on as the one before, and the new one pushes through it.
            self.install(version)
            served = self.stored(daemon)
            number += 1
            self.write(number)
            self.assertGreater(self.stored(daemon), served, daemon.log())
            daemon = self.restart(daemon)
            self.assertEqual(daemon.state()["version"], version)
            number += 1
            self.write(number)
            self.seawall("backup", "snapshots")
            self.seawall("verify")
            restored = self.restored("--at", "latest", name=f"restored-{number}")
            self.assertEqual(restored.sql("select string_agg(i::text, ' ' order by i) from t"),
                             " ".join(str(one) for one in range(1, number + 1)))
            restored.stop()
        # Each reads the records of the other.
        self.assertEqual(len(self.seawall("--json", "list").json()["snapshots"]), 3)
        self.assertIn("no holes", self.seawall("wal", "audit").out)
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.ended(), 0, daemon.log())


if __name__ == "__main__":
    main()
