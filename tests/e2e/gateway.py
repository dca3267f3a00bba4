"""Ceph's RADOS gateway, a real S3 server, for end-to-end tests.

A zone is one monitor, one OSD and one gateway in a folder of its own, as whoever runs the test, on loopback, without
systemd, devices or cephx. 16.2 is Debian 12's; 20.2 comes from sid by tools/cloud/fetch.sh and runs with its own loader
and libraries. Both start within three seconds. What is stored is in the OSD's memory (`memstore`) or, to outlive a
kill, in a sparse file (`bluestore`).
"""

import os
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid

from services import Certificates, Service, end_of, fetched, free_port, wait_until
from signed import REGION, S3, Credentials

START_SECONDS = 60  # a start takes three seconds; so much on a machine that does other things as well

GLOBAL = """[global]
fsid = {fsid}
run_dir = {folder}/run
crash_dir = {folder}/run
admin_socket =
log_file = {folder}/$name.log
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_cluster_mode = crc
ms_service_mode = crc
ms_client_mode = crc
ms_mon_cluster_mode = crc
ms_mon_service_mode = crc
ms_mon_client_mode = crc
ms_bind_msgr1 = false
ms_bind_ipv6 = false
mon_host = v2:127.0.0.1:{port}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
mon_cluster_log_file = {folder}/cluster.log
mon_warn_on_insecure_global_id_reclaim_allowed = false
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 2000
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_client_watch_timeout = 10
[mon]
mon_data = {folder}/mon
mon_initial_members = a
paxos_propose_interval = 0.05
paxos_min_wait = 0.02
[osd]
osd_data = {folder}/osd
osd_objectstore = {store}
memstore_device_bytes = 6G
bluestore_block_create = true
bluestore_block_size = 20G
osd_memory_target = 1G
[client]
rgw_enable_usage_log = false
rgw_crypt_require_ssl = false
rgw_crypt_s3_kms_backend = testing
rgw_crypt_s3_kms_encryption_keys = {kms_keys}
rgw_data_notify_interval_msec = 200
rgw_sync_lease_period = 10
"""
# What a gateway's own stand-in for a key service knows: ids for `x-amz-server-side-encryption-aws-kms-key-id`.
KMS_KEYS = {"testkey-1": "YmluCmJvb3N0CmJvb3N0LWJ1aWxkCmNlcGguY29uZgo=",
            "testkey-2": "aWIKTWFrZWZpbGUKbWFuCm91dApzcmMKVGVzdGluZwo=",
            # Named as AWS names its keys, which a policy must.
            "11111111-1111-4111-8111-111111111111": "YmluCmJvb3N0CmJvb3N0LWJ1aWxkCmNlcGguY29uZgo=",
            "22222222-2222-4222-8222-222222222222": "aWIKTWFrZWZpbGUKbWFuCm91dApzcmMKVGVzdGluZwo="}


class Zone:
    """One gateway and what it stores in. Made by Rgw; tests stop, kill and start its parts."""

    def __init__(self, folder, version, store, tls, settings):
        self.folder = folder
        self.version = version
        self.root = fetched("ceph-20.2") if version == "20.2" else None
        self.port = free_port()
        self.tls = tls
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.services = {}
        for name in ("run", "mon", "osd"):
            os.makedirs(os.path.join(folder, name))
        self.conf = os.path.join(folder, "ceph.conf")
        self.fsid = str(uuid.uuid4())
        self.mon_port = free_port()
        listen = f"endpoint=127.0.0.1:{self.port}"
        if tls:
            listen = f"ssl_endpoint=127.0.0.1:{self.port} ssl_certificate={tls.server}"
        with open(self.conf, "w") as conf:
            conf.write(GLOBAL.format(fsid=self.fsid, folder=folder, port=self.mon_port, store=store,
                                     kms_keys=" ".join(f"{k}={v}" for k, v in KMS_KEYS.items())))
            conf.write(f"rgw_frontends = beast {listen}\n")
            for name, value in settings.items():
                conf.write(f"{name} = {value}\n")
            if self.root:
                libraries = f"{self.root}/usr/lib/x86_64-linux-gnu"
                conf.write(f"[global]\nplugin_dir = {libraries}/ceph\nerasure_code_dir = {libraries}/ceph/erasure-code\n"
                           f"osd_class_dir = {libraries}/rados-classes\n")

    def program(self, name):
        """The words that run one of this version's programs."""
        if not self.root:
            return [name]
        libraries = f"{self.root}/usr/lib/x86_64-linux-gnu"
        # Before the programs' own run path, which names the system's folder and so another version.
        return [f"{self.root}/usr/lib64/ld-linux-x86-64.so.2", "--library-path", f"{libraries}/ceph:{libraries}",
                f"{self.root}/usr/bin/{name}"]

    def environment(self):
        environment = {**os.environ, "CEPH_CONF": self.conf}
        if self.root:
            environment["OPENSSL_MODULES"] = f"{self.root}/usr/lib/x86_64-linux-gnu/ossl-modules"
        return environment

    def run(self, *words, seconds=60):
        done = subprocess.run([*self.program(words[0]), *words[1:]], capture_output=True, text=True, timeout=seconds,
                              env=self.environment(), stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise AssertionError(f"{words} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def admin(self, *words):
        """radosgw-admin; what it printed."""
        return self.run("radosgw-admin", "-n", "client.rgw", *words)

    def monitor(self, *words):
        # Debian 12's `ceph` speaks with both versions; 20.2's would need a Python of its own.
        return subprocess.run(["/usr/bin/ceph", "-c", self.conf, "--connect-timeout", "5", *words], capture_output=True,
                              text=True, timeout=30, stdin=subprocess.DEVNULL)

    def start_daemon(self, name, words):
        self.services[name] = Service(f"{self.folder}/{name}", [*self.program(words[0]), "-c", self.conf, *words[1:], "-f"],
                                      environment=self.environment())

    def make(self):
        """Monitor and OSD, from an empty folder."""
        address = f"v2:127.0.0.1:{self.mon_port}"
        self.run("ceph-mon", "--mkfs", "-i", "a", "--fsid", self.fsid, "--public-addr", address, "--no-mon-config")
        self.start_monitor()
        osd = str(uuid.uuid4())
        # The monitor answers a moment after it started.
        self.wait(lambda: self.monitor("osd", "new", osd).returncode == 0, "the monitor answers")
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self.start_osd()
        self.monitor("osd", "crush", "add", "osd.0", "1.0", "root=default", "host=h")
        self.wait(lambda: "1 up" in self.monitor("osd", "stat").stdout, "the OSD is up")

    def start_monitor(self):
        self.start_daemon("mon", ["ceph-mon", "-i", "a", "--public-addr", f"127.0.0.1:{self.mon_port}"])

    def start_osd(self):
        self.start_daemon("osd", ["ceph-osd", "-i", "0"])

    def start_gateway(self):
        self.start_daemon("rgw", ["radosgw", "-n", "client.rgw"])
        self.wait(self.answers, f"the gateway answers at {self.endpoint}")

    def start(self):
        """All three again, on what they had stored; only bluestore outlives its OSD."""
        self.start_monitor()
        self.start_osd()
        self.start_gateway()

    def answers(self):
        try:
            context = ssl.create_default_context(cafile=self.tls.ca) if self.tls else None
            urllib.request.urlopen(self.endpoint, timeout=5, context=context).close()
            return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def stop_gateway(self):
        self.services.pop("rgw").stop()

    def kill_gateway(self):
        self.services.pop("rgw").kill()

    def stop(self):
        for name in ("rgw", "osd", "mon"):
            if name in self.services:
                self.services.pop(name).stop()

    def kill(self):
        for name in ("rgw", "osd", "mon"):
            if name in self.services:
                self.services.pop(name).kill()

    def wait(self, condition, what):
        def check():
            for service in self.services.values():
                service.require_running()
            return condition()
        wait_until(check, START_SECONDS, what)


def new_credentials(name):
    return Credentials(f"AK{name.upper()}{uuid.uuid4().hex[:8].upper()}", uuid.uuid4().hex + uuid.uuid4().hex[:8])


class Rgw:
    """One gateway, or two zones that replicate all buckets to each other.

    version                 "16.2" ignores If-None-Match on versioned buckets; "20.2" is closest to AWS
    zones                   1, or 2: another region. Users and buckets are made in the first
    lifecycle_day_seconds   so long is a day of lifecycle rules; else rules do not run in a test's time
    tls                     HTTPS only; `ca` is the certificate to trust
    store                   "memstore", or "bluestore" to survive kill() and start()
    folder                  where to keep it all; else a new one below /tmp
    owner                   credentials for the user `owner`; else new ones
    region                  what it says that its buckets are in; others are refused. Else any, and it says none
    """

    def __init__(self, version="16.2", zones=1, lifecycle_day_seconds=None, tls=False, store="memstore", folder=None,
                 owner=None, region=None):
        if version not in ("16.2", "20.2") or zones not in (1, 2) or store not in ("memstore", "bluestore"):
            raise ValueError("there is no such gateway")
        self.folder = folder or tempfile.mkdtemp(prefix="rgw-")
        os.makedirs(self.folder, exist_ok=True)
        self.certificates = Certificates(self.folder) if tls else None
        self.ca = self.certificates.ca if tls else None
        settings = {}
        if lifecycle_day_seconds:
            settings = {"rgw_lc_debug_interval": lifecycle_day_seconds, "rgw_lifecycle_work_time": "00:00-23:59"}
        self.region = region
        self.realm = zones == 2 or region  # without one all is Ceph's default
        self.system = ("--access-key=SYSTEM", f"--secret={uuid.uuid4().hex}")
        self.zones = []
        for number in range(1, zones + 1):
            place = {"rgw_realm": "r", "rgw_zonegroup": "zg", "rgw_zone": f"z{number}"} if self.realm else {}
            self.zones.append(Zone(os.path.join(self.folder, f"z{number}"), version, store, self.certificates,
                                   {**settings, **place}))
        self.users = {}
        self.owner = owner

    @classmethod
    def of(cls, test, **options):
        """A running gateway that ends with the test (a TestCase, or a class of them)."""
        rgw = cls(**options)
        end_of(test, rgw.close)
        return rgw.start()

    @property
    def endpoint(self):
        return self.zones[0].endpoint

    @property
    def endpoints(self):
        return [zone.endpoint for zone in self.zones]

    def start(self):
        """Makes what is not there yet, and starts it."""
        if self.users:
            for zone in self.zones:
                zone.start()
            return self
        for zone in self.zones:
            zone.make()
        first = self.zones[0]
        if self.realm:
            self.make_realm(first)
        first.start_gateway()
        if len(self.zones) == 2:
            self.join(self.zones[1], first.endpoint)
        self.user("owner", self.owner)
        return self

    def make_realm(self, zone):
        region = [f"--api-name={self.region}"] if self.region else []
        zone.admin("realm", "create", "--rgw-realm=r", "--default")
        zone.admin("zonegroup", "create", "--rgw-realm=r", "--rgw-zonegroup=zg", f"--endpoints={zone.endpoint}",
                   "--master", "--default", *region)
        zone.admin("zone", "create", "--rgw-realm=r", "--rgw-zonegroup=zg", "--rgw-zone=z1",
                   f"--endpoints={zone.endpoint}", *self.system, "--master", "--default")
        zone.admin("user", "create", "--uid=system", "--display-name=system", "--system", *self.system)
        zone.admin("period", "update", "--commit")

    def join(self, zone, master):
        zone.admin("realm", "pull", "--rgw-realm=r", f"--url={master}", *self.system, "--default")
        zone.admin("period", "pull", f"--url={master}", *self.system)
        zone.admin("zone", "create", "--rgw-realm=r", "--rgw-zonegroup=zg", "--rgw-zone=z2",
                   f"--endpoints={zone.endpoint}", *self.system, "--default")
        zone.admin("period", "update", "--commit")
        zone.start_gateway()

    def user(self, name, credentials=None):
        """The credentials of this user, who is made if need be. `owner` is there from the start."""
        if name not in self.users:
            made = credentials or new_credentials(name)
            self.zones[0].admin("user", "create", f"--uid={name}", f"--display-name={name}",
                                f"--access-key={made.access}", f"--secret-key={made.secret}")
            self.users[name] = made
        return self.users[name]

    @staticmethod
    def principal(name):
        """How a bucket policy names a user."""
        return f"arn:aws:iam:::user/{name}"

    def set_quota(self, name, bytes_max):
        """A full store: what is more is refused with 403 QuotaExceeded."""
        admin = self.zones[0].admin
        admin("quota", "set", "--quota-scope=user", f"--uid={name}", f"--max-size={bytes_max}")
        admin("quota", "enable", "--quota-scope=user", f"--uid={name}")

    def s3(self, user="owner", zone=0):
        """Signed requests as this user, to this zone."""
        return S3(self.zones[zone].endpoint, self.user(user), ca=self.ca, region=self.region or REGION)

    def stop(self):
        for zone in self.zones:
            zone.stop()

    def kill(self):
        """All at once and without a word, as when the power fails."""
        for zone in self.zones:
            zone.kill()

    def close(self):
        self.kill()
        if os.environ.get("SEAWALL_KEEP") != "1":
            shutil.rmtree(self.folder, ignore_errors=True)