"""seawall on a real host: what `make install` puts where, the units, and secrets for who inherits nothing."""

import glob
import os
import re
import shutil
import subprocess
import time

import harness
from harness import ClusterTest, main, run

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Installed(ClusterTest):
    def install(self, **env):
        return run(os.path.join(TREE, "tools", "install.sh"), os.path.abspath(harness.SEAWALL), env=env)

    def test_units_are_whole_and_name_what_is_installed(self):
        prefix = os.path.join(self.folder, "usr")
        self.install(PREFIX=prefix)
        units = os.path.join(prefix, "lib/systemd/system")
        for unit in ("seawall.service", "seawall-once.timer"):
            done = run("systemd-analyze", "verify", os.path.join(units, unit))
            self.assertEqual(done.err, "")
        for service in ("seawall.service", "seawall-once.service"):
            done = run("systemd-analyze", "security", "--offline=yes", "--threshold=25", os.path.join(units, service))
            self.assertRegex(done.out, "NoNewPrivileges|Overall exposure level for " + service)
            text = harness.read(os.path.join(units, service)).decode()
            program = re.search(r"^ExecStart=(\S+) --policy /etc/seawall/seawall.yaml .*run", text, re.M).group(1)
            self.assertEqual(run(program, "--version").code, 0)
            documentation = re.search(r"^Documentation=file:(\S+)", text, re.M).group(1)
            self.assertTrue(os.path.exists(documentation), documentation)
        self.assertIn("_seawall", harness.read(os.path.join(prefix, "share/bash-completion/completions/seawall")).decode())
        self.assertEqual(harness.read(os.path.join(prefix, "share/seawall/seawall.schema.json")),
                         harness.read(os.path.join(TREE, "docs/seawall.schema.json")))

    def test_it_is_staged_within_destdir_and_replaces_a_program_that_runs(self):
        stage = os.path.join(self.folder, "stage")
        self.install(PREFIX="/usr", DESTDIR=stage)
        unit = harness.read(os.path.join(stage, "usr/lib/systemd/system/seawall.service")).decode()
        self.assertIn("ExecStart=/usr/bin/seawall --policy", unit)
        self.assertEqual(os.listdir(stage), ["usr"])
        program = os.path.join(stage, "usr/bin/seawall")
        running = subprocess.Popen([program, "completion", "--help"], stdout=subprocess.PIPE)  # waits to be read
        before = os.stat(program).st_ino
        self.install(PREFIX="/usr", DESTDIR=stage)
        self.assertNotEqual(os.stat(program).st_ino, before)
        self.assertEqual(sorted(os.listdir(os.path.dirname(program))), ["seawall", "seawall-wal"])
        running.communicate()
        refused = run(os.path.join(TREE, "tools", "install.sh"), harness.SEAWALL, env={"PREFIX": "usr"}, check=False)
        self.assertEqual(refused.code, 2)


class Secrets(ClusterTest):
    """The key's name and the database's URL are only in the file beside the policy."""

    def encryption(self):
        return "  encryption: { key: env:BACKUP_KEY }\n"

    def setUp(self):
        super().setUp()
        self.key = os.path.join(self.folder, "host.key")
        run(harness.SEAWALL, "key", "create", self.key)
        self.env_file = os.path.join(self.folder, "env")
        self.primary = self.make_cluster(archive=False)
        self.write_policy(self.primary)
        with open(self.policy) as file:
            text = file.read()
        with open(self.policy, "w") as file:
            file.write(text.replace(self.primary.url(), "env:SHOP_URL"))
        with open(self.env_file, "w") as file:
            file.write(f"# of this host\nBACKUP_KEY='file:{self.key}'\nSHOP_URL=\"{self.primary.url()}\"\n")
        os.chmod(self.env_file, 0o640)

    def bare(self, *arguments):
        """With nothing in its environment, as `env -i` starts it."""
        done = subprocess.run([harness.SEAWALL, "--policy", self.policy, *arguments], env={}, text=True,
                              capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
        return harness.Result(done)

    def test_wal_goes_and_comes_with_an_empty_environment_and_no_daemon(self):
        command = f"env -i {harness.SEAWALL} --policy {self.policy} wal"
        self.primary.configure({"archive_mode": "on", "archive_command": command + " push %p"})
        self.primary.start()
        self.assertEqual(self.bare("apply").code, 0)
        self.primary.sql("create table t as select generate_series(1, 1000) i")
        segment = self.archive_now(self.primary)
        back = os.path.join(self.folder, "back")
        self.assertEqual(self.bare("wal", "get", segment, back).code, 0)
        self.assertEqual(os.path.getsize(back), 16 << 20)
        # Everything else finds them as well, the server of a restore too.
        self.assertEqual(self.bare("backup", "snapshots").code, 0)
        self.primary.sql("insert into t values (-1)")
        self.archive_now(self.primary)
        restored = self.cluster_at(os.path.join(self.folder, "again"))
        done = self.bare("restore", "--at", "latest", "--to", restored.data)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(restored.start().sql("select count(*) from t"), "1001")
        # A file elsewhere, and what is set wins.
        elsewhere = os.path.join(self.folder, "elsewhere.env")
        shutil.move(self.env_file, elsewhere)
        lost = self.bare("wal", "audit")
        self.assertEqual(lost.code, 3, lost)
        self.assertIn("BACKUP_KEY", lost.err)
        self.assertEqual(self.seawall("wal", "audit", env={"SEAWALL_ENV_FILE": elsewhere}).code, 0)
        wrong = self.seawall("wal", "audit", env={"SEAWALL_ENV_FILE": elsewhere, "BACKUP_KEY": "file:/none"}, check=False)
        self.assertEqual(wrong.code, 2, wrong)

    def test_a_file_that_others_may_read_is_refused_in_one_clear_line(self):
        os.chmod(self.env_file, 0o644)
        refused = self.bare("wal", "push", os.path.join(self.primary.data, "pg_wal/000000010000000000000001"))
        self.assertEqual(refused.code, 4, refused)
        self.assertIn(f"{self.env_file} is open to others (mode 644)", refused.err)
        self.assertNotIn("host.key", refused.err)
        refused = self.bare("run", "--once")
        self.assertEqual(refused.code, 4, refused)
        # A folder of that name is somebody else's.
        os.unlink(self.env_file)
        os.mkdir(self.env_file)
        self.assertEqual(self.bare("apply").code, 3)


class Capped(ClusterTest):
    def taken(self, limits):
        """A snapshot under these limits: its totals, how long it took, and the nice values that its threads had."""
        self.write_policy(self.primary, extra=f"limits: {limits}\n")
        begun = time.monotonic()
        process = self.start_seawall("--json", "backup", "snapshots")
        nice = set()
        while process.poll() is None:
            for thread in glob.glob(f"/proc/{process.pid}/task/*/stat"):
                try:
                    nice.add(int(harness.read(thread).rsplit(b")", 1)[1].split()[16]))
                except OSError:
                    continue  # it ended beside us
            time.sleep(0.05)
        elapsed = time.monotonic() - begun
        return self.finished(process).json()["totals"], elapsed, nice

    def test_snapshots_are_held_back_and_step_back(self):
        self.primary = self.make_cluster()
        self.write_policy(self.primary)
        self.primary.start()
        self.seawall("apply")
        self.primary.sql("create table t (body bytea); alter table t alter body set storage external; "
                         "insert into t select (select decode(string_agg(md5(random()::text), ''), 'hex') "
                         "from generate_series(1, 6400) where i > 0) from generate_series(1, 40) i; checkpoint")
        first, elapsed, nice = self.taken("{ store_per_second: 2MB, nice: 7 }")
        self.assertGreater(first["stored_bytes"], 4_000_000)
        self.assertGreater(elapsed, 0.8 * (first["stored_bytes"] - 2_000_000) / 2_000_000, first)
        self.assertIn(7, nice)
        second, elapsed, nice = self.taken("{ read_per_second: 8MB }")
        self.assertGreater(elapsed, 0.8 * (second["bytes"] - 4_000_000) / 8_000_000, second)
        self.assertNotIn(7, nice)
        restored = self.restored("--at", "latest")
        self.assertEqual(restored.sql("select count(*), sum(length(body)) from t"), "40|4096000")


class Upgraded(ClusterTest):
    def test_pg_upgrade_is_refused_until_it_is_meant_and_both_lives_can_be_restored(self):
        old = self.make_cluster("old")
        self.write_policy(old)
        old.start()
        self.seawall("apply")
        old.sql("create table t as select generate_series(1, 1000) i")
        self.seawall("backup", "snapshots")
        old.sql("insert into t values (-1)")
        self.archive_now(old)
        old.stop()

        new = self.make_cluster("new", port=5433)
        scratch = os.path.join(self.folder, "pg_upgrade")
        os.mkdir(scratch)
        # From a major to itself: a new system identifier is what it is about.
        run(os.path.join(harness.PG_BIN, "pg_upgrade"), "-b", harness.PG_BIN, "-B", harness.PG_BIN, "-d", old.data, "-D",
            new.data, "-U", "postgres", "-p", "5441", "-P", "5442", "-s", self.folder, cwd=scratch)
        self.write_policy(new)
        new.start()
        new.sql("insert into t values (-2)")
        segment = new.sql("select pg_walfile_name(pg_switch_wal())")
        self.wait_for(lambda: new.sql("select failed_count from pg_stat_archiver") != "0", what="the archiver refused")
        lines = [line for line in harness.read(new.log).decode().splitlines() if "seawall: error" in line]
        self.assertTrue(lines and all("new-epoch" in line for line in lines), lines)
        refused = self.seawall("backup", "snapshots", check=False)
        self.assertEqual(refused.code, 5, refused)

        self.seawall("wal", "new-epoch", "--reason", "pg_upgrade")
        self.archive_now(new)  # at the latest a minute after the refusals; at once with the next segment
        self.assertGreaterEqual(new.sql("select last_archived_wal from pg_stat_archiver"), segment)
        self.seawall("backup", "snapshots")
        new.sql("insert into t values (-3)")
        self.archive_now(new)
        self.assertIn("no holes", self.seawall("wal", "audit").out)
        again = self.restored("--at", "latest", name="again")
        self.assertEqual(again.content(), new.content())
        again.stop()
        before = self.restored("--at", "latest", "--epoch", "1", name="before")
        self.assertEqual(before.sql("select count(*), min(i) from t"), "1001|-1")


if __name__ == "__main__":
    main()
