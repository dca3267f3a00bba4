"""What tests of dumps share: a cluster with the database breezycorp, a policy with a tier of dumps."""

import os
import shutil
import tempfile

import harness
from harness import Cluster, ClusterTest, run

EXCLUDE = ("pgboss.j1", "pgboss.job", "public.staff_sessions")


class DumpTest(ClusterTest):
    """The tests of a class share one cluster; each has a new database."""

    exclude = EXCLUDE

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.mkdtemp(prefix="e2e-", dir="/tmp")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.primary = Cluster(folder).initdb().start()
        cls.addClassCleanup(cls.primary.stop, "immediate")

    def setUp(self):
        super().setUp()
        self.dumps = os.path.join(self.folder, "dumps")
        self.write_policy(self.primary, database="breezycorp", layers=self.layers())
        for database in self.primary.sql("select datname from pg_database where datname not like 'template_' and "
                                         "datname <> 'postgres'").split():
            self.primary.sql(f"drop database {database} with (force)")
        self.primary.sql("create database breezycorp")
        self.seawall("apply")

    def layers(self, more=""):
        return (f"  dumps:\n    nightly: {{ at: \"03:30\", retain: 90d, store: \"file://{self.dumps}\"{more} }}\n")

    def sql(self, text, database="breezycorp", user="postgres", cluster=None):
        return (cluster or self.primary).sql(text, database, user)

    def objects(self):
        return sorted(os.path.relpath(os.path.join(at, name), self.dumps)
                      for at, _, names in os.walk(self.dumps) for name in names)

    def path(self, record):
        return os.path.join(self.dumps, record["name"])

    def take(self, *arguments):
        return self.seawall("--json", "backup", "dumps", *arguments).json()

    def fails(self, code, *arguments, env=None, program=()):
        done = run(*program, harness.SEAWALL, "--policy", self.policy, *arguments, env=env, check=False)
        self.assertEqual(done.code, code, done)
        return done.err

    def restore_into(self, database, *arguments, cluster=None):
        url = (cluster or self.primary).url(database)
        return self.seawall("--json", "restore", "dump", "latest", "--into", url, *arguments).json()

    def wrapper(self, name, script):
        """A program in the place of PostgreSQL's own, first along PATH."""
        folder = os.path.join(self.folder, "programs")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, name)
        with open(path, "w") as file:
            file.write("#!/bin/bash\n" + script)
        os.chmod(path, 0o755)
        return folder

    def with_path(self, folder):
        return {"PATH": folder + ":" + os.environ["PATH"]}
