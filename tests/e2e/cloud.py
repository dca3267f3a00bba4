"""The services of a cloud that tests run against, each for one test, on loopback, at free ports, ended with the test.

    Rgw            Ceph's RADOS gateway, a real S3 server: whatever is promised about objects       gateway.py
    Moto           an emulator of AWS: KMS, IAM, STS, Secrets Manager                               emulator.py
    FaultyProxy    misbehaves on demand before any of them                                          faulty_proxy.py
    TransitStandIn speaks Vault's Transit API, since no Vault can be had                            transit.py

`Rgw.of(self)` is a running one that ends with this test; in setUpClass, `Rgw.of(cls)` ends with the class. What Debian 12
does not have is fetched at first use; main(), instead of harness.main(), does so before the tests leave root behind.
"""

import harness
from gateway import KMS_KEYS, Rgw  # noqa: F401
from emulator import ACCOUNT, Moto, allow, document  # noqa: F401
from faulty_proxy import FaultyProxy  # noqa: F401
from services import Certificates, fetched, free_port, wait_until  # noqa: F401
from signed import S3, Credentials, Refused, Reply, Signed, locked_until, md5  # noqa: F401
from transit import TransitStandIn  # noqa: F401


def main(*needs):
    """`needs` of "ceph-20.2" and "moto"."""
    for what in needs:
        fetched(what)
    harness.main()
