"""SIGKILL at random moments of all that writes: nothing half done is taken for whole, the same again succeeds.

SEAWALL_LONG=1 kills a thousand times.
"""

import json
import os
import shutil
import signal
import time

import harness
from faketime import age, later
from harness import LONG, ClusterTest, main, processes_naming, read

KILLS = 125 if LONG else 2  # of each command


class CrashTest(ClusterTest):
    exclude = ("public.sessions",)

    def setUp(self):
        super().setUp()
        self.dice = harness.dice()
        self.usual = {}  # seconds that a whole run took

    def make(self, archive=True, rows=20000, layers=None):
        self.primary = self.make_cluster(archive=archive)
        self.write_policy(self.primary, layers=layers)
        self.primary.start()
        self.seawall("apply")
        self.primary.sql("create table t (id int primary key, body text); create table sessions (token text); "
                         "insert into sessions values ('secret')")
        self.fill(rows)

    def fill(self, rows=2000):
        self.primary.sql(f"insert into t select coalesce((select max(id) from t), 0) + i, "
                         f"repeat(md5(random()::text), 20) from generate_series(1, {rows}) i")

    def whole(self, name, *arguments, **options):
        """A run that is left alone; its time is the span in which the others are killed."""
        begun = time.monotonic()
        done = self.seawall(*arguments, **options)
        self.usual[name] = time.monotonic() - begun
        return done

    def kill_at_random(self, name, *arguments, **options):
        """True if it was killed, false if it was done before."""
        process = self.start_seawall(*arguments, **options)
        time.sleep(self.dice.uniform(0, self.usual[name]))
        process.kill()
        self.finished(process)
        return process.returncode == -signal.SIGKILL

    def until_killed(self, kills, attempt):
        """As many real kills; a run that was done before its kill does not count."""
        for _ in range(10 * kills):
            if attempt():
                kills -= 1
            if kills == 0:
                return
        self.fail("the runs were always done before they were killed")

    def all_is_right(self):
        self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])
        hidden = [at for folder, _, names in os.walk(self.repository) for at in (f"{folder}/{n}" for n in names)
                  if "/." in at]
        self.assertEqual(hidden, [])

    def comes_back(self, *arguments, name="restored"):
        before = self.primary.content()
        before["public.sessions"] = "0"
        restored = self.restored(*arguments, name=name)
        self.assertEqual(restored.content(), before)
        restored.stop("immediate")

    def snapshots(self):
        return [one["id"] for one in self.seawall("--json", "list").json()["snapshots"]]


class Crash(CrashTest):
    def test_apply(self):
        primary = self.make_cluster(archive=False).start()
        self.write_policy(primary)
        self.whole("apply", "apply")

        def attempt():
            shutil.rmtree(self.repository)
            killed = self.kill_at_random("apply", "apply")
            self.seawall("apply")
            self.all_is_right()
            return killed
        self.until_killed(KILLS, attempt)

    def test_wal_push(self):
        self.make(archive=False)
        self.primary.stop()
        self.primary.configure({"archive_mode": "on", "archive_command": ""})  # segments wait, and nobody comes
        self.primary.start()
        data = self.primary.data

        def next_segment():
            name = self.primary.sql("insert into sessions values ('x'); select pg_walfile_name(pg_current_wal_lsn())")
            self.primary.sql("select pg_switch_wal()")
            return name
        self.whole("push", "wal", "push", f"pg_wal/{next_segment()}", cwd=data)

        def attempt():
            name = next_segment()
            killed = self.kill_at_random("push", "wal", "push", f"pg_wal/{name}", cwd=data)
            self.seawall("wal", "push", f"pg_wal/{name}", cwd=data)
            got = os.path.join(self.folder, "got")
            self.seawall("wal", "get", name, got)
            self.assertTrue(read(got) == read(f"{data}/pg_wal/{name}"), f"{name} came back with another content")
            os.remove(got)
            os.remove(f"{data}/pg_wal/archive_status/{name}.ready")
            return killed
        self.until_killed(KILLS, attempt)
        self.all_is_right()

    def test_wal_receive_snapshots_verify_and_prune(self):
        self.make(archive=False)
        receive = ("wal", "receive", "--slot", "seawall")
        prune = ("prune", "--apply", "--wait", "1s")
        self.seawall(*receive, "--until-idle")
        self.whole("snapshot", "backup", "snapshots")
        self.whole("verify", "verify")
        self.whole("prune", *prune, env=later(days=40))
        self.usual["receive"] = 0.7

        def attempt():
            receiver = self.start_seawall(*receive)
            self.fill(self.dice.randrange(10000))
            time.sleep(self.dice.uniform(0, self.usual["receive"]))
            receiver.kill()
            self.finished(receiver)
            there = self.snapshots()
            killed = [self.kill_at_random("snapshot", "backup", "snapshots")]
            self.assertLessEqual(len(self.snapshots()), len(there) + 1)  # killed behind its commit it is whole
            self.all_is_right()
            self.kill_at_random("verify", "verify")
            time.sleep(1)  # a snapshot by hand is named after its second; and --wait
            newest = self.seawall("--json", "backup", "snapshots").json()["id"]
            age(self.repository)
            killed.append(self.kill_at_random("prune", *prune, env=later(days=40)))
            self.assertEqual(self.snapshots()[-1], newest)
            self.all_is_right()
            return any(killed)
        self.until_killed(KILLS, attempt)

        for _ in range(3):
            age(self.repository)
            time.sleep(1.1)
            pruned = self.seawall("--json", *prune, env=later(days=40)).json()
        self.assertEqual((pruned["condemn"], pruned["waiting"], pruned["remove"]), ([], [], []))
        self.assertEqual(len(self.snapshots()), 1)
        self.assertFalse(os.path.exists(os.path.join(self.repository, "condemned")))
        self.seawall(*receive, "--until-idle")
        self.seawall("wal", "audit")
        self.all_is_right()
        self.comes_back("--at", "latest")

    def no_server_is_left(self, target):
        """The sealed server ends with the restore that started it."""
        try:
            self.wait_for(lambda: not processes_naming(target), seconds=10, what=f"no process on {target}")
        finally:
            for pid in processes_naming(target):  # the failing test leaves none either
                os.kill(pid, signal.SIGQUIT)

    def test_restore_and_restore_delta(self):
        self.make()
        self.seawall("backup", "snapshots")
        self.fill(5000)
        self.archive_now(self.primary)
        before = self.primary.content()
        before["public.sessions"] = "0"
        self.usual["restore"] = 2.5
        for number in range(max(1, KILLS // 4)):
            target = os.path.join(self.folder, f"restored{number}")
            restore = ("restore", "--at", "latest", "--to", target)
            self.kill_at_random("restore", *restore)
            self.no_server_is_left(target)
            self.kill_at_random("restore", *restore, "--delta")
            self.no_server_is_left(target)
            self.kill_when_its_server_runs(target, *restore, "--delta")
            self.no_server_is_left(target)
            self.spoil_spool(target)
            self.seawall(*restore, "--delta")
            restored = self.cluster_at(target, f"restored{number}").start()
            self.assertEqual(restored.content(), before)
            restored.stop("immediate")
            shutil.rmtree(target)

    def test_a_cluster_that_is_promoted_but_not_scrubbed_stays_closed(self):
        self.make()
        self.primary.sql("alter table sessions add primary key (token); "
                         "create table kept (token text references sessions); "
                         "create function wait() returns trigger language plpgsql as "
                         "'begin perform pg_sleep(3); return null; end'; "
                         "create trigger wait before truncate on sessions execute function wait(); "
                         "alter table sessions enable always trigger wait")  # no other fires while scrubbing
        self.seawall("backup", "snapshots")
        self.archive_now(self.primary)
        target = os.path.join(self.folder, "restored")
        restore = ("restore", "--at", "latest", "--to", target)
        done = self.seawall(*restore, check=False)
        self.assertEqual(done.code, 5, done)
        self.assertIn("scrubbing", done.err)
        cluster = self.cluster_at(target)
        with self.assertRaises(AssertionError):
            cluster.start()
        self.assertIn("this restore is not finished", read(cluster.log).decode())
        told = json.loads(read(os.path.join(target, "seawall-restored.json")))
        self.assertEqual((told["state"], told["emptied"]), ("closed", []))
        self.assertIn("scrubbing", told["error"])

        # A kill in the middle of the scrub.
        self.exclude = ("public.sessions", "public.kept")
        self.write_policy(self.primary)
        process = self.start_seawall(*restore, "--delta")
        self.wait_for(lambda: any("/postgres -D" in line for line in processes_naming(target).values()),
                      what="a server")
        self.wait_for(lambda: not os.path.exists(f"{target}/recovery.signal"), what="its promotion")
        process.kill()
        self.finished(process)
        self.no_server_is_left(target)
        with self.assertRaises(AssertionError):
            cluster.start()

        self.seawall(*restore, "--delta")
        cluster.start()
        self.assertEqual(cluster.sql("select count(*) from sessions"), "0")
        self.assertNotIn(b"seawall: this restore", read(f"{target}/postgresql.auto.conf"))

    def kill_when_its_server_runs(self, target, *arguments):
        process = self.start_seawall(*arguments)
        self.wait_for(lambda: process.poll() is not None or
                      any("/postgres -D" in line for line in processes_naming(target).values()), what="a server")
        time.sleep(self.dice.uniform(0, 1))
        process.kill()
        self.finished(process)

    def spoil_spool(self, target):
        """What a killed restore fetched ahead may be of another epoch: nobody trusts it."""
        spool = target + ".seawall-spool"
        os.makedirs(spool, exist_ok=True)
        for name in os.listdir(self.primary.data + "/pg_wal"):
            if len(name) == 24:
                with open(os.path.join(spool, name), "wb") as file:
                    file.write(bytes(16 << 20))


class CrashOfDumps(CrashTest):
    def test_dump_and_restore_dump(self):
        dumps = os.path.join(self.folder, "dumps")
        self.make(archive=False, rows=40000,
                  layers=f'  dumps:\n    nightly: {{ at: "03:30", retain: 90d, store: "file://{dumps}" }}\n')
        self.whole("dump", "backup", "dumps")

        def attempt():
            self.fill(500)
            killed = self.kill_at_random("dump", "backup", "dumps", "--again")
            for one in self.seawall("--json", "list").json()["dumps"]:
                record = os.path.join(dumps, one["name"] + ".json")
                self.assertEqual(os.path.exists(record), bool(one["finished"]), one)
            self.assertEqual([n for n in os.listdir(dumps) if n.startswith(".")], [])
            return killed
        self.until_killed(KILLS, attempt)
        self.seawall("backup", "dumps", "--again")
        into = ("restore", "dump", "latest", "--into", self.primary.url("copy"), "--create", "-j", "2")
        self.whole("restore", *into)
        before = self.primary.content()
        before["public.sessions"] = "0"

        def attempt_restore():
            self.primary.sql("drop database if exists copy with (force)")
            killed = self.kill_at_random("restore", *into)
            self.wait_for(lambda: not processes_naming("dbname=copy"), seconds=10, what="no pg_restore on it")
            others = ("select count(*) from pg_stat_activity where backend_type = 'client backend' "
                      "and pid <> pg_backend_pid()")
            self.wait_for(lambda: self.primary.sql(others) == "0", what="what the server was doing ended")
            return killed
        self.until_killed(KILLS, attempt_restore)
        self.primary.sql("drop database if exists copy with (force)")
        self.seawall(*into)
        self.assertEqual(self.primary.content("copy"), before)


if __name__ == "__main__":
    main()
