"""`seawall run` for tests: started under a clock of its own, asked over HTTP, watched by its log."""

import json
import os
import socket
import urllib.error
import urllib.request

import harness
from faketime import Clock
from harness import ClusterTest

SLOT = "20280228T190000Z"       # 03:00 of 29 February in Singapore
DUMP_SLOT = "20280228T193000Z"  # 03:30

DUMPS = ('  dumps:\n    nightly: {{ at: "03:30", retain: 90d, store: file://{}, finish_within: 2h }}\n')
SNAPSHOTS = ('  pitr: { retain: 7d }\n  snapshots:\n    nightly: { at: "03:00", retain: 30d }\n'
             '    weekly: { at: "Sun 03:00", retain: 12w }\n')


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Running:
    """One daemon."""

    def __init__(self, process, log, port):
        self.process = process
        self.log_file = log
        self.port = port

    def get(self, path):
        """Status and text; nothing while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()
        except OSError:
            return None, ""

    def state(self):
        code, text = self.get("/status.json")
        return json.loads(text) if code == 200 else {"policies": []}

    def log(self):
        return harness.read(self.log_file).decode(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def ended(self, timeout=60):
        return self.process.wait(timeout)


class DaemonTest(ClusterTest):
    """A cluster whose policy has all layers, a clock that the test sets, and daemons."""

    run_section = ""

    def make(self, moment, extra=""):
        """Adopted at this moment, when the first daemon may be started."""
        self.clock = Clock(self.folder)
        self.clock.set(moment)
        self.dumps = os.path.join(self.folder, "dumps")
        self.ports = []
        self.daemons = []
        self.primary = self.make_cluster()
        self.extra = extra
        self.write()
        self.primary.start()
        self.faked("apply")
        self.primary.sql("create table t (id serial primary key, body text); "
                         "insert into t (body) select md5(i::text) from generate_series(1, 2000) i")

    def write(self, listen=True):
        """The policy, with a port for the next daemon to listen at."""
        if listen:
            self.ports.append(free_port())
        self.write_policy(self.primary, layers=SNAPSHOTS + DUMPS.format(self.dumps),
                          extra=f"run: {{ listen: \"127.0.0.1:{self.ports[-1]}\", retry_after: 1m{self.run_section} }}\n"
                                + self.extra)

    def faked(self, *arguments, **options):
        return self.seawall(*arguments, env=self.clock.environment, **options)

    def start_daemon(self, *arguments, policy=None, program=(), env=None, name=None):
        log = os.path.join(self.folder, f"daemon-{len(os.listdir(self.folder))}.log")
        with open(log, "w") as out:
            process = harness.subprocess.Popen(
                [*program, harness.SEAWALL, "run", policy or self.policy, *arguments], stdin=harness.subprocess.DEVNULL,
                stdout=out, stderr=out, env={**os.environ, **self.clock.environment, **(env or {})})

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
        self.addCleanup(end)
        self.daemons.append(Running(process, log, self.ports[-1]))
        return self.daemons[-1]

    def wait_for(self, condition, seconds=30, what="a condition"):
        try:
            super().wait_for(condition, seconds, what)
        except AssertionError as failure:
            logs = "\n".join(daemon.log() for daemon in self.daemons)
            raise AssertionError(f"{failure}\n{logs}") from None

    def wait_ready(self, daemon):
        self.wait_for(lambda: daemon.get("/readyz")[0] == 200, what="readiness")

    def snapshots(self):
        return [one["id"] for one in self.faked("--json", "list").json()["snapshots"]]

    def stored_dumps(self):
        return sorted(name for name in os.listdir(self.dumps) if name.endswith(".json")) \
            if os.path.isdir(self.dumps) else []

    def records(self, lane, slot):
        """Outcomes of the attempts at a slot."""
        folder = os.path.join(self.repository, "runs", lane, slot)
        if not os.path.isdir(folder):
            return []
        return [json.loads(harness.read(os.path.join(folder, name)))["body"]["outcome"] for name in sorted(os.listdir(folder))
                if not name.startswith(".")]

    def claims(self, lane, slot):
        folder = os.path.join(self.repository, "claims", lane, slot)
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []
