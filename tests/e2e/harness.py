"""Real PostgreSQL clusters and the built seawall, for end-to-end tests.

Run as root, the tests become the user postgres first (PostgreSQL does not run as root, nor should seawall). All that
they make is below one temporary folder; servers listen on a Unix socket there, and end with the test.
"""

import json
import os
import pwd
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import envelope

SEAWALL = os.environ.get("SEAWALL", "build/release/seawall")
MAJOR = os.environ.get("SEAWALL_PG_MAJOR", "15")
PG_BIN = os.environ.get("SEAWALL_PG_BIN", f"/usr/lib/postgresql/{MAJOR}/bin")
LONG = os.environ.get("SEAWALL_LONG") == "1"
SEALED = os.environ.get("SEAWALL_SEALED") == "1"  # every repository is encrypted, by a key file


def become_postgres():
    """Leaves root behind, with a copy of the program where the new user can run it."""
    global SEAWALL
    source = os.path.abspath(SEAWALL)
    if not os.path.exists(source):
        sys.exit(f"there is no {source}: build it first")
    home = tempfile.mkdtemp(prefix="seawall-e2e-")
    SEAWALL = os.path.join(home, "seawall")
    shutil.copy2(source, SEAWALL)
    os.chmod(SEAWALL, 0o755)
    shutil.copy2(source + "-wal", SEAWALL + "-wal")
    os.chmod(SEAWALL + "-wal", 0o755)
    os.chmod(home, 0o755)
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(home, user.pw_uid, user.pw_gid)
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    os.environ["HOME"] = home
    os.environ["TMPDIR"] = home  # what a killed restore leaves there goes with it
    os.environ["LC_ALL"] = "C.UTF-8"
    os.environ["PATH"] = PG_BIN + ":" + os.environ.get("PATH", "/usr/bin:/bin")
    for name in list(os.environ):
        if name.startswith("PG"):
            del os.environ[name]
    os.chdir(home)
    return home


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


def run(*arguments, env=None, check=True, timeout=90, cwd=None):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=timeout, cwd=cwd,
                          env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL)
    if check and done.returncode != 0:
        raise AssertionError(f"{arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return Result(done)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def dice():
    """The random choices of a test; its seed is printed, and SEAWALL_SEED replays it."""
    seed = int(os.environ.get("SEAWALL_SEED") or random.randrange(10 ** 6))
    print(f"SEAWALL_SEED={seed}", end=" ", file=sys.stderr, flush=True)
    return random.Random(seed)


def processes_naming(text):
    """The command lines of the processes that name this, such as a server on a data directory."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended beside us
        if text in line:
            found[int(pid)] = line
    return found


class Cluster:
    """A PostgreSQL cluster in a folder of its own."""

    def __init__(self, folder, port=5432, socket=None):
        self.data = os.path.join(folder, "data")
        self.socket = socket or folder
        self.port = port
        self.log = os.path.join(folder, "server.log")

    def initdb(self, *options):
        run(os.path.join(PG_BIN, "initdb"), "-D", self.data, "-U", "postgres", "-A", "trust", "-k", "--no-sync",
            "-E", "UTF8", "--locale=C.UTF-8", *options)
        self.configure({
            "listen_addresses": "",
            "unix_socket_directories": self.socket,
            "port": str(self.port),
            "fsync": "on",
            "wal_level": "replica",
            "max_wal_senders": "5",
            "shared_buffers": "64MB",
            "timezone": "UTC",
            "log_min_messages": "warning",
        })
        return self

    def configure(self, settings):
        with open(os.path.join(self.data, "postgresql.conf"), "a") as conf:
            for name, value in settings.items():
                quoted = str(value).replace("'", "''")
                conf.write(f"{name} = '{quoted}'\n")

    def start(self, timeout=60, env=None):
        run(os.path.join(PG_BIN, "pg_ctl"), "-D", self.data, "-l", self.log, "-w", "-t", timeout,
            "-o", f"-k {self.socket} -p {self.port} -c listen_addresses=", "start", timeout=timeout + 10, env=env)
        return self

    def stop(self, mode="fast"):
        run(os.path.join(PG_BIN, "pg_ctl"), "-D", self.data, "-m", mode, "-w", "stop", check=False)

    def running(self):
        return run(os.path.join(PG_BIN, "pg_ctl"), "-D", self.data, "status", check=False).code == 0

    def url(self, database="postgres", user="postgres"):
        return f"postgresql://{user}@/{database}?host={self.socket}&port={self.port}"

    def sql(self, text, database="postgres", user="postgres"):
        return run("psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.url(database, user), "-c",
                   text).out.strip()

    def content(self, database="postgres"):
        """Every user table's rows as one hash each: what a restore is compared by."""
        tables = self.sql(
            "select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class c join pg_namespace n on "
            "n.oid = c.relnamespace where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' "
            "order by 1", database).split("\n")
        return {t: self.sql(f"select count(*) || ' ' || coalesce(md5(string_agg(r::text, '|' order by r::text)), '') "
                            f"from {t} r", database) for t in tables if t}


class ClusterTest(unittest.TestCase):
    """A test with a cluster, a repository and a policy, all of its own."""

    initdb_options = ()
    retain = "7d"
    exclude = ()

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="e2e-", dir="/tmp")
        self.clusters = []
        self.repository = os.path.join(self.folder, "repository")
        self.policy = os.path.join(self.folder, "seawall.yaml")
        self.addCleanup(self.clean_up)

    def clean_up(self):
        for cluster in self.clusters:
            if os.path.exists(cluster.data):
                cluster.stop("immediate")
        if os.environ.get("SEAWALL_KEEP") != "1":
            shutil.rmtree(self.folder, ignore_errors=True)

    def make_cluster(self, name="primary", archive=True, port=5432, options=None):
        folder = os.path.join(self.folder, name)
        os.mkdir(folder, 0o700)
        cluster = Cluster(folder, port)
        cluster.initdb(*(self.initdb_options if options is None else options))
        self.clusters.append(cluster)
        if archive:
            self.archive_from(cluster)
        return cluster

    def archive_from(self, cluster):
        cluster.configure({"archive_mode": "on",
                           "archive_command": f"{SEAWALL}-wal --policy {self.policy} wal push %p"})

    def cluster_at(self, data, name="restored", port=5432):
        folder = os.path.join(self.folder, name + "-run")
        os.makedirs(folder, exist_ok=True)
        cluster = Cluster(folder, port)
        cluster.data = data
        self.clusters.append(cluster)
        return cluster

    def write_policy(self, cluster, extra="", database="postgres", layers=None, timezone="Asia/Singapore"):
        rows = ", ".join(f'"{t}"' for t in self.exclude)
        layers = layers or (f"  pitr: {{ retain: {self.retain} }}\n  snapshots:\n"
                            '    nightly: { at: "03:00", retain: 30d }\n')
        with open(self.policy, "w") as policy:
            policy.write(f"version: 1\nname: test\ntimezone: {timezone}\n"
                         f"database:\n  provider: native\n  url: {cluster.url(database)}\n"
                         f"repository:\n  store: file://{self.repository}\n{self.encryption()}"
                         f"layers:\n{layers}"
                         f"exclude: {{ rows_of: [{rows}] }}\n{extra}")

    def encryption(self):
        """What the policy says of the repository's encryption."""
        if not SEALED:
            return ""
        key = os.path.join(self.folder, "repository.key")
        if not os.path.exists(key):
            run(SEAWALL, "key", "create", key)
        return f"  encryption: {{ key: file:{key} }}\n"

    def stored(self, key):
        """An object of the repository as it was before it was sealed, if it was."""
        body = read(os.path.join(self.repository, key))
        if not SEALED or key == "repository.json":
            return body
        return envelope.opened(body, read(os.path.join(self.folder, "repository.key")))

    def seawall(self, *arguments, **options):
        return run(SEAWALL, "--policy", self.policy, *arguments, **options)

    def start_seawall(self, *arguments, program=(), **options):
        """Runs beside the test; it is killed when the test ends, if it runs still."""
        options["env"] = {**os.environ, **options.get("env", {})}
        process = subprocess.Popen([*program, SEAWALL, "--policy", self.policy, *(str(a) for a in arguments)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   **options)

        def end():
            if process.poll() is None:
                process.kill()
            process.communicate()
        self.addCleanup(end)
        return process

    def finished(self, process, timeout=90):
        """Waits for what start_seawall started."""
        out, err = process.communicate(timeout=timeout)
        return Result(subprocess.CompletedProcess(process.args, process.returncode, out, err))

    def archive_now(self, cluster):
        """All that is written until now is in the archive; the name of the segment that it ends in."""
        cluster.sql("create table if not exists archive_tick (at timestamptz); insert into archive_tick values (now())")
        name = cluster.sql("select pg_walfile_name(pg_switch_wal())")
        self.wait_for(lambda: cluster.sql("select coalesce(last_archived_wal, '') from pg_stat_archiver") >= name,
                      what=f"{name} archived")
        return name

    def restored(self, *arguments, name="restored", start=True):
        """Restores into a new folder and starts a server on it."""
        target = os.path.join(self.folder, name)
        self.seawall("restore", "--to", target, *arguments)
        cluster = self.cluster_at(target, name)
        return cluster.start() if start else cluster

    def wait_for(self, condition, seconds=30, what="a condition"):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.1)
        self.fail(f"{what} did not come true within {seconds} s")


def main():
    home = become_postgres()
    try:
        unittest.main(verbosity=2)
    finally:
        shutil.rmtree(home, ignore_errors=True)
