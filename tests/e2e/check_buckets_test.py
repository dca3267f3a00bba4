"""`check` and `status` look at the buckets themselves: versions, age, locks, regions, rights; every mend mends."""

import json
import re

import cloud
from buckets import DumpsBucketTest

DAYS = 90
EXPIRE = ("<Filter><Prefix></Prefix></Filter><Expiration><Days>{}</Days></Expiration>"
          "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>")
LEFTOVERS = ("<Filter><Prefix></Prefix></Filter><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"
             "</Expiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation>"
             "</AbortIncompleteMultipartUpload>")
REST = ("<Filter><Prefix></Prefix></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation>"
        "</AbortIncompleteMultipartUpload>")


class CheckBuckets:
    region = "eu-west-1"

    @classmethod
    def setUpClass(cls):
        cls.rgw = cloud.Rgw.of(cls, version=cls.version, region=cls.region)

    def setUp(self):
        super().setUp()
        self.far = f"{self.name}-far"
        self.s3.make_bucket(self.far)
        self.primary = self.dumped_cluster(self.extra())

    def extra(self, lock=""):
        return f"      replica: {{ store: s3://{self.far} }}\n{lock}"

    def policy_of(self, *words, **options):
        super().policy_of(*words, **options)
        with open(self.policy) as file:
            text = file.read()
        with open(self.policy, "w") as file:
            file.write(text.replace(f'"{self.endpoint}" }}', f'"{self.endpoint}", region: {self.region} }}'))

    def checked(self, word):
        """Results by subject, of the subjects that have this word."""
        return {one["subject"]: one for one in self.seawall("--json", "check", check=False).json() if word in one["subject"]}

    def mend(self, words):
        """What `aws s3api put-bucket-lifecycle-configuration` would do with this line."""
        rules = json.loads(re.search("--lifecycle-configuration '(.*)'", words)[1])["Rules"]
        xml = ""
        for rule in rules:
            self.assertEqual(rule["Status"], "Enabled")
            xml += f"<Rule><ID>{rule['ID']}</ID><Status>Enabled</Status><Filter><Prefix>{rule['Filter']['Prefix']}</Prefix></Filter>"
            for name in ("Expiration", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
                if name in rule:
                    xml += f"<{name}>" + "".join(
                        f"<{k}>{str(v).lower()}</{k}>" for k, v in rule[name].items()) + f"</{name}>"
            xml += "</Rule>"
        bucket = re.search("--bucket (\\S+)", words)[1]
        self.s3.set(bucket, "lifecycle", f"<LifecycleConfiguration>{xml}</LifecycleConfiguration>")

    def test_every_bucket_is_looked_at_and_every_mend_mends(self):
        self.dump()
        versions = self.checked("versions")
        self.assertEqual({one["result"] for one in versions.values()}, {"problem"})
        self.assertEqual(len(versions), 3)
        self.assertTrue(all("put-bucket-versioning" in one["mend"] for one in versions.values()))
        for bucket in (self.repository_bucket, self.dumps_bucket, self.far):
            self.s3.set(bucket, "versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
        self.assertEqual({one["result"] for one in self.checked("versions").values()}, {"good"})
        self.assertEqual({one["what"] for one in self.checked("region").values()}, {self.region})

        ages = self.checked("lifecycle")
        self.assertEqual([one["result"] for one in ages.values()], ["warning", "problem", "problem"])
        self.assertEqual(self.severities("no rule deletes dumps"), ["warning", "warning"])
        for one in ages.values():
            self.mend(one["mend"])
        self.assertEqual({one["result"] for one in self.checked("lifecycle").values()}, {"good"})
        self.assertEqual(self.findings("lifecycle"), [])

    def test_rules_of_age_that_destroy_are_found(self):
        self.s3.set_lifecycle(self.repository_bucket, EXPIRE.format(400), LEFTOVERS)
        self.s3.set_lifecycle(self.dumps_bucket, EXPIRE.format(DAYS - 1), LEFTOVERS)
        self.s3.set_lifecycle(self.far, EXPIRE.format(DAYS + 30), LEFTOVERS)
        ages = self.checked("lifecycle")
        self.assertEqual({one["result"] for one in ages.values()}, {"problem"})
        self.assertIn("newer snapshots name old packs", ages["repository.store lifecycle"]["what"])
        self.assertIn(f"after {DAYS - 1} days", ages["layers.dumps.nightly.store lifecycle"]["what"])
        self.assertIn(f"after {DAYS + 30} days", ages["layers.dumps.nightly.replica lifecycle"]["what"])
        found = {one["what"].split(":")[0]: one["severity"] for one in self.findings("lifecycle")}
        self.assertEqual(found, {"repository.store lifecycle": "critical", "layers.dumps.nightly.store lifecycle": "critical",
                                 "layers.dumps.nightly.replica lifecycle": "warning"})
        for one in ages.values():
            self.mend(one["mend"])
        self.assertEqual(self.findings("lifecycle"), [])

    def test_a_rule_beside_our_prefix_is_none_of_ours(self):
        other = EXPIRE.replace("<Prefix></Prefix>", "<Prefix>elsewhere/</Prefix>").format(5)
        self.s3.set_lifecycle(self.repository_bucket, other, REST)
        self.assertEqual(self.checked("lifecycle")["repository.store lifecycle"]["result"], "good")

    def test_a_bucket_that_cannot_lock_is_found(self):
        self.dumps_policy(self.primary, self.extra("      lock: { mode: governance, for: 1d }\n"))
        locks = self.checked("lock")
        self.assertEqual({one["result"] for one in locks.values()}, {"problem"})
        self.assertIn("put-object-lock-configuration", locks["layers.dumps.nightly.store lock"]["mend"])

    def test_what_may_not_be_asked_is_unproven(self):
        stranger = self.rgw.user("stranger")
        for bucket in (self.repository_bucket, self.dumps_bucket, self.far):
            self.s3.set_policy(bucket, {"Effect": "Allow", "Principal": {"AWS": [cloud.Rgw.principal("stranger")]},
                                        "Action": ["s3:ListBucket", "s3:GetObject"],
                                        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]})
        self.use(stranger)
        for word in ("versions", "lifecycle"):
            answers = self.checked(word)
            self.assertEqual(len(answers), 3)
            for one in answers.values():
                self.assertEqual(one["result"], "warning", one)
                self.assertIn("unproven", one["what"])

    def test_a_bucket_that_is_not_there_is_one_problem(self):
        self.s3.do("DELETE", self.far)
        problem = self.checked("replica")["layers.dumps.nightly.replica"]
        self.assertEqual(problem["result"], "problem")
        self.assertIn("NoSuchBucket", problem["what"])


class OldGateway(CheckBuckets, DumpsBucketTest):
    version = "16.2"

    def test_shadows_are_found(self):
        for bucket in (self.dumps_bucket,):
            self.s3.set(bucket, "versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
        name = self.dump()["name"]
        self.s3.put(self.dumps_bucket, name, b"another")
        [shadow] = self.checked("shadows").values()
        self.assertEqual(shadow["result"], "problem")
        self.assertIn(name, shadow["what"])
        self.assertIn("IGNORES If-None-Match", self.checked("layers.dumps.nightly.store write-once")[
            "layers.dumps.nightly.store write-once"]["what"])
        self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])  # the first one counts


class NewGateway(CheckBuckets, DumpsBucketTest):
    version = "20.2"


if __name__ == "__main__":
    cloud.main("ceph-20.2")
