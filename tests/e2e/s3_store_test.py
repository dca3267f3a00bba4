"""The S3 store against real gateways: the contract of every object store, and what only a bucket can show.

The tests themselves are C++ (tests/s3/s3_store_contract.cc); here they get their servers: one that ignores If-None-Match on
buckets with versions, one that honours it everywhere, plain HTTP and TLS.
"""

import os
import unittest

import cloud
from harness import run

CONTRACT = os.environ.get("SEAWALL_S3_CONTRACT", "build/release/tests/s3_store_contract")
with open(CONTRACT, "rb") as file:
    CONTRACT = file.read()  # while we may: whom the tests become may not see this folder


def contract():
    """Built elsewhere, it runs from the folder of this run."""
    program = os.path.join(os.environ["HOME"], "s3_store_contract")
    if not os.path.exists(program):
        with open(program, "wb") as copy:
            copy.write(CONTRACT)
        os.chmod(program, 0o755)
    return program


def ask(rgw, bucket, facts, lock=False, more=None):
    owner = rgw.user("owner")
    environment = {
        "AWS_ACCESS_KEY_ID": owner.access, "AWS_SECRET_ACCESS_KEY": owner.secret, "AWS_ENDPOINT_URL_S3": rgw.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true", "SEAWALL_TEST_S3_BUCKET": bucket, "SEAWALL_TEST_S3_FACTS": facts,
        "SEAWALL_TEST_S3_LOCK": "1" if lock else "", **(more or {})}
    return run(contract(), env=environment, timeout=300)


class OldGateway(unittest.TestCase):
    """Conditions are honoured on plain buckets only, and by puts only."""

    @classmethod
    def setUpClass(cls):
        cls.rgw = cloud.Rgw.of(cls, version="16.2")

    def test_on_a_plain_bucket(self):
        self.rgw.s3().make_bucket("plain")
        ask(self.rgw, "plain", "put", more={"SEAWALL_TEST_S3_KMS_KEY": "testkey-1"})

    def test_on_a_bucket_with_versions_and_locks(self):
        self.rgw.s3().make_bucket("locking", lock=True)
        ask(self.rgw, "locking", "versioned", lock=True)


class NewGateway(unittest.TestCase):
    """Conditions are honoured everywhere, though on buckets with versions not in a race; checksums are verified."""

    @classmethod
    def setUpClass(cls):
        cls.rgw = cloud.Rgw.of(cls, version="20.2")

    def test_on_a_plain_bucket(self):
        self.rgw.s3().make_bucket("plain")
        ask(self.rgw, "plain", "put complete")

    def test_on_a_bucket_with_versions_and_locks(self):
        self.rgw.s3().make_bucket("locking", lock=True)
        ask(self.rgw, "locking", "versioned", lock=True)


class ByTls(unittest.TestCase):
    def test_on_a_plain_bucket(self):
        rgw = cloud.Rgw.of(self, tls=True)
        rgw.s3().make_bucket("plain")
        ask(rgw, "plain", "put", more={"AWS_CA_BUNDLE": rgw.ca})


if __name__ == "__main__":
    cloud.main("ceph-20.2")
