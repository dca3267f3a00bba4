"""deploy/aws/setup.sh: against an emulator of AWS for what it makes, and against real gateways for what the buckets hold.

After it ran, each role does what it is for, and is refused the rest. What the emulator stores and does not act upon
(locks, expiry, replication, key policies) is compared as a document here, and its effect is tested on the gateways.
"""

import json
import os
import subprocess
import tempfile
import unittest

import cloud

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/aws/setup.sh")
FIRST, SECOND = "ap-southeast-1", "eu-central-1"
DUMPS, REPLICA, REPOSITORY = f"breezycorp-backups-{FIRST}", f"breezycorp-backups-{SECOND}", f"breezycorp-repository-{FIRST}"
BUCKETS = ((DUMPS, FIRST), (REPLICA, SECOND), (REPOSITORY, FIRST))
ONCE = {"if-none-match": "*", "content-md5": cloud.md5(b"x")}  # what a locked bucket and its policy want


def set_up(*steps, **environment):
    base = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true", "LC_ALL": "C.UTF-8",
            "NAME": "breezycorp", "REGION": FIRST, "REPLICA_REGION": SECOND}
    return subprocess.run([SCRIPT, *steps], env={**base, **environment}, stdin=subprocess.DEVNULL, timeout=600,
                          capture_output=True, text=True)


class OnTheEmulator(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.moto = cloud.Moto.of(cls, tls=True)
        cls.environment = {"AWS_CA_BUNDLE": cls.moto.ca, "S3_URL": cls.moto.endpoint, **cls.moto.admin.environment(),
                           # The emulator does not know that an account's root stands for all of its users.
                           "TRUSTED": f"arn:aws:iam::{cloud.ACCOUNT}:user/administrator",
                           **{f"AWS_ENDPOINT_URL_{service}": cls.moto.endpoint for service in ("KMS", "IAM", "STS")}}
        cls.first = set_up(**cls.environment)
        if cls.first.returncode != 0:
            raise AssertionError(cls.first.stderr)
        cls.key = cls.first.stdout.rpartition("BACKUP_KMS_KEY_ID=")[2].strip()
        cls.replica_key = cls.moto.kms("DescribeKey", SECOND, KeyId="alias/breezycorp-backup")["KeyMetadata"]["Arn"]
        cls.moto.enforce_iam()
        cls.roles = {name: cls.moto.assume(f"arn:aws:iam::{cloud.ACCOUNT}:role/breezycorp-backup-{name}")
                     for name in ("writer", "pruner", "restorer", "watcher")}

    def s3(self, role=None, region=FIRST):
        return self.moto.s3(self.roles[role] if role else None, region)

    def xml(self, bucket, region, what):
        return self.s3(region=region).do("GET", bucket, query={what: ""}).xml()

    def kms(self, role, operation, key, **arguments):
        return self.moto.ask_json("kms", f"TrentService.{operation}", {"KeyId": key, **arguments}, self.roles[role],
                                  key.split(":")[3])

    def test_again_it_changes_nothing_and_makes_nothing(self):
        again = set_up("roles", "keys", "buckets", **self.environment)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertNotRegex(again.stdout, "(?m)^(role|key|bucket|user) ")
        self.assertIn(f"BACKUP_KMS_KEY_ID={self.key}\n", again.stdout)

    def test_the_buckets_are_as_the_strategy_says(self):
        for bucket, region in BUCKETS:
            self.assertEqual(self.xml(bucket, region, "location").text, region)
            self.assertEqual(self.xml(bucket, region, "versioning").findtext("Status"), "Enabled")
            self.assertEqual({e.text for e in self.xml(bucket, region, "publicAccessBlock")}, {"true"})
            encryption = self.xml(bucket, region, "encryption")
            self.assertEqual(next(encryption.iter("KMSMasterKeyID")).text, self.key if region == FIRST else self.replica_key)
            rules = self.xml(bucket, region, "lifecycle")
            ages = [e.findtext("Days") for e in rules.iter("Expiration") if e.findtext("Days")]
            self.assertEqual(ages, [] if bucket == REPOSITORY else ["90"])  # newer snapshots name old packs
            self.assertTrue(list(rules.iter("AbortIncompleteMultipartUpload")))
        for bucket, region in BUCKETS[:2]:
            lock = next(self.xml(bucket, region, "object-lock").iter("DefaultRetention"))
            self.assertEqual((lock.findtext("Mode"), lock.findtext("Days")), ("COMPLIANCE", "30"))
            self.assertEqual([e.findtext("NoncurrentDays") for e in
                              self.xml(bucket, region, "lifecycle").iter("NoncurrentVersionExpiration")], ["1"])

    def test_dumps_are_replicated_under_the_second_regions_key(self):
        rules = self.xml(DUMPS, FIRST, "replication")
        self.assertEqual(rules.findtext("Role"), f"arn:aws:iam::{cloud.ACCOUNT}:role/breezycorp-backup-replicator")
        self.assertEqual(next(rules.iter("Bucket")).text, f"arn:aws:s3:::{REPLICA}")

    def test_only_roles_may_use_the_keys(self):
        for key, region in ((self.key, FIRST), (self.replica_key, SECOND)):
            policy = json.loads(self.moto.kms("GetKeyPolicy", region, KeyId=key, PolicyName="default")["Policy"])
            for statement in policy["Statement"]:
                if statement["Sid"] != "AdministratorsLookAfterTheKey":
                    self.assertRegex(str(statement["Principal"]["AWS"]), ":role/breezycorp-backup-")
                else:
                    self.assertFalse({"kms:*", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncrypt*"} &
                                     set(statement["Action"]))
            rotation = self.moto.kms("GetKeyRotationStatus", region, KeyId=key)
            self.assertTrue(rotation["KeyRotationEnabled"])

    def test_the_writer_adds_and_that_is_all(self):
        writer = self.s3("writer")
        self.assertEqual(writer.ask("PUT", DUMPS, "d.dump", headers=ONCE, body=b"x").status, 200)
        self.assertEqual(writer.ask("PUT", REPOSITORY, "w", headers=ONCE, body=b"x").status, 200)
        self.assertEqual(writer.ask("GET", REPOSITORY, "w").status, 200)
        self.assertIn("d.dump", writer.keys(DUMPS))
        for method, bucket, key, query in (
                ("PUT", DUMPS, "e", {}), ("PUT", REPOSITORY, "e", {}),  # without If-None-Match
                ("GET", DUMPS, "d.dump", {}), ("DELETE", DUMPS, "d.dump", {}), ("DELETE", REPOSITORY, "w", {}),
                ("PUT", DUMPS, "", {"lifecycle": ""}), ("PUT", REPOSITORY, "", {"versioning": ""}),
                ("PUT", DUMPS, "", {"policy": ""}), ("PUT", DUMPS, "", {"replication": ""}), ("DELETE", DUMPS, "", {}),
                ("GET", REPLICA, "", {}), ("PUT", DUMPS, "", {"object-lock": ""})):
            self.assertEqual(writer.ask(method, bucket, key, query).status, 403, (method, bucket, key, query))
        other = {**ONCE, "x-amz-server-side-encryption": "AES256"}
        self.assertEqual(writer.ask("PUT", DUMPS, "e", headers=other, body=b"x").status, 403)
        named = {**ONCE, "x-amz-server-side-encryption": "aws:kms"}
        for key, status in ((self.replica_key, 403), (self.key, 200)):
            headers = {**named, "x-amz-server-side-encryption-aws-kms-key-id": key}
            self.assertEqual(writer.ask("PUT", DUMPS, "f", headers=headers, body=b"x").status, status)

    def test_each_role_opens_what_it_is_for(self):
        opens = {"writer": {"index"}, "pruner": {"index", "meta"}, "watcher": {"index", "meta"}, "restorer": {"index", "meta", "data"}}
        for kind in ("index", "meta", "data"):
            context = {"repository": "00", "epoch": "0001", "class": kind}
            blob = self.moto.kms("GenerateDataKey", FIRST, KeyId=self.key, KeySpec="AES_256",
                                 EncryptionContext=context)["CiphertextBlob"]
            for role, kinds in opens.items():
                asked = self.kms(role, "Decrypt", self.key, CiphertextBlob=blob, EncryptionContext=context)
                self.assertEqual(asked.code, "" if kind in kinds else "AccessDeniedException", (role, kind))
        for role, code in (("writer", ""), ("pruner", ""), ("watcher", "AccessDeniedException"),
                           ("restorer", "AccessDeniedException")):
            self.assertEqual(self.kms(role, "GenerateDataKey", self.key, KeySpec="AES_256").code, code, role)
        # The watcher seals the records of alerts, which are index, and nothing else.
        for kind, code in (("index", ""), ("meta", "AccessDeniedException"), ("data", "AccessDeniedException")):
            context = {"repository": "00", "epoch": "-", "class": kind}
            asked = self.kms("watcher", "GenerateDataKey", self.key, KeySpec="AES_256", EncryptionContext=context)
            self.assertEqual(asked.code, code, kind)
        for role in opens:
            for operation, arguments in (("ScheduleKeyDeletion", {"PendingWindowInDays": 7}), ("DisableKey", {}),
                                         ("PutKeyPolicy", {"PolicyName": "default", "Policy": "{}"})):
                self.assertEqual(self.kms(role, operation, self.key, **arguments).code, "AccessDeniedException")

    def test_the_pruner_deletes_in_the_repository_alone(self):
        admin, pruner = self.s3(), self.s3("pruner")
        for bucket in (REPOSITORY, DUMPS):
            admin.do("PUT", bucket, "old", headers=ONCE, body=b"x")
        self.assertEqual(pruner.delete(REPOSITORY, "old").status, 204)
        self.assertEqual(pruner.delete(DUMPS, "old").status, 403)
        self.assertEqual(pruner.ask("GET", DUMPS, "old").status, 403)
        self.assertEqual(pruner.ask("PUT", REPOSITORY, "", {"lifecycle": ""}).status, 403)

    def test_others_read(self):
        self.s3().do("PUT", REPOSITORY, "read", headers=ONCE, body=b"x")
        self.s3(region=SECOND).do("PUT", REPLICA, "read", headers=ONCE, body=b"x")
        for role in ("restorer", "watcher"):
            self.assertEqual(self.s3(role).ask("GET", REPOSITORY, "read").body, b"x")
            self.assertEqual(self.s3(role, SECOND).ask("GET", REPLICA, "read").body, b"x")
            for bucket, region in BUCKETS:
                self.assertEqual(self.s3(role, region).ask("PUT", bucket, "mine", headers=ONCE, body=b"x").status, 403)
                self.assertEqual(self.s3(role, region).delete(bucket, "read").status, 403)
        self.assertEqual(self.s3("watcher").ask("GET", DUMPS, "", {"lifecycle": ""}).status, 200)
        for role, bucket, status in (("watcher", REPOSITORY, 200), ("watcher", DUMPS, 403), ("restorer", REPOSITORY, 403)):
            put = self.s3(role).ask("PUT", bucket, "alerts/a=b/000001/opened.json", headers=ONCE, body=b"x")
            self.assertEqual(put.status, status, (role, bucket))
        for role, key, status in (("restorer", "drills/latest/a.json", 200), ("restorer", "shop/claims/drill-weekly/a/01.json", 200),
                                  ("restorer", "packs/0001/a.zst", 403), ("watcher", "drills/latest/b.json", 403)):
            self.assertEqual(self.s3(role).ask("PUT", REPOSITORY, key, headers=ONCE, body=b"x").status, status, (role, key))

    def test_nobody_deletes_a_dump(self):
        self.s3().do("PUT", DUMPS, "kept", headers=ONCE, body=b"x")
        self.assertEqual(self.s3().delete(DUMPS, "kept").status, 403)

    def test_users_for_hosts_elsewhere(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "credentials")
            made = set_up("roles", **self.environment, USERS=file, NAME="other")
            self.assertEqual(made.returncode, 0, made.stderr)
            self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
            with open(file) as text:
                text = text.read()
            self.assertEqual(text.count("aws_secret_access_key = "), 4)
            self.assertNotIn(text.partition("aws_secret_access_key = ")[2].partition("\n")[0], made.stdout + made.stderr)

    def test_what_makes_no_sense_is_refused(self):
        for wrong in ({"NAME": "No Name"}, {"REPLICA_REGION": FIRST}, {"LOCK_DAYS": "90"}, {"EXPIRE_DAYS": "soon"},
                      {"LOCK_MODE": "NONE"}):
            refused = set_up("roles", **self.environment, **wrong)
            self.assertEqual(refused.returncode, 1, wrong)
            self.assertTrue(refused.stderr.startswith("setup: "), refused.stderr)
        self.assertEqual(set_up("everything", **self.environment).returncode, 1)
        self.assertEqual(set_up("buckets", **self.environment, NAME="unknown").returncode, 1)  # its key is not there


class OnGateways(unittest.TestCase):
    """Each region's gateway is of another version, so that both take the documents."""

    @classmethod
    def setUpClass(cls):
        cls.first = cloud.Rgw.of(cls, region=FIRST, lifecycle_day_seconds=2)
        cls.second = cloud.Rgw.of(cls, region=SECOND, version="20.2", owner=cls.first.user("owner"))
        roles = ("writer", "pruner", "restorer", "watcher")
        for role in roles:
            cls.second.user(role, cls.first.user(role))
        done = set_up("buckets", "policies", STORE="ceph", S3_URL=cls.first.endpoint, REPLICA_S3_URL=cls.second.endpoint,
                      EXPIRE_DAYS="4", LOCK_DAYS="1", **cls.first.user("owner").environment(),
                      **{role.upper(): cloud.Rgw.principal(role) for role in roles})
        if done.returncode != 0:
            raise AssertionError(done.stderr)

    def test_the_writer_adds_and_cannot_take_away(self):
        writer, owner = self.first.s3("writer"), self.first.s3()
        for bucket in (DUMPS, REPOSITORY):
            version = writer.put(bucket, "k.dump", b"x", {"x-amz-acl": "bucket-owner-full-control"})
            for refused in (writer.delete(bucket, "k.dump"), writer.delete(bucket, "k.dump", version),
                            writer.ask("DELETE", bucket, query={"lifecycle": ""}),
                            writer.ask("DELETE", bucket, query={"policy": ""}), writer.ask("DELETE", bucket),
                            writer.ask("PUT", bucket, query={"versioning": ""}, body=b"<VersioningConfiguration><Status>"
                                       b"Suspended</Status></VersioningConfiguration>")):
                self.assertEqual(refused.status, 403, (bucket, refused))
            self.assertEqual(owner.get(bucket, "k.dump", version), b"x")
            self.assertEqual(writer.put_parts(bucket, "parts", [bytes(5 << 20), b"x"]).code, "")
        self.assertEqual(writer.ask("GET", DUMPS, "k.dump").status, 403)
        self.assertEqual(writer.get(REPOSITORY, "k.dump"), b"x")

    def test_the_replica_is_written_once_too(self):
        owner, restorer = self.second.s3(), self.second.s3("restorer")
        version = owner.put(REPLICA, "k", b"x")
        self.assertEqual(owner.head(REPLICA, "k")["x-amz-object-lock-mode"], "COMPLIANCE")
        self.assertEqual(owner.delete(REPLICA, "k").status, 403)  # nobody deletes, not even by a marker
        self.assertEqual(owner.delete(REPLICA, "k", version).status, 403)
        self.assertEqual(restorer.get(REPLICA, "k"), b"x")
        self.assertEqual(restorer.ask("PUT", REPLICA, "mine", body=b"x").status, 403)
        self.assertEqual(self.second.s3("writer").ask("GET", REPLICA).status, 403)

    def test_the_pruner_deletes_unless_there_is_a_lock(self):
        writer, pruner = self.first.s3("writer"), self.first.s3("pruner")
        own = {"x-amz-acl": "bucket-owner-full-control"}
        free = writer.put(REPOSITORY, "free", b"x", own)
        locked = writer.put(REPOSITORY, "locked", b"x", {**own, **cloud.locked_until(3600, "GOVERNANCE")})
        self.assertEqual(pruner.delete(REPOSITORY, "free", free).status, 204)
        bypass = {"x-amz-bypass-governance-retention": "true"}
        self.assertEqual(pruner.delete(REPOSITORY, "locked", locked).status, 403)
        self.assertEqual(pruner.delete(REPOSITORY, "locked", locked, bypass).status, 403)
        self.assertEqual(pruner.delete(DUMPS, "k.dump").status, 403)

    def test_age_deletes_what_no_lock_holds(self):
        owner = self.first.s3()
        locked = owner.put(DUMPS, "breezycorp_2026-01-01.dump", b"x")
        kept = owner.put(REPOSITORY, "pack", b"x")
        # Days of this gateway's lifecycle are short, those of its locks are not: the bytes stay below the marker.
        cloud.wait_until(lambda: "breezycorp_2026-01-01.dump" not in owner.keys(DUMPS), 60, "the dump expired")
        self.assertEqual(owner.get(DUMPS, "breezycorp_2026-01-01.dump", locked), b"x")
        self.assertEqual(owner.get(REPOSITORY, "pack", kept), b"x")


if __name__ == "__main__":
    for needed in ("ceph-20.2", "moto"):
        cloud.fetched(needed)
    unittest.main(verbosity=2)
