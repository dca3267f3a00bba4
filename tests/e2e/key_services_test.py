"""Data keys by AWS KMS (the emulator) and by Vault Transit (a stand-in: no Vault can be had), as writers and readers use them.

Each message is sealed and opened by another process, with credentials that may do just that.
"""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

import cloud
from envelope_test import TOOL, javascript_sdk

HERE = os.path.dirname(os.path.abspath(__file__))
REGION, REPLICA = "ap-southeast-1", "ap-northeast-1"
CONTEXT = ("repository=000102030405060708090a0b0c0d0e0f", "epoch=0001", "class=data")
PLAIN = os.urandom(200_000)


class WithTool(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="seawall-keys-")
        self.addCleanup(shutil.rmtree, self.folder)

    def run_tool(self, environment, *arguments, data=b""):
        # Nothing of whoever runs the tests: no profile, no proxy.
        base = {"PATH": os.environ["PATH"], "HOME": self.folder, "AWS_EC2_METADATA_DISABLED": "true"}
        return subprocess.run([TOOL, *arguments], env={**base, **environment}, input=data, capture_output=True, timeout=90)

    def done(self, environment, *arguments, data=b""):
        done = self.run_tool(environment, *arguments, data=data)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, code, words, environment, *arguments, data=b""):
        done = self.run_tool(environment, *arguments, data=data)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)  # one sentence
        self.assertIn(words, done.stderr.decode())
        self.assertEqual(done.stdout, b"")


class Kms(WithTool):
    @classmethod
    def setUpClass(cls):
        cls.moto = cloud.Moto.of(cls, iam=True)
        cls.key = cls.moto.key("backup", region=REGION)
        cls.replica = cls.moto.key("backup-replica", region=REPLICA)
        allow = cloud.allow
        cls.users = {
            "writer": cls.moto.user("writer", allow("kms:GenerateDataKey")),
            "index": cls.moto.user("index", allow("kms:GenerateDataKey"),
                                   allow("kms:Decrypt", StringEquals={"kms:EncryptionContext:class": "index"})),
            "restorer": cls.moto.user("restorer", allow(["kms:Decrypt", "kms:DescribeKey"])),
            "both": cls.moto.user("both", allow(["kms:GenerateDataKey", "kms:Encrypt", "kms:Decrypt"])),
            "nobody": cls.moto.user("nobody", allow("s3:ListBucket")),
        }

    def as_(self, user):
        return {**self.users[user].environment(), "AWS_REGION": REGION, "AWS_ENDPOINT_URL_KMS": self.moto.endpoint}

    def test_a_writer_that_may_only_generate_seals_and_a_restorer_opens(self):
        for key in (self.key, self.key.split("/")[1], "alias/backup", self.key.rsplit(":", 1)[0] + ":alias/backup"):
            sealed = self.done(self.as_("writer"), "seal", f"kms:{key}", *CONTEXT, data=PLAIN)
            self.assertIn(self.key.encode(), sealed[:2048])  # never the alias
            self.assertTrue(self.done(self.as_("restorer"), "open", f"kms:{key}", *CONTEXT, data=sealed) == PLAIN)
            self.refused(4, "the credentials may not use this key for it", self.as_("writer"), "open", f"kms:{self.key}", data=sealed)

    def test_a_class_that_the_key_policy_does_not_grant_stays_closed(self):
        key = f"kms:{self.key}"
        index = self.done(self.as_("index"), "seal", key, *CONTEXT[:2], "class=index", data=PLAIN)
        data = self.done(self.as_("index"), "seal", key, *CONTEXT, data=PLAIN)
        self.assertTrue(self.done(self.as_("index"), "open", key, data=index) == PLAIN)
        self.refused(4, "the credentials may not use this key for it", self.as_("index"), "open", key, data=data)
        # One that claims to be an index does not open as one.
        changed = data.replace(b"\0\5class\0\4data", b"\0\5class\0\4inde", 1)
        self.assertNotEqual(changed, data)
        self.refused(7, "damaged, or was wrapped for another context", self.as_("restorer"), "open", key, data=changed)

    def test_what_kms_refuses_is_one_sentence_each(self):
        key = self.moto.key(region=REGION)
        sealed = self.done(self.as_("both"), "seal", f"kms:{key}", *CONTEXT, data=PLAIN)
        self.moto.disable_key(key)
        self.refused(4, "the key is disabled", self.as_("both"), "seal", f"kms:{key}", data=PLAIN)
        self.refused(4, "the key is disabled", self.as_("both"), "open", f"kms:{key}", data=sealed)
        self.moto.enable_key(key)
        self.assertTrue(self.done(self.as_("both"), "open", f"kms:{key}", data=sealed) == PLAIN)
        self.moto.delete_key(key)
        self.refused(4, "the key is in no state to be used", self.as_("both"), "open", f"kms:{key}", data=sealed)
        self.refused(4, "the credentials may not", self.as_("nobody"), "seal", f"kms:{self.key}", data=PLAIN)
        missing = self.key.split("/")[0] + "/00000000-0000-0000-0000-000000000000"
        self.refused(4, "there is no such key", self.as_("both"), "seal", f"kms:{missing}", data=PLAIN)
        wrong = {**self.as_("both"), "AWS_SECRET_ACCESS_KEY": "wrong"}
        self.refused(4, "not accepted", wrong, "seal", f"kms:{self.key}", data=PLAIN)
        away = {**self.as_("both"), "AWS_ENDPOINT_URL_KMS": f"http://127.0.0.1:{cloud.free_port()}"}
        self.refused(6, "unavailable", away, "seal", f"kms:{self.key}", data=PLAIN)
        self.refused(2, "nothing says in which region", {**self.users["both"].environment()}, "seal", "kms:alias/backup", data=PLAIN)

    def test_the_replica_and_a_key_file_open_when_the_first_region_is_gone(self):
        file = os.path.join(self.folder, "key")
        self.done({}, "create", file)
        keys = (f"kms:{self.key}", f"kms:{self.replica}", file)
        sealed = self.done(self.as_("both"), "seal", "+".join(keys), *CONTEXT, data=PLAIN)
        for key in (*keys, "+".join(keys), "+".join(reversed(keys))):
            self.assertTrue(self.done(self.as_("both"), "open", key, *CONTEXT, data=sealed) == PLAIN, key)
        away = {**self.as_("both"), "AWS_ENDPOINT_URL_KMS": f"http://127.0.0.1:{cloud.free_port()}"}
        self.assertTrue(self.done(away, "open", "+".join(keys), data=sealed) == PLAIN)
        other = self.done(self.as_("both"), "seal", keys[0], data=PLAIN)
        self.refused(4, "the message was sealed for aws-kms " + self.key, self.as_("both"), "open", keys[1], data=other)

    def test_a_former_key_of_the_account_still_opens(self):
        former = self.moto.key(region=REGION)
        sealed = self.done(self.as_("both"), "seal", f"kms:{former}", *CONTEXT, data=PLAIN)
        self.assertTrue(self.done(self.as_("restorer"), "open", "kms:alias/backup", data=sealed) == PLAIN)

    def test_the_javascript_sdk_and_we_open_each_others(self):
        sealed = self.done(self.as_("writer"), "seal", f"kms:{self.key}", *CONTEXT, data=PLAIN)
        paths = {name: os.path.join(self.folder, name) for name in ("ours", "opened", "plain", "theirs", "jobs")}
        for name, data in (("ours", sealed), ("plain", PLAIN)):
            with open(paths[name], "wb") as file:
                file.write(data)
        with open(paths["jobs"], "w", encoding="utf-8") as file:
            json.dump([{"verb": "open", "in": paths["ours"], "out": paths["opened"]},
                       {"verb": "seal", "in": paths["plain"], "out": paths["theirs"], "suite": "0578", "frame": 4096,
                        "context": dict(pair.split("=") for pair in CONTEXT)}], file)
        environment = {**os.environ, **self.as_("both"), "NODE_PATH": os.path.join(javascript_sdk(), "node_modules"), "NODE_NO_WARNINGS": "1"}
        done = subprocess.run(["node", os.path.join(HERE, "envelope.js"), f"kms:{self.key}", paths["jobs"]], env=environment,
                              capture_output=True, timeout=120)
        self.assertEqual([answer["ok"] for answer in json.loads(done.stdout)], [True, True], done)
        with open(paths["opened"], "rb") as file:
            self.assertTrue(file.read() == PLAIN)
        with open(paths["theirs"], "rb") as file:
            self.assertTrue(self.done(self.as_("restorer"), "open", f"kms:{self.key}", *CONTEXT, data=file.read()) == PLAIN)


class Transit(WithTool):
    def setUp(self):
        super().setUp()
        self.vault = cloud.TransitStandIn.of(self)
        self.vault.key("backup")

    def as_(self, token):
        return {"VAULT_ADDR": self.vault.endpoint, "VAULT_TOKEN": token}

    def writer(self):
        return self.as_(self.vault.writer_token("backup"))

    def reader(self, key="backup"):
        return self.as_(self.vault.token({f"transit/decrypt/{key}": ["update"]}))

    def seal(self, environment=None, key="vault:transit/backup"):
        return self.done(environment or self.writer(), "seal", key, *CONTEXT, data=PLAIN)

    def test_a_writer_that_may_only_encrypt_seals_and_a_reader_opens(self):
        sealed = self.seal()
        self.assertTrue(self.done(self.reader(), "open", "vault:transit/backup", *CONTEXT, data=sealed) == PLAIN)
        self.refused(4, "the token may not do this", self.writer(), "open", "vault:transit/backup", data=sealed)
        self.refused(4, "the token may not do this", self.reader(), "seal", "vault:transit/backup", data=PLAIN)
        self.refused(4, "sealed for seawall-vault-transit transit/backup", self.reader(), "open", "vault:transit/other", data=sealed)

    def test_another_context_does_not_open(self):
        sealed = self.seal()
        changed = sealed.replace(b"\0\5class\0\4data", b"\0\5class\0\4meta", 1)
        self.assertNotEqual(changed, sealed)
        self.refused(7, "was wrapped for another context", self.reader(), "open", "vault:transit/backup", data=changed)

    def test_versions_of_a_key(self):
        sealed = self.seal()
        self.vault.rotate("backup")
        newer = self.seal()
        self.assertIn(b"vault:v1:", sealed[:2048])
        self.assertIn(b"vault:v2:", newer[:2048])
        for message in (sealed, newer):
            self.assertTrue(self.done(self.reader(), "open", "vault:transit/backup", data=message) == PLAIN)
        self.vault.set_min_decryption_version("backup", 2)
        self.refused(4, "may not be used any more", self.reader(), "open", "vault:transit/backup", data=sealed)
        self.assertTrue(self.done(self.reader(), "open", "vault:transit/backup", data=newer) == PLAIN)

    def test_a_derived_key_serves_too(self):
        self.vault.key("derived", derived=True)
        sealed = self.seal(self.as_(self.vault.writer_token("derived")), "vault:transit/derived")
        self.assertTrue(self.done(self.reader("derived"), "open", "vault:transit/derived", data=sealed) == PLAIN)

    def test_what_vault_refuses_is_one_sentence_each(self):
        token = self.vault.writer_token("backup")
        self.vault.revoke(token)
        self.refused(4, "the token may not do this, or has ended", self.as_(token), "seal", "vault:transit/backup", data=PLAIN)
        self.refused(4, "there is no token", self.as_(" "), "seal", "vault:transit/backup", data=PLAIN)
        self.vault.seal()
        self.refused(6, "Vault is sealed", self.writer(), "seal", "vault:transit/backup", data=PLAIN)
        self.vault.unseal()
        sealed = self.seal()
        self.vault.delete_key("backup")
        self.refused(4, "there is no such key", self.reader(), "open", "vault:transit/backup", data=sealed)
        away = {**self.writer(), "VAULT_ADDR": f"http://127.0.0.1:{cloud.free_port()}"}
        self.refused(6, "unavailable", away, "seal", "vault:transit/backup", data=PLAIN)

    def test_the_token_comes_from_a_file_that_others_may_not_read(self):
        path = os.path.join(self.folder, "token")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.vault.writer_token("backup") + "\n")
        environment = {"VAULT_ADDR": self.vault.endpoint, "VAULT_TOKEN_FILE": path}
        os.chmod(path, 0o600)
        self.seal(environment)
        os.chmod(path, 0o640)
        self.refused(4, "others than its owner may read the token file", environment, "seal", "vault:transit/backup", data=PLAIN)

    def test_one_call_serves_many_processes(self):
        cache = tempfile.mkdtemp(prefix="seawall-kept-", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, cache)
        environment = {**self.writer(), "ENVELOPE_CACHE": cache}
        sealed = [self.seal(environment) for _ in range(20)]
        self.assertEqual([path for _, path, _ in self.vault.requests], ["/v1/transit/encrypt/backup"])
        for message in sealed[:2]:
            self.assertTrue(self.done(self.reader(), "open", "vault:transit/backup", data=message) == PLAIN)
        self.assertEqual(len({message[3:35] for message in sealed}), 20)  # and each has an id, and so a key, of its own

    def test_over_tls(self):
        vault = cloud.TransitStandIn.of(self, tls=True)
        vault.key("backup")
        environment = {"VAULT_ADDR": vault.endpoint, "VAULT_TOKEN": vault.writer_token("backup")}
        self.seal({**environment, "VAULT_CACERT": vault.ca})
        self.refused(4, "certificate", environment, "seal", "vault:transit/backup", data=PLAIN)


if __name__ == "__main__":
    cloud.fetched("moto")
    unittest.main(verbosity=2)
