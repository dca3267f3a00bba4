"""A host whose credential may make data keys and open none: it archives, snapshots what changed, dumps; others read.

KMS is the emulator with IAM enforced. The data keys that a host keeps for an hour are taken away between its steps, so that
nothing is opened by them.
"""

import os
import shutil

import cloud
import harness
from harness import ClusterTest


class SealOnly(ClusterTest):
    exclude = ("public.sessions",)

    @classmethod
    def setUpClass(cls):
        cls.moto = cloud.Moto.of(cls, iam=True)
        cls.key = cls.moto.key("backup")
        cls.users = {
            "writer": cls.moto.user("writer", cloud.allow("kms:GenerateDataKey")),
            "restorer": cls.moto.user("restorer", cloud.allow(["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"])),
        }

    def setUp(self):
        super().setUp()
        self.cache = os.path.join(self.folder, "index")
        self.runtime = f"/dev/shm/seawall-{os.path.basename(self.folder)}"
        os.mkdir(self.runtime, 0o700)
        self.addCleanup(shutil.rmtree, self.runtime, ignore_errors=True)
        os.environ.update({"AWS_ENDPOINT_URL_KMS": self.moto.endpoint, "AWS_EC2_METADATA_DISABLED": "true",
                           "XDG_RUNTIME_DIR": self.runtime, "AWS_REGION": self.key.split(":")[3]})
        self.be("writer")

    def encryption(self):
        return f"  encryption: {{ key: \"{self.key}\", index_cache: {self.cache} }}\n"

    def be(self, name):
        self.forget_data_keys()
        os.environ.update(self.users[name].environment())

    def forget_data_keys(self):
        shutil.rmtree(os.path.join(self.runtime, "seawall-keys"), ignore_errors=True)

    def as_restorer(self, *arguments, **options):
        """Without the copies: what can be read is read from the repository."""
        with open(self.policy) as file:
            text = file.read().replace(f", index_cache: {self.cache}", "")
        policy = os.path.join(self.folder, "restorer.yaml")
        with open(policy, "w") as file:
            file.write(text)
        return harness.run(harness.SEAWALL, "--policy", policy, *arguments,
                           env={**self.users["restorer"].environment(),
                                "XDG_RUNTIME_DIR": "/nonexistent"}, **options)

    def snapshot(self):
        self.forget_data_keys()
        return self.seawall("--json", "backup", "snapshots").json()["totals"]

    def test_it_does_all_that_needs_no_reading(self):
        primary = self.make_cluster()
        dumps = os.path.join(self.folder, "dumps")
        self.write_policy(primary, layers="  pitr: { retain: 7d }\n  snapshots:\n    nightly: { at: \"03:00\", retain: 30d }\n"
                          f"  dumps:\n    nightly:\n      at: \"03:30\"\n      retain: 90d\n      store: file://{dumps}\n"
                          f"      encryption: {{ key: \"{self.key}\" }}\n")
        primary.start()
        self.seawall("apply")
        primary.sql("create table t (id int primary key, body text); create table sessions (token text); insert into "
                    "sessions values ('x'); insert into t select i, repeat(md5(i::text), 50) from generate_series(1, 20000) i")
        first = self.snapshot()
        self.assertGreater(first["new_bytes"], 0.5 * first["bytes"])
        primary.sql("update t set body = 'changed' where id < 20")
        second = self.snapshot()
        self.assertLess(second["new_bytes"], 0.2 * second["bytes"])
        self.forget_data_keys()
        self.seawall("backup", "dumps", "--tier", "nightly")
        self.forget_data_keys()
        looked = self.seawall("run", "--once")  # what is due can be told by names, and by what this host put itself
        self.assertNotIn("begun", looked.err)
        self.archive_now(primary)

        # What it cannot do it says.
        self.forget_data_keys()
        refused = self.seawall("verify", check=False)
        self.assertIn(refused.code, (4, 7), refused)
        refused = self.seawall("restore", "--at", "latest", "--to", os.path.join(self.folder, "no"), check=False)
        self.assertEqual(refused.code, 4, refused)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "no")))

        # Others can.
        self.assertEqual(self.as_restorer("--json", "verify").json()["damage"], [])
        before = primary.content()
        before["public.sessions"] = "0"
        target = os.path.join(self.folder, "restored")
        os.environ.update(self.users["restorer"].environment())
        self.as_restorer("restore", "--at", "latest", "--to", target)
        restored = self.cluster_at(target).start()
        self.assertEqual(restored.content(), before)
        restored.stop()

        # A verification that it cannot read: it builds upon nothing that was there before.
        self.be("writer")
        third = self.snapshot()
        self.assertGreater(third["new_bytes"], 0.5 * third["bytes"])
        self.assertLess(self.snapshot()["new_bytes"], 0.2 * third["bytes"])

        # The copies are lost: it cannot go on by itself, and is helped.
        shutil.rmtree(self.cache)
        refused = self.seawall("backup", "snapshots", check=False)
        self.assertEqual(refused.code, 4, refused)
        self.assertIn("hand-over", refused.err)
        self.as_restorer("key", "hand-over", self.cache)
        self.assertLess(self.snapshot()["new_bytes"], 0.2 * third["bytes"])
        self.assertEqual(self.as_restorer("--json", "verify").json()["damage"], [])


if __name__ == "__main__":
    cloud.main("moto")
