"""The two programs, each doing the same jobs. A job that is measured returns its Usage."""

import json
import os
import re
import shutil
import subprocess
import time

import measure


class Contestant:
    """One program with one choice of settings, and a repository of its own below the work folder."""

    def __init__(self, name, work):
        self.name = name
        self.folder = os.path.join(work, "repository-" + re.sub(r"[^a-z0-9.]+", "-", name.lower()))

    def stored(self):
        return measure.bytes_below(os.path.join(self.folder, "repository"))

    def settle(self):
        """What was started besides has ended."""

    def clear(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(os.path.join(self.folder, "repository"))


class Seawall(Contestant):
    def __init__(self, program, work, daemon=False):
        super().__init__("seawall", work)
        self.program = program
        self.daemon = daemon  # which is who `wal push` finds on a host that is set up as the guide says
        self.running = None
        self.policy = os.path.join(self.folder, "seawall.yaml")

    def command(self, *words):
        return (self.program, "--policy", self.policy, *words)

    def reset(self, bench):
        self.clear()
        with open(self.policy, "w") as policy:
            policy.write(f"version: 1\nname: bench\ntimezone: Etc/UTC\ndatabase: {{ url: '{bench.server.url()}' }}\n"
                         f"repository: {{ store: 'file://{self.folder}/repository' }}\n"
                         'layers:\n  pitr: { retain: 7d }\n  snapshots: { nightly: { at: "03:00", retain: 30d } }\n'
                         f"limits: {{ jobs: 2 }}\nrun: {{ socket: '{self.folder}/push.sock' }}\n")
        measure.run(*self.command("apply"))
        if self.daemon:
            with open(os.path.join(self.folder, "daemon.log"), "w") as log:
                self.running = subprocess.Popen([self.program, "run", self.policy], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            while not os.path.exists(os.path.join(self.folder, "push.sock")):
                time.sleep(0.05)
            time.sleep(1)  # it looks at its repository first

    def settle(self):
        if self.running:
            self.running.terminate()

    def backup(self, full):
        time.sleep(1.1)  # snapshots are named by the second
        return measure.run(*self.command("-q", "backup", "snapshots"))

    def newest(self):
        answer = os.path.join(self.folder, "list.json")
        measure.run(*self.command("--json", "list"), output=answer)
        return json.load(open(answer))["snapshots"][-1]["id"]

    def restore(self, bench, target, delta=False):
        """Wall time until the files are durable, and the time of the replay, promotion and shutdown behind it."""
        answer = os.path.join(self.folder, "restore.json")
        words = ("--json", "-q", "restore", "--snapshot", self.newest(), "--to", target) + (("--delta",) if delta else ())
        usage = measure.run(*self.command(*words), output=answer)
        times = json.load(open(answer))
        usage.behind = times["total_seconds"] - times["files_seconds"]
        usage.wall -= usage.behind
        return usage

    def push(self, data, name):
        return measure.run(self.program + "-wal", "--policy", self.policy, "wal", "push", f"pg_wal/{name}", cwd=data)

    def get(self, name, to):
        return measure.run(self.program + "-wal", "wal", "get", "--plan", self.plan, name, to)

    def plan_get(self, bench, names, spool):
        """As `seawall restore` writes it for the server that it starts."""
        self.plan = os.path.join(self.folder, "plan.json")
        os.makedirs(spool, exist_ok=True)
        numbers = [int(name[8:16], 16) << 8 | int(name[16:], 16) for name in names]
        with open(self.plan, "w") as plan:
            json.dump({"policy": self.policy, "epoch": 1, "timeline": 1, "last_is_partial": False, "spool": spool,
                       "legs": [{"timeline": 1, "first": numbers[0], "last": numbers[-1]}]}, plan)


class PgBackRest(Contestant):
    """`options` are pgBackRest's own, written into its configuration."""

    def __init__(self, version, program, label, work, **options):
        super().__init__(f"pgBackRest {version} {label}".rstrip(), work)
        self.program = program
        self.options = options

    def command(self, *words):
        return (self.program, "--config=" + os.path.join(self.folder, "pgbackrest.conf"), "--stanza=main", *words)

    def reset(self, bench):
        self.clear()
        self.write_settings(bench, {"repo1-path": f"{self.folder}/repository"})
        measure.run(*self.command("stanza-create"))

    def write_settings(self, bench, repository):
        settings = {**repository, "lock-path": f"{self.folder}/lock", "spool-path": f"{self.folder}/spool",
                    "log-level-file": "off", "log-level-console": "warn", "process-max": 2, "start-fast": "y", "archive-check": "n",
                    "compress-type": "zst", "compress-level": 3, "archive-get-queue-max": "1GiB", "archive-push-queue-max": "16GiB",
                    **{name.replace("_", "-"): value for name, value in self.options.items()}}
        if settings["compress-type"] != "zst":
            del settings["compress-level"]
        with open(os.path.join(self.folder, "pgbackrest.conf"), "w") as conf:
            conf.write("[global]\n" + "".join(f"{name}={value}\n" for name, value in settings.items()) +
                       f"[main]\npg1-path={bench.server.data}\npg1-socket-path={bench.server.socket}\npg1-port={bench.server.port}\n"
                       "pg1-user=postgres\n")

    def backup(self, full):
        return measure.run(*self.command("backup", "--type=full" if full else "--type=incr"))

    def restore(self, bench, target, delta=False):
        words = ["restore", f"--pg1-path={target}", "--type=immediate", "--target-action=promote",
                 f"--recovery-option=restore_command=cp {bench.server.data}/pg_wal/%f %p"]
        usage = measure.run(*self.command(*words, *(["--delta"] if delta else [])))
        usage.behind = 0.0
        return usage

    def push(self, data, name):
        return measure.run(*self.command("archive-push", f"--pg1-path={data}", f"pg_wal/{name}"), cwd=data)

    def get(self, name, to):
        return measure.run(*self.command("archive-get", name, to), cwd=os.path.dirname(os.path.dirname(to)))

    def plan_get(self, bench, names, spool):
        pass
