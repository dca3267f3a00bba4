"""Documents of a policy whose stores are buckets: copies and locks as they are, and the commands that only buckets have."""

import os

import documents_test
import harness
from buckets import BucketTest
from harness import PG_BIN, main, run


class BucketDocuments(BucketTest):
    version = "20.2"
    bucket_options = {"lock": True}
    environment = documents_test.Documents.environment
    run_commands = documents_test.Documents.run_commands

    def test_copies_locks_and_every_command(self):
        far_key = os.path.join(self.folder, "far.key")
        run(harness.SEAWALL, "key", "create", far_key)
        far = self.s3.make_bucket(f"{self.name}-far", lock=True)
        self.primary = self.make_cluster()
        self.policy_of(self.primary, dumps_extra=(
            f"      encryption: {{ key: file:{self.key} }}\n      lock: {{ mode: governance, for: 30d }}\n"
            f"      replica: {{ store: s3://{far}, key: file:{far_key} }}\n"))
        self.primary.start()
        self.primary.sql("create table t (id int); insert into t select generate_series(1, 100)")
        self.seawall("apply")
        self.seawall("backup", "snapshots", "--tier", "nightly")
        self.seawall("backup", "dumps", "--tier", "nightly")
        self.archive_now(self.primary)
        row = [r for r in self.seawall("--json", "strategy").json()["rows"] if r["layer"].startswith("Logical")][0]
        self.assertIn("locked until 20", row["lock"])
        self.assertEqual(len(row["copies"]), 2)
        self.assertRegex(row["copies"][1], f"^s3://{far}: postgres_[0-9-]+.dump is there, and the same$")
        self.assertIn("locked until 20", self.seawall("strategy").out)

        into = os.path.join(self.folder, "into")
        os.mkdir(into)
        out = os.path.join(self.folder, "handbook")
        self.seawall("strategy", "--out", out)
        moment = self.primary.sql("select to_char(now() at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS.US') || ' UTC'")
        self.primary.sql("insert into t values (101)")
        self.archive_now(self.primary)
        values = {"PG_BIN": PG_BIN, "TARGET": os.path.join(into, "drill"), "SOCKET": os.path.join(into, "s"),
                  "MOMENT": moment, "TABLE": "public.t", "NEW_KEY": os.path.join(into, "next.key"),
                  "COPY": os.path.join(into, "copy.key")}
        # The owner's credential may do everything, and the probe says so.
        answers = {"seawall status": (0, 1, 2), "seawall check": (0, 1), "seawall probe": (0, 1, 2)}
        databases = iter(f"restored_{i}" for i in range(10))
        ran = []
        for name in ("runbooks/restore-drill", "runbooks/incident", "runbooks/secret-rotation", "docs/retention-policy"):
            with open(os.path.join(out, name + ".md")) as file:
                text = file.read()
            # Each block that restores into a new database names one of its own.
            for variable in ("SCRATCH", "NEW"):
                while f"\n{variable}=postgresql" in text:
                    text = text.replace(f"\n{variable}=postgresql", f"\n{variable}='{self.primary.url(next(databases))}' #", 1)
            ran += self.run_commands(text, values, answers)
        for wanted in ("seawall probe write-once", "seawall policy iam --account", "seawall replicate dumps",
                       "seawall verify --replicas", "seawall list --from-replica", "seawall restore dump latest --from-replica",
                       "seawall verify --no-record"):
            self.assertTrue([line for line in ran if line.startswith(wanted)], (wanted, ran))


if __name__ == "__main__":
    main()
