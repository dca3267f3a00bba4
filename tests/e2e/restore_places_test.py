"""Restores over what is there, and beside it: the old log saved, configuration kept elsewhere, branches of history."""

import os
import shutil
import time

from harness import MAJOR, PG_BIN, ClusterTest, main, read, run


class Places(ClusterTest):
    def make(self, name="primary"):
        self.primary = self.make_cluster(name)
        self.write_policy(self.primary)
        self.primary.start()
        self.seawall("apply")
        self.primary.sql("create table t (id int primary key, at timestamptz default clock_timestamp())")
        self.primary.sql("insert into t select generate_series(1, 1000)")
        self.seawall("backup", "snapshots")

    def test_the_log_of_a_broken_cluster_is_saved_and_reaches_further(self):
        self.make()
        self.archive_now(self.primary)
        self.primary.sql("alter system set archive_command = 'false'")
        self.primary.sql("select pg_reload_conf()")
        self.primary.sql("insert into t values (2001)")
        self.primary.sql("select pg_switch_wal()")
        content = self.primary.content()
        self.primary.stop("immediate")
        with open(os.path.join(self.primary.data, "base/1/1259"), "r+b") as broken:
            broken.write(b"\0" * 8192)
        first = self.seawall("restore", "--at", "latest", "--to", self.primary.data, "--delta")
        saved = [line.split()[-1] for line in first.out.splitlines() if line.startswith("  seawall wal push ")]
        self.assertEqual(len(saved), 1, first)
        self.assertTrue(os.path.exists(saved[0]))
        self.seawall("wal", "push", saved[0])
        self.seawall("restore", "--at", "latest", "--to", self.primary.data, "--delta")
        restored = self.cluster_at(self.primary.data).start()
        self.assertEqual(restored.content(), content)

    def test_configuration_from_outside_goes_where_it_is_wanted(self):
        primary = self.primary = self.make_cluster()
        etc = os.path.join(self.folder, "etc")
        os.mkdir(etc)
        for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"):
            os.rename(os.path.join(primary.data, name), os.path.join(etc, name))
        with open(os.path.join(etc, "postgresql.conf"), "a") as conf:
            conf.write(f"data_directory = '{primary.data}'\nhba_file = '{etc}/pg_hba.conf'\n"
                       f"ident_file = '{etc}/pg_ident.conf'\ninclude_if_exists = 'more.conf'\n")
        with open(os.path.join(etc, "more.conf"), "w") as conf:
            conf.write("work_mem = '5555kB'\n")
        self.write_policy(primary)
        run(os.path.join(PG_BIN, "pg_ctl"), "-D", etc, "-l", primary.log, "-w", "start")
        primary.sql("create table t as select 1 as a")
        self.seawall("apply")
        self.seawall("backup", "snapshots")
        target = os.path.join(self.folder, "again")
        without = self.seawall("restore", "--at", "latest", "--to", target, check=False)
        if without.code != 0:  # nothing was committed since: the snapshot's own end
            without = self.seawall("restore", "--snapshot", self.newest(), "--to", target)
        self.assertIn(os.path.join(etc, "more.conf"), without.out)
        other, target = os.path.join(self.folder, "etc2"), os.path.join(self.folder, "third")
        self.seawall("restore", "--snapshot", self.newest(), "--to", target, "--configuration", other)
        for name in os.listdir(etc):
            self.assertEqual(read(os.path.join(other, name)), read(os.path.join(etc, name)))
        refused = self.seawall("restore", "--snapshot", self.newest(), "--to", os.path.join(self.folder, "fourth"),
                               "--configuration", other, check=False)
        self.assertEqual(refused.code, 5, refused)

    def test_a_cluster_of_debian_comes_back_where_its_tools_look_for_it(self):
        roots = os.path.join(self.folder, "etc")
        env = {"PG_CLUSTER_CONF_ROOT": roots}  # postgresql-common's own, instead of /etc/postgresql
        primary = self.cluster_at(os.path.join(self.folder, "lib", MAJOR, "main"), "debian", port=5499)
        run("pg_createcluster", "-d", primary.data, "-s", primary.socket, "-l", primary.log, "-p", "5499", MAJOR, "main",
            "--", "-U", "postgres", "-A", "trust", env=env)
        settings = os.path.join(roots, MAJOR, "main")
        with open(os.path.join(settings, "conf.d", "own.conf"), "w") as conf:
            conf.write("work_mem = '5555kB'\nlisten_addresses = ''\n")
        run("pg_ctlcluster", MAJOR, "main", "start", env=env)
        primary.sql("create table t as select 7 as a")
        self.write_policy(primary)
        self.seawall("apply")
        self.seawall("backup", "snapshots")
        run("pg_ctlcluster", MAJOR, "main", "stop", env=env)
        before = {name: read(os.path.join(settings, name)) for name in os.listdir(settings) if name not in ("conf.d", "log")}
        shutil.rmtree(primary.data)
        shutil.rmtree(settings)
        self.seawall("restore", "--snapshot", self.newest(), "--to", primary.data, "--configuration", settings)
        run("pg_ctlcluster", MAJOR, "main", "start", env=env)
        self.addCleanup(run, "pg_ctlcluster", "-m", "immediate", MAJOR, "main", "stop", env=env, check=False)
        self.assertEqual(primary.sql("select a from t"), "7")
        self.assertEqual(primary.sql("show work_mem"), "5555kB")
        self.assertEqual({name: read(os.path.join(settings, name)) for name in before}, before)

    def newest(self):
        return self.seawall("--json", "list").json()["snapshots"][-1]["id"]

    def test_a_time_before_a_fork_needs_no_timeline(self):
        self.make()
        self.primary.sql("insert into t values (3001)")
        before = self.primary.sql("select clock_timestamp()")
        time.sleep(0.2)
        self.primary.sql("insert into t values (3002)")
        between = self.primary.sql("select clock_timestamp()")
        time.sleep(0.2)
        self.primary.sql("insert into t values (3003)")
        self.archive_now(self.primary)
        self.primary.stop()
        second = self.restored("--at", before, name="second", start=False)
        second.configure({"archive_mode": "on"})
        os.remove(os.path.join(second.data, "postgresql.auto.conf"))
        second.start()
        second.sql("insert into t values (3004)")
        self.archive_now(second)
        second.stop()
        third = self.restored("--at", before, name="third")
        self.assertEqual(third.sql("select max(id) from t"), "3001")
        third.stop()
        # Behind the fork, on the abandoned branch alone: nothing was committed on the other by then.
        fourth = self.restored("--at", between, name="fourth")
        self.assertEqual(fourth.sql("select max(id) from t"), "3002")
        fourth.stop()
        late = self.seawall("restore", "--at", "latest", "--to", os.path.join(self.folder, "fifth"), check=False)
        self.assertEqual(late.code, 2, late)
        self.assertIn("--timeline", late.err)
        fifth = self.restored("--at", "latest", "--timeline", "2", name="fifth")
        self.assertEqual(fifth.sql("select max(id) from t"), "3004")

    def test_a_dry_run_says_how_long(self):
        self.make()
        self.archive_now(self.primary)
        plan = self.seawall("--json", "restore", "--at", "latest", "--to", os.path.join(self.folder, "x"), "--dry-run")
        self.assertGreater(plan.json()["expected_seconds"], 0)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "x")))


if __name__ == "__main__":
    main()
