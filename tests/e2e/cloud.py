"""The services of a cloud that tests run against, each for one test, on loopback, at free ports, ended with the test.

    Rgw            Ceph's RADOS gateway, a real S3 server                          ceph.py
"""
from ceph import Rgw  # noqa: F401
from signed import S3, Credentials, Refused, Reply, Signed, locked_until  # noqa: F401
