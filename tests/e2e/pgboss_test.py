"""Real pg-boss boots on what was restored: its queues and schedules are there, its jobs are not.

pg-boss comes from npm, once, into $SEAWALL_NPM_CACHE (default: a folder below the system's temporary one).
"""

import json
import os
import shutil
import tempfile
import time

from dumps import DumpTest
from harness import ClusterTest, main, run

HERE = os.path.dirname(os.path.abspath(__file__))
VERSION = "10.4.2"
JOBS = ("pgboss.job", "pgboss.archive")


def pg_boss():
    """The folder that has pg-boss in node_modules; installed if it is not there yet."""
    folder = os.environ.get("SEAWALL_NPM_CACHE") or os.path.join(
        tempfile.gettempdir(), f"seawall-npm-{os.getuid()}-pg-boss-{VERSION}")
    if not os.path.exists(os.path.join(folder, "node_modules", "pg-boss", "package.json")):
        staging = tempfile.mkdtemp(prefix="seawall-npm-")
        run("npm", "install", "--no-audit", "--no-fund", "--prefix", staging, f"pg-boss@{VERSION}", cwd=staging, timeout=300)
        try:
            os.rename(staging, folder)
        except OSError:  # another run was first
            shutil.rmtree(staging)
    return folder


class PgBossTest(ClusterTest):
    exclude = ("pgboss.job", "pgboss.j*", "pgboss.archive")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.npm = pg_boss()

    def boss(self, what, cluster, database):
        # pg-boss has no URL with a socket folder and a database at once, but takes one with ?host=.
        url = f"postgresql://postgres@localhost:{cluster.port}/{database}?host={cluster.socket}"
        env = {"NODE_PATH": os.path.join(self.npm, "node_modules")}
        answer = json.loads(run("node", os.path.join(HERE, "pgboss.js"), what, url, env=env, timeout=60).out)
        self.assertEqual(answer["errors"], [])
        return answer

    def facts(self, cluster, database):
        """Rows that must be the same; the times at which pg-boss last looked are its own."""
        return {table: cluster.sql(f"select {columns} from pgboss.{table} order by 1", database)
                for table, columns in (("version", "version"), ("queue", "name, policy, retry_limit, partition_name"),
                                       ("schedule", "name, cron, timezone, data"))}

    def check_restored(self, cluster, database, facts):
        self.assertEqual(self.facts(cluster, database), facts)
        for table in JOBS:
            self.assertEqual(cluster.sql(f"select count(*) from {table}", database), "0")
        answer = self.boss("work", cluster, database)
        self.assertEqual(answer["queues"], ["__pgboss__send-it", "dead", "mail", "reports"])
        self.assertEqual([(s["name"], s["cron"], s["timezone"]) for s in answer["schedules"]],
                         [("reports", "*/5 * * * *", "Asia/Singapore")])
        self.assertEqual(answer["waiting"], 0)  # no job came back
        self.assertEqual(answer["seen"], ["new 1", "new 2"])
        self.assertEqual(self.facts(cluster, database)["version"], facts["version"])  # nothing was migrated

    def filled(self, cluster, database):
        self.assertEqual(self.boss("fill", cluster, database)["taken"], 5)
        self.assertGreaterEqual(int(cluster.sql("select count(*) from pgboss.job", database)), 26)
        self.assertEqual(cluster.sql("select count(*) from pgboss.job where state = 'active'", database), "5")
        return self.facts(cluster, database)


class AfterADump(PgBossTest, DumpTest):
    exclude = PgBossTest.exclude

    def test_pg_boss_starts_on_a_restored_dump(self):
        facts = self.filled(self.primary, "breezycorp")
        self.take()
        self.assertTrue(self.restore_into("copy", "--create", "-j2")["same"])
        self.check_restored(self.primary, "copy", facts)


class AfterASnapshot(PgBossTest):
    def test_pg_boss_starts_on_a_scrubbed_physical_restore(self):
        primary = self.make_cluster()
        self.write_policy(primary, database="breezycorp")
        primary.start()
        primary.sql("create database breezycorp")
        self.seawall("apply")
        facts = self.filled(primary, "breezycorp")
        self.seawall("backup", "snapshots")
        primary.sql("select pg_switch_wal()")
        time.sleep(1)
        restored = self.restored("--at", "latest")
        self.check_restored(restored, "breezycorp", facts)


if __name__ == "__main__":
    main()
