"""What `policy iam` prints for Postgres is enough for all that the policy asks, and makes no superuser."""

import json
import os

import harness
from harness import ClusterTest, main


class PostgresRights(ClusterTest):
    exclude = ("public.sessions",)

    def test_the_role_that_is_printed_does_it_all(self):
        primary = self.make_cluster()
        dumps = os.path.join(self.folder, "dumps")
        self.write_policy(primary, layers="  pitr: { retain: 7d, receive: { slot: seawall } }\n  snapshots:\n"
                          '    nightly: { at: "03:00", retain: 30d }\n  dumps:\n    nightly:\n      at: "03:30"\n'
                          f"      retain: 90d\n      store: file://{dumps}\n")
        primary.start()
        primary.sql("create table t (id int); insert into t select generate_series(1, 1000); create table sessions (a int); "
                    "alter table t enable row level security; alter table t force row level security; "
                    "create table owned (a int); create role app; alter table owned owner to app")
        sql = self.seawall("policy", "iam", "postgres", "--pg-major", harness.MAJOR).out
        script = os.path.join(self.folder, "rights.sql")
        with open(script, "w") as file:
            file.write(sql)
        harness.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", primary.url(), "-f", script)
        with open(self.policy) as file:
            text = file.read()
        with open(self.policy, "w") as file:
            file.write(text.replace("postgresql://postgres@", "postgresql://seawall@"))
        self.seawall("apply")
        asked = self.seawall("--json", "check", check=False).json()
        problems = [item for item in asked if item["result"] == "problem"]
        self.assertEqual([item for item in problems if item["subject"] == "role"], [], problems)
        self.seawall("backup", "snapshots", "--tier", "nightly")
        self.seawall("backup", "dumps", "--tier", "nightly")
        self.seawall("wal", "receive", "--slot", "seawall", "--until-idle")
        record = next(name for name in os.listdir(dumps) if name.endswith(".json"))
        rows = {one["name"]: one["rows"] for one in json.loads(harness.read(os.path.join(dumps, record)))["body"]["relations"]}
        self.assertEqual(rows["t"], 1000)  # row level security hides nothing from it
        self.assertEqual(primary.sql("select rolsuper from pg_roles where rolname = 'seawall'"), "f")


if __name__ == "__main__":
    main()
