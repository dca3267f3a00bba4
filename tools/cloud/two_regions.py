#!/usr/bin/python3
"""What services.sh says: two regions of S3 and a key service, left running until they are told to stop."""

import json
import os
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "e2e"))
from gateway import Rgw, new_credentials
from emulator import Moto, allow
from services import Service

REGIONS = ("ap-southeast-1", "eu-central-1")
ROLES = ("owner", "writer", "pruner", "restorer", "watcher")
STOP_SECONDS = 30


def up(folder, how):
    if how not in ("apart", "zones"):
        sys.exit(f"the servers are apart or zones, not {how}")
    os.mkdir(folder, 0o700)
    Service.survives = True
    gateways, moto = [], Moto(folder=os.path.join(folder, "moto"))
    try:
        users = {role: new_credentials(role) for role in ROLES}
        if how == "zones":
            gateways = [Rgw(zones=2, folder=os.path.join(folder, "s3"), owner=users["owner"], region=REGIONS[0])]
        else:
            gateways = [Rgw(folder=os.path.join(folder, region), owner=users["owner"], region=region) for region in REGIONS]
        for gateway in gateways:
            gateway.start()
            for role in ROLES:
                gateway.user(role, users[role])
        moto.start()
        keys = [moto.key("backup", region) for region in REGIONS]
        for name, actions in (("writer", ["kms:GenerateDataKey", "kms:DescribeKey"]),
                              ("restorer", ["kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey"])):
            users[f"keys-{name}"] = moto.user(name, allow(actions, keys))
        users["keys-administrator"] = moto.admin
        moto.enforce_iam()
        endpoints = [endpoint for gateway in gateways for endpoint in gateway.endpoints]
        describe(folder, users, {"S3_FIRST": endpoints[0], "S3_SECOND": endpoints[1], "KMS": moto.endpoint,
                                 "REGION_FIRST": REGIONS[0], "REGION_SECOND": REGIONS[1], "KEY_FIRST": keys[0],
                                 "KEY_SECOND": keys[1]})
        remember(folder, gateways, moto)
    except BaseException:
        for gateway in gateways:
            gateway.kill()
        if moto.service:
            moto.kill()
        raise


def describe(folder, users, names):
    with open(os.path.join(folder, "environment"), "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in names.items())
    with open(os.open(os.path.join(folder, "credentials"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        for name, credentials in users.items():
            file.write(f"[{name}]\naws_access_key_id = {credentials.access}\n"
                       f"aws_secret_access_key = {credentials.secret}\n\n")


def remember(folder, gateways, moto):
    services = [service for gateway in gateways for zone in gateway.zones for service in zone.services.values()]
    pids = [service.process.pid for service in services] + [moto.service.process.pid]
    with open(os.path.join(folder, "services.json"), "w") as file:
        json.dump({pid: born(pid) for pid in pids}, file)


def born(pid):
    """When this process began, in ticks since boot; None when there is none. A number that is used again is another."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except OSError:
        return None


def down(folder):
    record = os.path.join(folder, "services.json")
    if not os.path.exists(record):
        sys.exit(f"{folder} is not a folder of services that were started")
    with open(record) as file:
        began = {int(pid): at for pid, at in json.load(file).items()}

    def running():
        return [pid for pid, at in began.items() if born(pid) == at]
    for pid in running():
        os.kill(pid, signal.SIGKILL)  # all that they keep goes with them
    end = time.monotonic() + STOP_SECONDS
    while running() and time.monotonic() < end:
        time.sleep(0.05)
    shutil.rmtree(folder)


if __name__ == "__main__":
    if sys.argv[1] == "down":
        down(os.path.abspath(sys.argv[2]))
    else:
        up(os.path.abspath(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "apart")
