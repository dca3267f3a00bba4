"""What the writer's credential can and cannot do, proven by its own probe, on real gateways with a second user."""

import datetime

import cloud
from buckets import BucketTest

WRITES = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:GetObject", "s3:GetObjectVersion"]
LOOKS = ["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:GetBucketVersioning",
         "s3:GetLifecycleConfiguration", "s3:GetBucketObjectLockConfiguration"]


class WriteOnceTest(BucketTest):
    bucket_options = {"lock": True, "lock_mode": "GOVERNANCE", "lock_days": 1}

    def grant_writer(self, more=(), bypass=False):
        """A second user of the gateway, who may add and look, and whatever else is said. Whoever wrote an object is its owner
        there, and may go around a governance lock on it unless that is denied."""
        no_bypass = [] if bypass else ["s3:BypassGovernanceRetention"]
        self.writer = self.rgw.user("writer" + self.name[-6:].replace("-", ""))
        principal = {"AWS": [cloud.Rgw.principal(name) for name, user in self.rgw.users.items() if user is self.writer]}
        for bucket in (self.repository_bucket, self.dumps_bucket):
            self.s3.set_policy(
                bucket,
                {"Effect": "Allow", "Principal": principal, "Action": [*WRITES, *more],
                 "Resource": f"arn:aws:s3:::{bucket}/*"},
                {"Effect": "Allow", "Principal": principal, "Action": [*LOOKS, *more], "Resource": f"arn:aws:s3:::{bucket}"},
                *({"Effect": "Deny", "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{bucket}/*"}
                  for action in no_bypass))
            self.s3.set_lifecycle(bucket, "<Filter><Prefix></Prefix></Filter><AbortIncompleteMultipartUpload>"
                                  "<DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>")

    def probed(self):
        done = self.seawall("--json", "probe", "write-once", check=False)
        self.assertIn(done.code, (0, 1, 2), done)
        return done.code, {store["url"].split("/")[2]: {step["what"]: step["outcome"] for step in store["steps"]}
                           for store in done.json()["stores"]}


class Promises:
    def test_a_writer_that_only_adds_takes_nothing_away(self):
        primary = self.bucket_cluster()
        self.grant_writer()
        self.use(self.writer)
        code, stores = self.probed()
        self.assertNotEqual(code, 2, stores)
        self.assertEqual(set(stores), {self.repository_bucket, self.dumps_bucket})
        for steps in stores.values():
            self.assertIn(steps["overwrite it"], self.overwritten)
            for what in ("delete it", "delete the version", "shorten its lock", "shorten its lock with the right to bypass",
                         "change the versions", "change the lifecycle", "change the default lock"):
                self.assertEqual(steps[what], "refused", (what, steps))

        # And it does all that it is for.
        primary.stop()
        primary.start()
        self.seawall("backup", "snapshots", "--tier", "nightly")
        self.archive_now(primary)
        status = self.seawall("--json", "status", check=False).json()
        self.assertEqual([f for f in status["findings"] if "write-once" in f["what"] or "destroy" in f["what"]], [])

        # The daemon probes once a day, however many there are and however often they are asked.
        earlier = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=8 - 1)  # in Singapore, an hour ago
        with open(self.policy, "a") as policy:
            policy.write(f"run: {{ probe: \"{earlier:%H:%M}\" }}\n")
        before = len(self.s3.keys(self.repository_bucket, "app/probes/"))
        for _ in range(2):
            done = self.seawall("run", "--once")
            self.assertNotIn("can destroy", done.err)
        self.assertEqual(len(self.s3.keys(self.repository_bucket, "app/probes/")), before + 1)
        self.assertEqual(len(self.s3.keys(self.repository_bucket, "app/runs/probe-write-once/")), 1)

        # It prunes nothing: neither the lock nor the right lets it.
        self.s3.put(self.repository_bucket, "app/packs/0001/" + "0" * 32 + ".zst", b"a stray pack",
                    {"x-amz-acl": "bucket-owner-full-control"})
        done = self.seawall("--json", "verify", check=False)
        self.assertIn("0" * 32, done.out)

    def test_a_writer_that_may_delete_is_found_out(self):
        self.bucket_cluster()
        self.grant_writer(["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutLifecycleConfiguration",
                           "s3:PutObjectRetention"])
        self.use(self.writer)
        code, stores = self.probed()
        self.assertEqual(code, 2)
        for steps in stores.values():
            self.assertEqual(steps["delete it"], "harmless")  # a marker on top
            self.assertEqual(steps["delete the version"], "refused")  # the lock
            self.assertEqual(steps["change the lifecycle"], "allowed")
        status = self.seawall("--json", "status", check=False)
        self.assertEqual(status.code, 2)
        self.assertIn("can destroy backups", status.out)


    def test_a_writer_that_may_go_around_its_locks_is_found_out(self):
        self.bucket_cluster()
        self.grant_writer(bypass=True)
        self.use(self.writer)
        code, stores = self.probed()
        self.assertEqual(code, 2)
        for steps in stores.values():
            self.assertEqual(steps["shorten its lock"], "refused")
            self.assertEqual(steps["shorten its lock with the right to bypass"], "lost")
        self.assertEqual(self.seawall("--json", "status", check=False).code, 2)


class OldGateway(Promises, WriteOnceTest):
    overwritten = {"harmless"}  # the first version counts


class NewGateway(Promises, WriteOnceTest):
    version = "20.2"
    overwritten = {"harmless"}  # its policies know no condition on If-None-Match


if __name__ == "__main__":
    cloud.main("ceph-20.2")
