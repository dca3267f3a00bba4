"""Dumps go by the buckets' own rules of age, here with days of seconds, and nobody takes that for damage."""

import cloud
from buckets import DumpsBucketTest

RULES = ("<Filter><Prefix></Prefix></Filter><Expiration><Days>2</Days></Expiration><NoncurrentVersionExpiration>"
         "<NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>",
         "<Filter><Prefix></Prefix></Filter><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>")


class Expiry:
    bucket_options = {"versioned": True}

    @classmethod
    def setUpClass(cls):
        cls.rgw = cloud.Rgw.of(cls, version=cls.version, lifecycle_day_seconds=4)

    def test_a_dump_expires_with_all_its_versions_and_that_is_no_damage(self):
        primary = self.dumped_cluster(f"      encryption: {{ key: file:{self.key} }}\n", retain="2d")
        first = self.dump()["name"]
        self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])
        self.s3.set_lifecycle(self.dumps_bucket, *RULES)

        def looks_well():
            """Whatever is gone by now of archive and record."""
            listed = self.seawall("--json", "list").json()["dumps"]
            self.assertLessEqual(len(listed), 1)
            self.assertEqual(self.seawall("--json", "verify", "--no-record").json()["damage"], [])
            self.assertEqual([one for one in self.findings(first) if one["severity"] != "notice"], [])
            return not listed
        cloud.wait_until(looks_well, 50, "the dump is gone from lists")
        cloud.wait_until(lambda: not self.s3.versions(self.dumps_bucket, first), 50, "its bytes are gone")
        self.s3.do("DELETE", self.dumps_bucket, query={"lifecycle": ""})
        again = self.dump()["name"]
        self.assertEqual(again, first)  # the day's name is free
        self.seawall("restore", "dump", "latest", "--into", primary.url("again"), "--create")
        self.assertEqual(primary.content("again"), primary.content())


class OldGateway(Expiry, DumpsBucketTest):
    version = "16.2"


class NewGateway(Expiry, DumpsBucketTest):
    version = "20.2"


if __name__ == "__main__":
    cloud.main("ceph-20.2")
