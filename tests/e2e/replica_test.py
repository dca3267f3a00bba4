"""Dumps in two regions: copied, looked at, and restored when the first region is gone."""

import os
import time

import cloud
import harness
from buckets import DumpsBucketTest
from harness import run

FIRST_KEY, FAR_KEY = list(cloud.KMS_KEYS)[2:4]


class Copied(DumpsBucketTest):
    """The first region's gateway is behind a proxy that can be cut; the second is of another version."""

    version = "20.2"
    bucket_options = {"versioned": True}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.far = cloud.Rgw.of(cls, version="16.2", owner=cls.rgw.user("owner"))

    def setUp(self):
        super().setUp()
        self.proxy = cloud.FaultyProxy.of(self, self.rgw.endpoint)
        self.endpoint = self.proxy.endpoint
        self.far_s3 = self.far.s3()
        self.replica = self.far_s3.make_bucket(f"{self.name}-far", versioned=True)
        self.far_key = os.path.join(self.folder, "far.key")
        run(harness.SEAWALL, "key", "create", self.far_key)

    def extra(self, mode="client", more=""):
        keys = {"client": (f"encryption: {{ key: file:{self.key} }}", f", key: file:{self.far_key}"),
                "sse-kms": (f"encryption: {{ mode: sse-kms, key: aws-kms:{FIRST_KEY} }}", f", key: aws-kms:{FAR_KEY}"),
                "clear": ("", "")}[mode]
        return (f"      {keys[0]}\n      replica: {{ store: s3://{self.replica}/copies, endpoint: \"{self.far.endpoint}\""
                f"{keys[1]}{more} }}\n")

    def copies(self):
        return [key for key in self.far_s3.keys(self.replica, "copies/") if "/store." not in key]

    def listed(self):
        return {one["name"]: one["replica"]["state"] for one in self.seawall("--json", "list").json()["dumps"]}

    def restore(self, primary, *arguments, **options):
        self.seawall("restore", "dump", "latest", "--from-replica", "--into", primary.url("again"), "--create", *arguments,
                     **options)
        self.assertEqual(primary.content("again"), primary.content())
        primary.sql("drop database again")

    def test_each_mode_is_copied_and_restored_without_the_first_region(self):
        for mode in ("client", "sse-kms", "clear"):
            with self.subTest(mode):
                if mode != "client":
                    self.doCleanups()
                    self.setUp()
                primary = self.dumped_cluster(self.extra(mode))
                taken = self.dump("--tier", "nightly")
                name = taken["name"]
                self.assertEqual(taken["replica"], {"store": f"s3://{self.replica}/copies", "by": "seawall",
                                                    "copied": [name], "failed": []})
                self.assertEqual(self.copies(), [f"copies/{name}", f"copies/{name}.json"])
                self.assertEqual(self.findings("the replica"), [])
                self.assertEqual(self.listed(), {name: "there"})
                if mode != "sse-kms":  # the very same bytes
                    for key in (name, name + ".json"):
                        self.assertEqual(self.far_s3.get(self.replica, f"copies/{key}"),
                                         self.s3.get(self.dumps_bucket, key))
                else:
                    for s3, bucket, key, own in ((self.s3, self.dumps_bucket, name, FIRST_KEY),
                                                 (self.far_s3, self.replica, f"copies/{name}", FAR_KEY)):
                        head = s3.head(bucket, key)
                        self.assertEqual(head["x-amz-server-side-encryption-aws-kms-key-id"], own)
                # Nothing of the first region answers, and its key is lost.
                self.proxy.cut()
                os.rename(self.key, self.key + ".lost")
                only = self.seawall("--json", "list", "--from-replica").json()["dumps"]
                self.assertEqual([one["name"] for one in only], [name])
                self.restore(primary)
                os.rename(self.key + ".lost", self.key)

    def test_a_copy_that_fails_does_not_fail_the_dump_and_is_made_later(self):
        primary = self.dumped_cluster(self.extra(more=", within: 1m"))
        self.far_s3.set_policy(self.replica, {
            "Effect": "Deny", "Principal": "*", "Action": ["s3:PutObject"],
            "Resource": f"arn:aws:s3:::{self.replica}/*"})
        taken = self.dump("--tier", "nightly")
        self.assertEqual(taken["replica"]["copied"], [])
        self.assertIn("replicate dumps", taken["replica"]["failed"][0])
        self.assertEqual(self.copies(), [])
        self.assertEqual(self.severities("could not copy"), ["warning"])
        self.assertEqual(self.listed(), {taken["name"]: "missing"})
        refused = self.seawall("replicate", "dumps", check=False)
        self.assertEqual(refused.code, 4, refused)
        self.far_s3.do("DELETE", self.replica, query={"policy": ""})
        self.assertIn("copied to", self.seawall("backup", "dumps", "--tier", "nightly").out)  # the slot has its dump
        self.assertEqual(self.findings("the replica"), [])
        self.assertIn("has them all", self.seawall("replicate", "dumps").out)
        self.restore(primary)

    def test_what_is_missing_changed_or_out_of_reach_is_found(self):
        self.dumped_cluster(self.extra("clear", ", within: 5s"))
        first = self.dump()["name"]
        self.assertEqual(self.findings("the replica"), [])
        for key in self.copies():
            for found, version, _ in self.far_s3.versions(self.replica, key):
                self.far_s3.delete(self.replica, found, version)
        time.sleep(6)
        self.assertEqual(self.severities(f"lacks {first}"), ["critical"])
        self.seawall("replicate", "dumps")
        late = self.findings("the replica")
        self.assertEqual([one["severity"] for one in late], ["warning"], late)
        self.assertIn("where the policy says", late[0]["what"])
        # Other bytes of the same size are found by reading them.
        body = self.far_s3.get(self.replica, f"copies/{first}")
        for found, version, _ in self.far_s3.versions(self.replica, f"copies/{first}"):
            if found == f"copies/{first}":
                self.far_s3.delete(self.replica, found, version)
        self.far_s3.put(self.replica, f"copies/{first}", body[:-1] + bytes([body[-1] ^ 1]))
        damage = self.seawall("--json", "verify", "--replicas", check=False).json()["damage"]
        self.assertEqual([one["key"] for one in damage], [f"s3://{self.replica}/copies/{first}"])
        refused = self.seawall("restore", "dump", "latest", "--from-replica", "--into", "postgresql:///none", check=False)
        self.assertNotEqual(refused.code, 0)
        self.far.zones[0].stop_gateway()
        try:
            self.assertEqual(self.severities("cannot be looked at"), ["critical"])
            self.assertEqual(self.listed(), {first: "unknown"})
        finally:
            self.far.zones[0].start_gateway()

    def test_a_copy_that_is_killed_is_completed(self):
        primary = self.dumped_cluster(self.extra())
        primary.sql("create extension if not exists pgcrypto; create table big as select i, gen_random_bytes(1000) b from "
                    "generate_series(1, 30000) i")
        holder = cloud.FaultyProxy.of(self, self.far.endpoint)
        with open(self.policy) as file:
            text = file.read()
        with open(self.policy, "w") as file:
            file.write(text.replace(self.far.endpoint, holder.endpoint))
        rule = holder.stall(60, method="POST", path="dump.*uploadId")
        process = self.start_seawall("backup", "dumps", "--tier", "nightly")
        self.wait_for(lambda: rule.hits > 0, 60, "the copy's last request")
        process.kill()
        process.wait()
        holder.clear()
        self.assertEqual(self.copies(), [])
        self.seawall("replicate", "dumps")
        self.assertEqual(len(self.copies()), 2)
        # An archive whose record is missing is what a kill between the two leaves.
        record = next(key for key in self.copies() if key.endswith(".json"))
        for found, version, _ in self.far_s3.versions(self.replica, record):
            self.far_s3.delete(self.replica, found, version)
        self.assertIn("copied to", self.seawall("run", "--once").err)
        self.assertEqual(self.findings("the replica"), [])
        self.restore(primary)


if __name__ == "__main__":
    cloud.main("ceph-20.2")
