"""Dumps that the service itself copies to its other zone: looked at, and restored when the first is gone."""

import cloud
from buckets import DumpsBucketTest


class ByTheStore(DumpsBucketTest):
    """Two zones that replicate every bucket to each other."""

    bucket_options = {"versioned": True}

    @classmethod
    def setUpClass(cls):
        cls.rgw = cloud.Rgw.of(cls, version="16.2", zones=2)

    def test_what_the_service_copies_is_looked_at(self):
        far = self.rgw.s3(zone=1)
        far_endpoint = self.rgw.endpoints[1]
        primary = self.dumped_cluster(f"      replica: {{ store: s3://{self.dumps_bucket}, endpoint: \"{far_endpoint}\", "
                                      "by: store, within: 1m }\n")
        taken = self.dump("--tier", "nightly")
        self.assertEqual(taken["replica"]["by"], "store")
        self.assertEqual(taken["replica"]["copied"], [])
        self.assertIn("by the service's own", self.seawall("replicate", "dumps").out)
        name = taken["name"]
        cloud.wait_until(lambda: far.head(self.dumps_bucket, name + ".json"), 50, "the second zone has the dump")
        self.assertEqual(self.findings("the replica"), [])
        self.assertEqual([one["replica"]["state"] for one in self.seawall("--json", "list").json()["dumps"]], ["there"])
        checked = self.seawall("--json", "check", check=False).json()
        [replication] = [one for one in checked if one["subject"].endswith("replication")]
        self.assertIn("unproven", replication["what"])
        self.rgw.zones[0].stop_gateway()  # the first region is gone
        try:
            self.seawall("restore", "dump", "latest", "--from-replica", "--into", primary.url("again"), "--create")
            self.assertEqual(primary.content("again"), primary.content())
        finally:
            self.rgw.zones[0].start_gateway()
        self.rgw.zones[1].stop_gateway()
        try:
            second = self.dump("--again")["name"]
            self.assertEqual(self.severities("cannot be looked at"), ["critical"])
        finally:
            self.rgw.zones[1].start_gateway()
        cloud.wait_until(lambda: far.head(self.dumps_bucket, second + ".json"), 50, "the second zone catches up")
        self.assertEqual(self.findings("the replica"), [])


if __name__ == "__main__":
    cloud.main()
