"""The escape hatch where all is sealed: AWS's own Encryption SDK opens the store, and the rest is as before."""

import json
import os
import shutil
import subprocess

import cloud
import harness
from envelope_test import javascript_sdk
from harness import main, read, run
from without_seawall_test import EscapeHatch


class Sealed(EscapeHatch):
    keys = ""

    def encryption(self):
        return f"  encryption: {{ {self.keys} }}\n"

    def write_policy(self, cluster, **options):
        self.dumps = os.path.join(self.folder, "dumps")
        super().write_policy(cluster, layers=(
            f"  pitr: {{ retain: {self.retain} }}\n  snapshots:\n    nightly: {{ at: \"03:00\", retain: 30d }}\n"
            f"  dumps:\n    nightly:\n      at: \"03:30\"\n      retain: 90d\n      store: file://{self.dumps}\n"
            f"      encryption: {{ {self.keys} }}\n"), **options)

    def opened(self, key, sealed, check=True):
        clear = sealed + "-in-clear"
        environment = {**os.environ, "NODE_PATH": os.path.join(javascript_sdk(), "node_modules"), "NODE_NO_WARNINGS": "1"}
        done = subprocess.run(["node", f"{self.tools}/open.js", key, sealed, clear], env=environment, capture_output=True,
                              text=True, timeout=300)
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, "^[1-9][0-9]* objects opened\n$")
        return (clear, done) if not check else clear

    def restore_all(self, key, last, dumped):
        """Everything, by that key: the cluster to the end of its log, and the dump."""
        self.repository = self.opened(key, self.repository)
        restored = self.restored_by_hand(self.second, "restored")
        self.assertEqual(self.content(restored), last)
        dumps = self.opened(key, self.dumps)
        record = json.loads(read(os.path.join(dumps, dumped + ".json")))["body"]
        archive = os.path.join(dumps, dumped)
        self.assertEqual(run("sha256sum", archive).out.split()[0], record["sha256"])
        restored.sql("create database portable")
        run("pg_restore", "-d", restored.url("portable"), "--no-owner", "--exit-on-error", archive)
        self.assertEqual(restored.sql("select count(*) from plain", "portable"),
                         next(str(one["rows"]) for one in record["relations"] if one["name"] == "plain"))

    def in_clear(self):
        """Names of objects of both stores that are not sealed."""
        found = set()
        for store in (self.repository, self.dumps):
            for folder, _, names in os.walk(store):
                found |= {os.path.relpath(os.path.join(folder, name), store) for name in names
                          if read(os.path.join(folder, name))[:3] != b"\x02\x04\x78"}
        return {name.split("/")[0] for name in found}

    def dump(self):
        return self.seawall("--json", "backup", "dumps").json()["name"]


class ByKeyFile(Sealed):
    def setUp(self):
        super().setUp()
        self.first_key, self.next_key = (os.path.join(self.folder, name) for name in ("first.key", "next.key"))
        for key in (self.first_key, self.next_key):
            run(harness.SEAWALL, "key", "create", key)
        self.keys = f"key: file:{self.first_key}"

    def test_the_whole_way_by_the_key_that_sealed(self):
        self.make()
        dumped = self.dump()
        self.assertEqual(self.in_clear(), {"repository.json"})
        self.restore_all(self.first_key, self.end(), dumped)

    def test_the_whole_way_by_a_key_that_was_rotated_to(self):
        self.make()
        dumped = self.dump()
        self.seawall("key", "rotate", "--to", f"file:{self.next_key}")
        self.seawall("key", "rewrap", "--to", f"file:{self.next_key}")
        last = self.end()
        os.remove(self.first_key)
        self.assertEqual(self.in_clear(), {"repository.json", "rewrapped"})
        self.restore_all(self.next_key, last, dumped)

    def test_another_key_and_a_damaged_object_are_told(self):
        self.make()
        self.end()
        clear, done = self.opened(self.next_key, self.repository, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not open", done.stderr)
        shutil.rmtree(clear)
        pack = max((os.path.join(folder, name) for folder, _, names in os.walk(self.repository + "/packs") for name in names),
                   key=os.path.getsize)
        with open(pack, "r+b") as file:
            file.seek(os.path.getsize(pack) // 2)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))
        clear, done = self.opened(self.first_key, self.repository, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(os.path.basename(pack), done.stderr)
        self.assertFalse(os.path.exists(os.path.join(clear, os.path.relpath(pack, self.repository))))


class ByKms(Sealed):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.moto = cloud.Moto.of(cls, iam=True)
        cls.key = cls.moto.key("backup", region="ap-southeast-1")
        cls.writer = cls.moto.user("writer", cloud.allow(["kms:GenerateDataKey", "kms:Decrypt"]))
        cls.restorer = cls.moto.user("restorer", cloud.allow("kms:Decrypt"))

    def setUp(self):
        super().setUp()
        self.keys = f"key: {self.key}"
        self.use(self.writer)
        os.environ["AWS_ENDPOINT_URL_KMS"] = self.moto.endpoint
        self.addCleanup(os.environ.pop, "AWS_ENDPOINT_URL_KMS")

    def use(self, credentials):
        os.environ.update({**credentials.environment(), "AWS_REGION": "ap-southeast-1", "AWS_EC2_METADATA_DISABLED": "true"})

    def test_the_whole_way_by_a_credential_that_may_decrypt(self):
        self.make()
        dumped = self.dump()
        last = self.end()
        self.use(self.restorer)
        self.restore_all(self.key, last, dumped)


if __name__ == "__main__":
    os.environ["SEAWALL_NPM_ENVELOPE"] = javascript_sdk()  # by whoever starts the tests
    cloud.main("moto")
