"""A cluster whose repository and dumps are in buckets of a real S3 server."""

import os

import cloud
import harness
from harness import ClusterTest, run


class BucketTest(ClusterTest):
    """`rgw` is a running gateway: of the class, or set before setUp. Buckets are made anew for each test."""

    version = "16.2"
    bucket_options = {}
    sealed = True

    @classmethod
    def setUpClass(cls):
        cls.rgw = cloud.Rgw.of(cls, version=cls.version)

    def setUp(self):
        super().setUp()
        self.s3 = self.rgw.s3()
        self.name = "b" + os.path.basename(self.folder).lower().replace("_", "-").replace("e2e-", "")
        self.repository_bucket = f"{self.name}-repository"
        self.dumps_bucket = f"{self.name}-dumps"
        for bucket in (self.repository_bucket, self.dumps_bucket):
            self.s3.make_bucket(bucket, **self.bucket_options)
        self.use(self.rgw.user("owner"))
        self.endpoint = self.rgw.endpoint
        self.key = os.path.join(self.folder, "repository.key")
        run(harness.SEAWALL, "key", "create", self.key)

    def use(self, credentials):
        """For whatever is started from now on."""
        os.environ.update({"AWS_ACCESS_KEY_ID": credentials.access, "AWS_SECRET_ACCESS_KEY": credentials.secret,
                           "AWS_EC2_METADATA_DISABLED": "true"})

    def policy_of(self, cluster, database="postgres", layers=None, extra="", dumps_extra="", repository_extra=None):
        rows = ", ".join(f'"{t}"' for t in self.exclude)
        sealed = f"encryption: {{ key: file:{self.key} }}"
        if repository_extra is None:
            repository_extra = f"  {sealed}\n" if self.sealed else ""
        layers = layers or (
            f"  pitr: {{ retain: {self.retain} }}\n  snapshots:\n"
            '    nightly: { at: "03:00", retain: 30d }\n'
            "  dumps:\n    nightly:\n"
            f'      at: "03:30"\n      retain: 90d\n      store: s3://{self.dumps_bucket}\n'
            + (f"      {sealed}\n" if self.sealed and "encryption" not in dumps_extra else "") + dumps_extra)
        with open(self.policy, "w") as policy:
            policy.write(f"version: 1\nname: test\ntimezone: Asia/Singapore\n"
                         f"database:\n  provider: native\n  url: {cluster.url(database)}\n"
                         f"s3: {{ endpoint: \"{self.endpoint}\" }}\n"
                         f"repository:\n  store: s3://{self.repository_bucket}/app\n{repository_extra}"
                         f"layers:\n{layers}exclude: {{ rows_of: [{rows}] }}\n{extra}")

    def bucket_cluster(self, **options):
        """A server that archives into the bucket."""
        cluster = self.make_cluster(**options)
        self.policy_of(cluster)
        cluster.start()
        self.seawall("apply")
        return cluster


class DumpsBucketTest(BucketTest):
    """Dumps alone: a small server that archives nothing, and a policy without snapshots."""

    def dumps_policy(self, cluster, dumps_extra="", retain="90d"):
        self.policy_of(cluster, dumps_extra=dumps_extra, layers=(
            f'  dumps:\n    nightly:\n      at: "03:30"\n      retain: {retain}\n      store: s3://{self.dumps_bucket}\n'
            + dumps_extra))

    def dumped_cluster(self, dumps_extra="", **options):
        primary = self.make_cluster(archive=False).start()
        self.dumps_policy(primary, dumps_extra, **options)
        self.seawall("apply")
        primary.sql("create table t (id int primary key, body text); "
                    "insert into t select i, md5(i::text) from generate_series(1, 2000) i")
        return primary

    def dump(self, *arguments):
        return self.seawall("--json", "backup", "dumps", *arguments).json()

    def findings(self, word=""):
        status = self.seawall("--json", "status", check=False).json()
        return [one for one in status["findings"] if word in one["what"]]

    def severities(self, word):
        return [one["severity"] for one in self.findings(word)]
