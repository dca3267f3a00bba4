"""What tests of drills share: a cluster that is archived, with a snapshot, a dump and something to lose."""

import json
import os
import subprocess
import tempfile
import time

from harness import ClusterTest, processes_naming

# Questions that a policy of this database asks.
CHECKS = """
  checks:
    - { name: staff can log in, sql: "select count(*) from staff_users where password_hash is null", expect: "0" }
    - { name: there are clients, sql: "select count(*) from clients", expect: ">= 100" }
"""


def in_browser(page, picture=None):
    """The page as Chromium has it, after its layout; a picture of it, if wanted."""
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--disable-background-networking", f"--user-data-dir={profile}", "--window-size=1000,1600"]
        options += [f"--screenshot={picture}"] if picture else ["--dump-dom"]
        done = subprocess.run(["chromium", *options, f"file://{page}"], capture_output=True, text=True, timeout=60, check=True,
                              env={**os.environ, "HOME": profile})
        return done.stdout


class DrillTest(ClusterTest):
    exclude = ("public.staff_sessions", "jobs.*")
    initdb_options = ()
    dump_more = ""
    objectives = "objectives: { rto: 10m, rpo: 1h }\n"
    checks = CHECKS

    def make(self, cluster=None, started=False):
        self.scratch = os.path.join(self.folder, "scratch")
        self.dumps = os.path.join(self.folder, "dumps")
        self.primary = cluster or self.make_cluster()
        self.write_policy(self.primary, extra=self.extra(), database="shop", layers=self.layers())
        if not started:
            self.primary.start()
        self.primary.sql("create database shop")
        self.sql("""
            create extension pg_trgm;
            create role app login; create role reader;
            create table clients (id serial primary key, name text not null);
            create table orders (id bigint generated always as identity primary key, client int not null references clients,
                                 note text);
            create index on orders (note);
            create table staff_users (id serial primary key, login text unique, password_hash text);
            create table staff_sessions (id serial primary key, staff int not null references staff_users, token text not null);
            create schema jobs; create table jobs.job (id uuid primary key, state text not null);
            create schema seawall; create table seawall.heartbeat (at timestamptz not null);
            create view busy as select client, count(*) n from orders group by 1;
            grant select on clients to reader;
            insert into clients (name) select 'client ' || i from generate_series(1, 1000) i;
            insert into orders (client, note) select 1 + i % 1000, md5(i::text) from generate_series(1, 20000) i;
            insert into staff_users (login, password_hash) select 'staff ' || i, md5(i::text) from generate_series(1, 20) i;
            insert into staff_sessions (staff, token) select id, md5(login) from staff_users;
            insert into jobs.job select gen_random_uuid(), 'created' from generate_series(1, 50);
            create unlogged table cache (i int); insert into cache values (1)""")
        self.seawall("apply")
        return self

    def layers(self):
        return (f"  pitr: {{ retain: {self.retain} }}\n  snapshots:\n"
                '    nightly: { at: "03:00", retain: 30d }\n    weekly: { at: "Sun 03:00", retain: 12w }\n'
                f"  dumps:\n    nightly: {{ at: \"03:30\", retain: 90d, store: \"file://{self.dumps}\"{self.dump_more} }}\n")

    def extra(self, more=""):
        return (f"{self.objectives}drill:\n  weekly: \"Sun 06:00\"\n  quarterly: true\n  scratch: {self.scratch}\n"
                f"  memory: 64MiB\n{self.checks}{more}")

    def sql(self, text):
        return self.primary.sql(text, "shop")

    def protect(self):
        """A snapshot, a dump, and more rows behind them, all archived."""
        self.seawall("backup", "snapshots", "--tier", "weekly")
        self.seawall("backup", "dumps", "--tier", "nightly")
        time.sleep(1.1)  # so that the recovery window has a whole second in it
        self.write_more()

    def write_more(self):
        self.sql("insert into orders (client, note) select 1 + i % 1000, 'later' from generate_series(1, 100) i")
        self.sql("insert into seawall.heartbeat values (clock_timestamp())")
        self.archive_now(self.primary)

    def drill(self, *arguments, code=0, env=None):
        done = self.seawall("--json", "drill", *arguments, check=False, env=env, timeout=120)
        self.assertEqual(done.code, code, done)
        self.assert_nothing_left()
        return done.json()

    def assert_nothing_left(self):
        self.assertEqual(os.listdir(self.scratch), [], "a drill leaves nothing")
        self.assertEqual(processes_naming(self.scratch), {}, "a drill leaves nothing running")
        self.assertEqual(self.working_in_scratch(), [], "nor what it started")

    def working_in_scratch(self):
        """Processes that work below the scratch folder, also when that is gone."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/cwd").startswith(self.scratch):
                    found.append(int(pid))
            except OSError:
                continue  # it ended beside us, or is another user's
        return found

    def check_of(self, record, name):
        found = [one for one in record["checks"] if one["name"] == name]
        self.assertEqual(len(found), 1, record["checks"])
        return found[0]

    def failed_checks(self, record):
        return sorted(one["name"] for one in record["checks"] if one["verdict"] == "failed")

    def newest(self):
        return self.seawall("--json", "drill", "list").json()["drills"][0]

    def findings(self, words):
        status = self.seawall("--json", "status", check=False).json()
        return [one for one in status["findings"] if words in one["what"]]

    def edit_record(self, path, change):
        """Changes a JSON object of a folder's store as a writer that was wrong would have made it."""
        import hashlib
        with open(path, "rb") as file:
            head, _, rest = file.read().partition(b"\n")
        body, closing = rest[:-len(b"\n}\n")], b"\n}\n"
        value = json.loads(body)
        change(value)
        body = json.dumps(value, separators=(",", ":")).encode()
        header = json.loads(head + b"null}")
        digest = hashlib.sha256(body).hexdigest()
        head = head.replace(header["sha256"].encode(), digest.encode())
        os.chmod(path, 0o600)
        with open(path, "wb") as file:
            file.write(head + b"\n" + body + closing)
