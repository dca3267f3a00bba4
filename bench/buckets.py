"""The same two programs with their repositories in a bucket, sealed: ours by a key file (AES-256-GCM), the peer's by its own cipher (AES-256-CBC)."""

import os
import shutil
import urllib.parse

import measure
from contestants import PgBackRest, Seawall

BUCKET = "bench-repository-us-east-1"
REGION = "us-east-1"


class InBucket:
    """What both have in common: a prefix of their own, and an address that a case may change (a slower way there)."""

    def settle(self, rgw):
        self.rgw, self.endpoint, self.times = rgw, rgw.endpoint, 0
        return self

    def begin(self):
        """A new, empty prefix."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.times += 1
        self.prefix = f"{os.path.basename(self.folder)}-{self.times}"

    def reach_by(self, endpoint):
        self.endpoint = endpoint
        self.write()

    def stored(self):
        return sum(size for _, size in listed(self.rgw, self.prefix + "/"))

    def clear(self):
        for key, _ in listed(self.rgw, self.prefix + "/"):
            self.rgw.s3().delete(BUCKET, key)


def listed(rgw, prefix):
    """Keys and sizes below a prefix."""
    token = []
    while True:
        answer = rgw.s3().do("GET", BUCKET, query=[("list-type", "2"), ("prefix", prefix), *token]).xml()
        for one in answer.iter():
            if one.tag.endswith("Contents"):
                facts = {part.tag.rpartition("}")[2]: part.text for part in one}
                yield facts["Key"], int(facts["Size"])
        more = [one.text for one in answer.iter() if one.tag.endswith("NextContinuationToken")]
        if not more:
            return
        token = [("continuation-token", more[0])]


class SealedSeawall(InBucket, Seawall):
    def reset(self, bench):
        self.begin()
        self.bench = bench
        measure.run(self.program, "key", "create", os.path.join(self.folder, "repository.key"))
        self.write()
        measure.run(*self.command("apply"))

    def write(self):
        with open(self.policy, "w") as policy:
            policy.write(f"version: 1\nname: bench\ntimezone: Etc/UTC\ndatabase: {{ url: '{self.bench.server.url()}' }}\n"
                         f"s3: {{ endpoint: {self.endpoint}, region: {REGION}, addressing: path, ca_file: {self.rgw.ca} }}\n"
                         f"repository: {{ store: 's3://{BUCKET}/{self.prefix}', encryption: {{ key: 'file:{self.folder}/repository.key' }} }}\n"
                         'layers:\n  pitr: { retain: 7d }\n  snapshots: { nightly: { at: "03:00", retain: 30d } }\n'
                         "limits: { jobs: 2 }\n")


class SealedPgBackRest(InBucket, PgBackRest):
    def reset(self, bench):
        self.begin()
        self.bench = bench
        self.write()
        measure.run(*self.command("stanza-create"))

    def write(self):
        owner = self.rgw.user("owner")
        address = urllib.parse.urlsplit(self.endpoint)
        self.write_settings(self.bench, {
            "repo1-type": "s3", "repo1-path": f"/{self.prefix}", "repo1-s3-bucket": BUCKET, "repo1-s3-region": REGION,
            "repo1-s3-endpoint": address.hostname, "repo1-storage-port": address.port, "repo1-s3-uri-style": "path",
            "repo1-storage-ca-file": self.rgw.ca, "repo1-s3-key": owner.access, "repo1-s3-key-secret": owner.secret,
            "repo1-cipher-type": "aes-256-cbc", "repo1-cipher-pass": "a pass phrase for a bench"})
