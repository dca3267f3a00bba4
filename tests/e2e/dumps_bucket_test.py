"""The dumps' bucket: who may write there and not read, what a lock holds."""

import time

import cloud
from buckets import DumpsBucketTest

MODES = {"client": None, "sse-kms": "      encryption: { mode: sse-kms, key: aws-kms:testkey-1 }\n"}


def deny(user, actions, *resources):
    return {"Effect": "Deny", "Principal": {"AWS": [cloud.Rgw.principal(user)]}, "Action": actions,
            "Resource": list(resources)}


class WriteOnly(DumpsBucketTest):
    """The writer may put and list, and get records; not what it dumped."""

    version = "20.2"
    bucket_options = {"versioned": True}

    def setUp(self):
        super().setUp()
        self.use(self.rgw.user("restorer"))
        for bucket, more in ((self.repository_bucket, ()), (self.dumps_bucket, (
                deny("owner", ["s3:GetObject", "s3:GetObjectVersion"], f"arn:aws:s3:::{self.dumps_bucket}/*.dump"),))):
            self.s3.set_policy(bucket, {
                "Effect": "Allow", "Principal": {"AWS": [cloud.Rgw.principal("restorer")]},
                "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListBucketVersions", "s3:PutObject"],
                "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}, *more)
        self.use(self.rgw.user("owner"))

    def test_a_dump_that_its_writer_cannot_read_is_verified_by_who_restores(self):
        for mode, extra in MODES.items():
            with self.subTest(mode):
                if mode != "client":
                    self.clean_up()
                    self.clusters = []
                    self.setUp()
                primary = self.dumped_cluster(extra or f"      encryption: {{ key: file:{self.key} }}\n")
                said = self.seawall("backup", "dumps", "--tier", "nightly").out
                self.assertIn("was not read back", said)
                name = said.split(" ")[0]
                self.assertEqual(self.s3.ask("GET", self.dumps_bucket, name).status, 403)
                self.assertIn("already", self.seawall("backup", "dumps", "--tier", "nightly").out)
                record = self.seawall("--json", "list").json()["dumps"][0]
                self.assertIsNone(record["sha256"])
                self.assertFalse(record["read_back"])
                self.assertEqual(len(record["head_sha256"]), 64)
                self.assertEqual(self.severities("read back"), ["notice"])

                again = self.seawall("--json", "backup", "dumps", "--again").json()
                self.assertTrue(again["name"].endswith(".2.dump"), again)

                self.use(self.rgw.user("restorer"))
                self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])
                self.assertEqual(self.findings("read back"), [])
                self.seawall("restore", "dump", "latest", "--into", primary.url("again"), "--create")
                self.assertEqual(primary.content("again"), primary.content())
                if mode == "sse-kms":  # in clear to who may have the service decrypt it
                    whole = cloud.S3(self.endpoint, self.rgw.user("restorer")).get(self.dumps_bucket, name)
                    self.assertEqual(whole[:5], b"PGDMP")
                self.use(self.rgw.user("owner"))

    def test_other_bytes_than_were_written_are_found(self):
        self.dumped_cluster(MODES["sse-kms"])
        name = self.seawall("--json", "backup", "dumps").json()["name"]
        self.use(self.rgw.user("restorer"))
        restorer = cloud.S3(self.endpoint, self.rgw.user("restorer"))
        whole = bytearray(restorer.get(self.dumps_bucket, name))
        for at in (20, len(whole) - 5):  # in the head, in the rest
            damaged = bytearray(whole)
            damaged[at] ^= 1
            restorer.put(self.dumps_bucket, name, bytes(damaged))
            found = self.seawall("--json", "verify", "--no-record", check=False)
            self.assertEqual(found.code, 7, found)
            self.assertEqual([one["key"] for one in found.json()["damage"]], [name])
        refused = self.seawall("restore", "dump", "latest", "--into", "postgresql:///nowhere", check=False)
        self.assertNotEqual(refused.code, 0)


class Locks(DumpsBucketTest):
    version = "20.2"
    bucket_options = {"lock": True}

    def test_a_locked_dump_stays_and_prune_says_how_long(self):
        self.extra = "      start_within: 1s\n      finish_within: 2s\n      lock: { mode: compliance, for: 1d }\n"
        self.primary = self.dumped_cluster(self.extra, retain="2d")
        name = self.dump("--tier", "nightly")["name"]
        for key in (name, name + ".json"):
            head = self.s3.head(self.dumps_bucket, key)
            self.assertEqual(head["x-amz-object-lock-mode"], "COMPLIANCE")
            version = next(v for k, v, _ in self.s3.versions(self.dumps_bucket) if k == key)
            self.assertEqual(self.s3.delete(self.dumps_bucket, key, version).status, 403)
        # Of what would go, prune leaves what it sees to be locked, and takes the rest.
        locked, free = "postgres_2020-01-01.dump", "postgres_2020-01-02.dump"
        self.s3.put(self.dumps_bucket, locked, b"PGDMP", cloud.locked_until(3600))
        self.s3.put(self.dumps_bucket, free, b"PGDMP")
        time.sleep(5)
        requests = cloud.FaultyProxy.of(self, self.rgw.endpoint)
        self.endpoint = requests.endpoint
        self.dumps_policy(self.primary, self.extra, retain="2d")
        pruned = self.seawall("--json", "prune", "--apply").json()["dumps"]
        kept = {one["key"]: one["reason"] for one in pruned["keep"]}
        self.assertRegex(kept[locked], "^locked until 20..-..-..T..:..:..Z$")
        self.assertIn(name, kept)
        self.assertEqual([one["key"] for one in pruned["remove"]], [free])
        self.assertEqual(requests.count(method="DELETE", path=locked), 0)
        self.assertEqual(sorted(k for k in self.s3.keys(self.dumps_bucket) if k.endswith(".dump")), sorted([locked, name]))


if __name__ == "__main__":
    cloud.main("ceph-20.2")
