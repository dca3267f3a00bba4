"""Proves the services that other tests stand on: what each of them refuses, does late, or gets wrong, by its version.

A test of the product that passes because a gateway lets too much pass proves nothing; so this is first.
"""

import base64
import hashlib
import json
import os
import subprocess
import threading
import unittest
import urllib.error
import urllib.request

import cloud
from cloud import Credentials, allow, locked_until, wait_until

DAY_SECONDS = 5
MIB = 1 << 20
PUTS = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]


class GatewayPromises:
    """What holds of either version; a mixin, so that it does not run by itself."""

    version = ""

    @classmethod
    def setUpClass(cls):
        cls.rgw = cloud.Rgw.of(cls, version=cls.version, lifecycle_day_seconds=DAY_SECONDS)
        cls.s3 = cls.rgw.s3()

    def bucket(self, **options):
        name = self.id().rpartition("test_")[2].replace("_", "-")[:60]
        return self.s3.make_bucket(name, **options)

    def test_what_was_put_is_there(self):
        bucket = self.bucket()
        key = "a folder/ä ~+&%2F=é"
        self.s3.put(bucket, key, b"content", {"x-amz-meta-note": "n"})
        self.assertEqual(self.s3.get(bucket, key), b"content")
        self.assertEqual(self.s3.head(bucket, key)["x-amz-meta-note"], "n")
        self.assertEqual(self.s3.ask("GET", bucket, key, headers={"range": "bytes=3-5"}).body, b"ten")
        self.assertEqual(self.s3.keys(bucket, "a folder/"), [key])
        self.assertIsNone(self.s3.head(bucket, "none"))
        self.assertEqual(self.s3.delete(bucket, key).status, 204)
        self.assertEqual(self.s3.keys(bucket), [])

    def test_parts_make_an_object(self):
        bucket = self.bucket()
        parts = [os.urandom(5 * MIB), b"end"]
        self.assertEqual(self.s3.put_parts(bucket, "k", parts).code, "")
        self.assertEqual(self.s3.get(bucket, "k"), b"".join(parts))
        self.assertEqual(self.s3.put_parts(bucket, "small", [b"a", b"b"]).code, "EntityTooSmall")

    def test_signatures_and_clocks_are_checked(self):
        bucket = self.bucket()
        owner = self.rgw.user("owner")
        for credentials, offset, code in ((Credentials(owner.access, "wrong"), 0, "SignatureDoesNotMatch"),
                                          (Credentials("AKNOSUCH", "wrong"), 0, "InvalidAccessKeyId"),
                                          (owner, -1200, "RequestTimeTooSkewed")):
            asked = cloud.S3(self.rgw.endpoint, credentials, clock_offset=offset).ask("GET", bucket)
            self.assertEqual((asked.status, asked.code), (403, code))

    def test_what_arrives_otherwise_than_it_was_sent_is_refused(self):
        bucket = self.bucket()
        refused = self.s3.ask("PUT", bucket, "k", headers={"content-md5": cloud.md5(b"sent")}, body=b"came")
        self.assertEqual(refused.code, "BadDigest")
        proxy = cloud.FaultyProxy.of(self, self.rgw.endpoint)
        proxy.corrupt_request(at=1)
        through = cloud.S3(proxy.endpoint, self.rgw.user("owner"))
        self.assertEqual(through.ask("PUT", bucket, "k", body=b"content").status, 400)  # the signature covers the content
        self.assertEqual(self.s3.keys(bucket), [])

    def test_a_lock_holds_against_the_owner(self):
        bucket = self.bucket(lock=True)
        version = self.s3.put(bucket, "k", b"kept", locked_until(3600))
        bypass = {"x-amz-bypass-governance-retention": "true"}
        for refused in (self.s3.delete(bucket, "k", version), self.s3.delete(bucket, "k", version, bypass),
                        self.retain(bucket, version, 5), self.retain(bucket, version, 7200, "GOVERNANCE")):
            self.assertEqual(refused.status, 403, refused)
        self.assertEqual(self.retain(bucket, version, 7200).status, 200)
        # A delete without a version puts a marker on top; below it all is there.
        self.assertEqual(self.s3.delete(bucket, "k").status, 204)
        self.assertEqual([marker for _, _, marker in self.s3.versions(bucket)], [True, False])
        self.assertEqual(self.s3.get(bucket, "k", version), b"kept")

    def retain(self, bucket, version, seconds, mode="COMPLIANCE"):
        until = locked_until(seconds)["x-amz-object-lock-retain-until-date"]
        body = f"<Retention><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>".encode()
        return self.s3.ask("PUT", bucket, "k", query={"retention": "", "versionId": version},
                           headers={"content-md5": cloud.md5(body)}, body=body)

    def test_a_default_lock_is_set_and_a_short_one_ends(self):
        bucket = self.bucket(lock=True, lock_mode="GOVERNANCE", lock_days=1)
        version = self.s3.put(bucket, "default", b"x")
        self.assertEqual(self.s3.head(bucket, "default")["x-amz-object-lock-mode"], "GOVERNANCE")
        self.assertEqual(self.s3.delete(bucket, "default", version).status, 403)
        self.assertEqual(self.s3.delete(bucket, "default", version,
                                        {"x-amz-bypass-governance-retention": "true"}).status, 204)
        version = self.s3.put(bucket, "short", b"x", locked_until(3))
        self.assertEqual(self.s3.delete(bucket, "short", version).status, 403)
        wait_until(lambda: self.s3.delete(bucket, "short", version).status == 204, 10, "the lock ends")

    def test_a_second_user_may_write_and_not_destroy(self):
        bucket = self.bucket(versioned=True)
        writer = self.rgw.s3("writer")
        self.assertEqual(writer.ask("PUT", bucket, "k", body=b"x").status, 403)  # before there is a policy
        arn, who = f"arn:aws:s3:::{bucket}", {"AWS": [self.rgw.principal("writer")]}
        self.s3.set_policy(bucket, {**allow(PUTS, f"{arn}/*"), "Principal": who},
                           {**allow("s3:ListBucket", arn), "Principal": who},
                           # What he wrote is his own and so his to read, unless both of these are denied.
                           {"Effect": "Deny", "Principal": who, "Action": ["s3:GetObject", "s3:GetObjectVersion"],
                            "Resource": f"{arn}/*"})
        version = writer.put(bucket, "k", b"x", {"x-amz-acl": "bucket-owner-full-control"})
        self.assertEqual(writer.put_parts(bucket, "parts", [b"x" * 5 * MIB, b"y"]).code, "")
        self.assertEqual(writer.keys(bucket), ["k", "parts"])
        self.assertEqual(self.s3.get(bucket, "k"), b"x")
        suspended = b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
        both = b"<Delete><Object><Key>k</Key></Object></Delete>"
        for method, key, query, body in (
                ("GET", "k", {}, b""), ("DELETE", "k", {}, b""), ("DELETE", "k", {"versionId": version}, b""),
                ("PUT", "", {"versioning": ""}, suspended), ("PUT", "", {"policy": ""}, b"{}"), ("DELETE", "", {}, b""),
                ("DELETE", "", {"lifecycle": ""}, b""), ("GET", "k", {"versionId": version}, b"")):
            refused = writer.ask(method, bucket, key, query, {"content-md5": cloud.md5(body)}, body)
            self.assertEqual(refused.status, 403, f"{method} {key} {query}")
        batch = writer.ask("POST", bucket, query={"delete": ""}, headers={"content-md5": cloud.md5(both)}, body=both)
        self.assertTrue(batch.status == 403 or b"AccessDenied" in batch.body, batch)
        self.assertEqual(self.s3.get(bucket, "k", version), b"x")

    def test_one_of_many_that_put_at_once_wins(self):
        bucket = self.bucket()
        statuses = []
        threads = [threading.Thread(target=lambda i=i: statuses.append(self.s3.ask(
            "PUT", bucket, "k", headers={"if-none-match": "*"}, body=b"%d" % i).status)) for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((statuses.count(200), len(statuses)), (1, 12))

    def test_rules_of_age_really_expire(self):
        plain, versioned = self.bucket(), self.s3.make_bucket(self.id()[-12:].replace("_", "-") + "-v", lock=True)
        self.s3.set_lifecycle(
            plain, "<Filter><Prefix>old/</Prefix></Filter><Expiration><Days>1</Days></Expiration>",
            "<Filter><Prefix>parts/</Prefix></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>1"
            "</DaysAfterInitiation></AbortIncompleteMultipartUpload>")
        self.s3.set_lifecycle(
            versioned, "<Filter><Prefix></Prefix></Filter><Expiration><Days>1</Days></Expiration>"
            "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>")
        self.s3.put(plain, "old/a")
        self.s3.put(plain, "kept/a")
        self.s3.begin_upload(plain, "parts/a")
        self.s3.put(versioned, "free", b"1")
        locked = self.s3.put(versioned, "locked", b"1", locked_until(3600))
        self.assertEqual(len(self.s3.uploads(plain)), 1)
        wait_until(lambda: self.s3.keys(plain) == ["kept/a"] and not self.s3.uploads(plain), 40, "what is old is gone")
        wait_until(lambda: self.s3.keys(versioned) == [] and
                   not [v for v in self.s3.versions(versioned, "free") if not v[2]], 40, "all that is not locked is gone")
        self.assertEqual(self.s3.get(versioned, "locked", locked), b"1")

    def test_a_full_store(self):
        small = self.rgw.s3("small")
        self.rgw.set_quota("small", 1 * MIB)
        bucket = small.make_bucket(self.bucket() + "-2")
        replies = [small.ask("PUT", bucket, f"k{i}", body=bytes(MIB)) for i in range(4)]
        self.assertEqual((replies[-1].status, replies[-1].code), (403, "QuotaExceeded"))

    def test_keys_of_the_server(self):
        bucket = self.bucket()
        self.s3.put(bucket, "k", b"x", {"x-amz-server-side-encryption": "aws:kms",
                                        "x-amz-server-side-encryption-aws-kms-key-id": "testkey-1"})
        self.assertEqual(self.s3.head(bucket, "k")["x-amz-server-side-encryption"], "aws:kms")
        self.assertEqual(self.s3.get(bucket, "k"), b"x")


class Gateway16(GatewayPromises, unittest.TestCase):
    version = "16.2"

    def test_a_conditional_put_is_ignored_on_a_versioned_bucket(self):
        plain, versioned = self.bucket(), self.s3.make_bucket("conditional-v", versioned=True)
        put = {"headers": {"if-none-match": "*"}, "body": b"2"}
        for bucket in (plain, versioned):
            self.s3.put(bucket, "k", b"1")
        self.assertEqual(self.s3.ask("PUT", plain, "k", **put).status, 412)
        self.assertEqual(self.s3.ask("PUT", versioned, "k", **put).status, 200)
        newer, first = self.s3.versions(versioned, "k")
        self.assertEqual((self.s3.get(versioned, "k", newer[1]), self.s3.get(versioned, "k", first[1])), (b"2", b"1"))


class Gateway20(GatewayPromises, unittest.TestCase):
    version = "20.2"

    def test_a_conditional_put_is_refused_where_there_is_an_object(self):
        plain, versioned = self.bucket(), self.s3.make_bucket("conditional-v", versioned=True)
        for bucket in (plain, versioned):
            self.s3.put(bucket, "k", b"1")
            etag = self.s3.head(bucket, "k")["etag"]
            refused = self.s3.ask("PUT", bucket, "k", headers={"if-none-match": "*"}, body=b"2")
            self.assertEqual((refused.status, refused.code), (412, "PreconditionFailed"))
            self.assertEqual(self.s3.put_parts(bucket, "k", [b"2"], {"if-none-match": "*"}).status, 412)
            self.assertEqual(self.s3.ask("PUT", bucket, "k", headers={"if-match": etag}, body=b"3").status, 200)
            self.assertEqual(self.s3.ask("PUT", bucket, "k", headers={"if-match": etag}, body=b"4").status, 412)
            self.assertEqual(self.s3.get(bucket, "k"), b"3")

    def test_checksums_are_kept_and_checked(self):
        bucket = self.bucket()
        declared = {"x-amz-sdk-checksum-algorithm": "SHA256"}
        wrong = base64.b64encode(bytes(32)).decode()
        right = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
        refused = self.s3.ask("PUT", bucket, "k", headers={**declared, "x-amz-checksum-sha256": wrong}, body=b"x")
        self.assertEqual(refused.status, 400)
        self.s3.put(bucket, "k", b"x", {**declared, "x-amz-checksum-sha256": right})
        kept = self.s3.ask("HEAD", bucket, "k", headers={"x-amz-checksum-mode": "ENABLED"}).headers
        self.assertEqual(kept["x-amz-checksum-sha256"], right)


class OtherGateways(unittest.TestCase):
    def test_two_zones_replicate_and_one_outlives_the_other(self):
        rgw = cloud.Rgw.of(self, zones=2)
        first, second = rgw.s3(), rgw.s3(zone=1)
        first.make_bucket("replicated", lock=True)
        wait_until(lambda: second.ask("HEAD", "replicated").status == 200, 60, "the bucket is in the second zone")
        version = first.put("replicated", "k", b"kept", locked_until(3600))
        wait_until(lambda: second.head("replicated", "k"), 60, "the object is in the second zone")
        self.assertEqual(second.head("replicated", "k")["x-amz-version-id"], version)
        self.assertEqual(second.delete("replicated", "k", version).status, 403)
        rgw.zones[0].kill()
        self.assertEqual(second.get("replicated", "k"), b"kept")
        second.put("replicated", "later", b"x")

    def test_a_region_of_its_own(self):
        rgw = cloud.Rgw.of(self, region="ap-southeast-1")
        rgw.s3().make_bucket("here")
        self.assertEqual(rgw.s3().do("GET", "here", query={"location": ""}).xml().text, "ap-southeast-1")
        elsewhere = cloud.S3(rgw.endpoint, rgw.user("owner"), region="eu-west-1")
        with self.assertRaises(cloud.Refused):
            elsewhere.make_bucket("there")

    def test_bluestore_survives_a_kill(self):
        rgw = cloud.Rgw.of(self, store="bluestore")
        s3 = rgw.s3()
        s3.make_bucket("kept")
        s3.put("kept", "k", b"kept" * MIB)
        rgw.kill()
        with self.assertRaises(OSError):
            s3.get("kept", "k")
        rgw.start()
        self.assertEqual(s3.get("kept", "k"), b"kept" * MIB)

    def test_https_with_an_authority_of_its_own(self):
        rgw = cloud.Rgw.of(self, tls=True)
        rgw.s3().make_bucket("secure")
        self.assertEqual(rgw.s3().keys("secure"), [])
        with self.assertRaises(urllib.error.URLError):
            urllib.request.urlopen(rgw.endpoint, timeout=20)
        proxy = cloud.FaultyProxy.of(self, rgw.endpoint, certificates=rgw.certificates, upstream_ca=rgw.ca)
        through = cloud.S3(proxy.endpoint, rgw.user("owner"), ca=rgw.ca)
        through.put("secure", "k", b"x" * MIB)
        self.assertEqual(through.get("secure", "k"), b"x" * MIB)

    def test_a_program_of_ours_ends_with_the_one_that_started_it(self):
        folder = cloud.harness.tempfile.mkdtemp()
        self.addCleanup(cloud.harness.shutil.rmtree, folder)
        script = ("import sys, time; sys.path.insert(0, sys.argv[1]); from services import Service; "
                  "print(Service(sys.argv[2], ['sleep', '300']).process.pid, flush=True); time.sleep(300)")
        with subprocess.Popen(["/usr/bin/python3", "-c", script, os.path.dirname(cloud.__file__),
                               os.path.join(folder, "sleep")], stdout=subprocess.PIPE, text=True) as parent:
            pid = int(parent.stdout.readline())
            self.assertTrue(os.path.exists(f"/proc/{pid}"))
            parent.kill()
        wait_until(lambda: not alive(pid), 10, "the service is gone")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class ProxyBeforeAGateway(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rgw = cloud.Rgw.of(cls)

    def setUp(self):
        self.proxy = cloud.FaultyProxy.of(self, self.rgw.endpoint)
        self.s3 = cloud.S3(self.proxy.endpoint, self.rgw.user("owner"))
        self.bucket = self.s3.make_bucket(self.id().rpartition("test_")[2].replace("_", "-")[:60])

    def test_a_burst_of_slow_down_passes(self):
        self.proxy.slow_down(method="PUT", path="/k", times=3)
        replies = [self.s3.ask("PUT", self.bucket, "k", body=b"x") for _ in range(4)]
        self.assertEqual([(r.status, r.code) for r in replies], [(503, "SlowDown")] * 3 + [(200, "")])

    def test_a_put_whose_reply_is_lost_was_done_and_one_that_broke_was_not(self):
        self.proxy.lose_reply(method="PUT", path="done")
        self.proxy.reset_in_body(after_bytes=MIB, method="PUT", path="broken")
        for key in ("done", "broken"):
            with self.assertRaises(OSError):
                self.s3.ask("PUT", self.bucket, key, body=bytes(2 * MIB))
        self.assertEqual(self.s3.keys(self.bucket), ["done"])

    def test_an_early_refusal_reaches_a_client_that_still_sends(self):
        writer = cloud.S3(self.proxy.endpoint, Credentials("AKNOSUCH", "wrong"))
        for headers in ({}, {"expect": "100-continue"}):
            self.assertEqual(writer.ask("PUT", self.bucket, "k", headers=headers, body=bytes(8 * MIB)).code,
                             "InvalidAccessKeyId")


class Emulator(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.moto = cloud.Moto.of(cls)
        cls.key = cls.moto.key("main")
        cls.other = cls.moto.key("other", region="eu-central-1")
        cls.secret = cls.moto.secret("database", "hidden")
        cls.writer = cls.moto.user("writer", allow("kms:GenerateDataKey", cls.key))
        cls.role = cls.moto.role("reader", allow("kms:Decrypt", cls.key))
        cls.moto.enforce_iam()

    def kms(self, operation, credentials=None, region="us-east-1", **arguments):
        reply = self.moto.ask_json("kms", f"TrentService.{operation}", arguments, credentials, region)
        return reply.code or reply.json()

    def data_key(self, **context):
        return self.moto.kms("GenerateDataKey", KeyId="alias/main", KeySpec="AES_256", EncryptionContext=context)

    def test_a_writer_makes_data_keys_and_cannot_open_them(self):
        made = self.kms("GenerateDataKey", self.writer, KeyId="alias/main", KeySpec="AES_256")
        self.assertEqual(made["KeyId"], self.key)
        self.assertEqual(self.kms("Decrypt", self.writer, CiphertextBlob=made["CiphertextBlob"]), "AccessDeniedException")
        opened = self.kms("Decrypt", self.moto.assume(self.role), CiphertextBlob=made["CiphertextBlob"])
        self.assertEqual(opened["Plaintext"], made["Plaintext"])

    def test_a_statement_about_one_key_is_for_no_other(self):
        second = self.moto.key()
        self.assertEqual(self.kms("GenerateDataKey", self.writer, KeyId=second, KeySpec="AES_256"), "AccessDeniedException")

    def test_conditions_count(self):
        reader = self.moto.user("index-reader", allow("kms:Decrypt", self.key, StringEquals={
            "kms:EncryptionContext:class": "index"}))
        for kind, code in (("index", ""), ("data", "AccessDeniedException")):
            blob = self.data_key(**{"class": kind})["CiphertextBlob"]
            asked = self.kms("Decrypt", reader, CiphertextBlob=blob, EncryptionContext={"class": kind})
            self.assertEqual(asked if code else asked["KeyId"], code or self.key)

    def test_a_bucket_policy_is_for_whom_it_names(self):
        s3 = self.moto.s3()
        s3.make_bucket("policy")
        self.moto.allow_user("writer", allow("kms:GenerateDataKey", self.key), allow("s3:*", "arn:aws:s3:::policy/*"))
        user = f"arn:aws:iam::{cloud.ACCOUNT}:user/writer"
        s3.set_policy("policy", {"Effect": "Deny", "Principal": {"AWS": [user]}, "Action": "s3:PutObject",
                                 "Resource": "arn:aws:s3:::policy/*", "Condition": {
                                     "Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}})
        s3.put("policy", "k", b"x")
        writer = self.moto.s3(self.writer)
        self.assertEqual(writer.ask("PUT", "policy", "other", body=b"x").status, 403)
        self.assertEqual(writer.ask("PUT", "policy", "other", headers={"if-none-match": "*"}, body=b"x").status, 200)

    def test_unknown_callers_and_wrong_secrets(self):
        for credentials, code in ((Credentials(self.writer.access, "wrong"), "InvalidSignatureException"),
                                  (Credentials("AKIANOSUCH", "wrong"), "UnrecognizedClientException")):
            self.assertEqual(self.kms("GenerateDataKey", credentials, KeyId=self.key, KeySpec="AES_256"), code)

    def test_the_context_is_part_of_what_is_sealed(self):
        blob = self.data_key(repository="a")["CiphertextBlob"]
        self.assertEqual(self.kms("Decrypt", CiphertextBlob=blob), "InvalidCiphertextException")
        self.assertEqual(self.kms("Decrypt", CiphertextBlob=blob, EncryptionContext={"repository": "b"}),
                         "InvalidCiphertextException")
        self.assertIn("Plaintext", self.kms("Decrypt", CiphertextBlob=blob, EncryptionContext={"repository": "a"}))

    def test_a_disabled_key_and_one_that_is_about_to_go(self):
        key = self.moto.key()
        blob = self.moto.kms("GenerateDataKey", KeyId=key, KeySpec="AES_256")["CiphertextBlob"]
        self.moto.disable_key(key)
        self.assertEqual(self.kms("GenerateDataKey", KeyId=key, KeySpec="AES_256"), "DisabledException")
        self.assertEqual(self.kms("Decrypt", CiphertextBlob=blob), "DisabledException")
        self.moto.enable_key(key)
        self.assertIn("Plaintext", self.kms("Decrypt", CiphertextBlob=blob))
        self.moto.delete_key(key)
        self.assertEqual(self.kms("Decrypt", CiphertextBlob=blob), "KMSInvalidStateException")

    def test_keys_are_of_their_region(self):
        self.assertEqual(self.kms("DescribeKey", KeyId=self.other), "NotFoundException")
        described = self.kms("DescribeKey", region="eu-central-1", KeyId="alias/other")
        self.assertEqual(described["KeyMetadata"]["Arn"], self.other)

    def test_a_secret_is_for_those_who_may_read_it(self):
        def ask(credentials=None):
            return self.moto.ask_json("secretsmanager", "secretsmanager.GetSecretValue", {"SecretId": "database"}, credentials)
        self.assertEqual(ask().json()["SecretString"], "hidden")
        self.assertEqual(ask(self.writer).code, "AccessDeniedException")

    def test_faults_before_it(self):
        proxy = cloud.FaultyProxy.of(self, self.moto.endpoint)
        proxy.answer(400, headers={"Content-Type": "application/x-amz-json-1.1"},
                     body=json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}).encode())
        through = cloud.Signed(proxy.endpoint, self.moto.admin)
        body = json.dumps({"KeyId": self.key}).encode()
        headers = {"x-amz-target": "TrentService.DescribeKey", "content-type": "application/x-amz-json-1.1"}
        codes = [through.request("kms", "POST", headers=headers, body=body).code for _ in range(2)]
        self.assertEqual(codes, ["ThrottlingException", ""])


if __name__ == "__main__":
    cloud.main("ceph-20.2", "moto")
