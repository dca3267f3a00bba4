#!/usr/bin/python3
"""What services.sh says: two regions of S3 and a key service, left running until they are told to stop."""

import configparser
import json
import os
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "e2e"))
from emulator import Moto, allow
from gateway import Rgw
from services import Service
from signed import Credentials, Signed

REGIONS = ("ap-southeast-1", "ap-northeast-1")
# What each may open of what is sealed with the keys here, by class; and whether it may seal.
ROLES = {"owner": ((), False), "writer": (("index",), True), "pruner": (("index", "meta"), True),
         "restorer": (("index", "meta", "data"), False), "watcher": (("index", "meta"), False),
         "keeper": (("index", "meta", "data"), True)}
STOP_SECONDS = 30


def rights(opens, seals, keys):
    statements = [allow(["kms:DescribeKey", *(["kms:GenerateDataKey", "kms:Encrypt"] if seals else [])], keys)]
    if opens:
        statements.append(allow("kms:Decrypt", keys, StringEquals={"kms:EncryptionContext:class": list(opens)}))
    return statements


def up(folder, how):
    if how not in ("apart", "zones"):
        sys.exit(f"the servers are apart or zones, not {how}")
    os.mkdir(folder, 0o700)
    Service.survives = True
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # whoever gives up while they start leaves none of them behind
    gateways, moto = [], Moto(folder=os.path.join(folder, "moto"))
    try:
        moto.start()
        keys = [moto.key("backup", region) for region in REGIONS] + [moto.key("backup-next", REGIONS[0])]
        # One credential of each role for both services, as at AWS.
        users = {role: moto.user(role, *rights(opens, seals, keys)) for role, (opens, seals) in ROLES.items()}
        for name, actions in (("writer", ["kms:GenerateDataKey", "kms:DescribeKey"]),
                              ("restorer", ["kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey"])):
            users[f"keys-{name}"] = moto.user(f"keys-{name}", allow(actions, keys))
        users["keys-administrator"] = moto.admin
        moto.enforce_iam()
        if how == "zones":
            gateways = [Rgw(zones=2, folder=os.path.join(folder, "s3"), owner=users["owner"], region=REGIONS[0])]
        else:
            gateways = [Rgw(folder=os.path.join(folder, region), owner=users["owner"], region=region) for region in REGIONS]
        for gateway in gateways:
            gateway.start()
            for role in ROLES:
                gateway.user(role, users[role])
        endpoints = [endpoint for gateway in gateways for endpoint in gateway.endpoints]
        describe(folder, users, {"S3_FIRST": endpoints[0], "S3_SECOND": endpoints[1], "KMS": moto.endpoint,
                                 "REGION_FIRST": REGIONS[0], "REGION_SECOND": REGIONS[1], "KEY_FIRST": keys[0],
                                 "KEY_SECOND": keys[1], "KEY_NEXT": keys[2]})
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
    zones = [zone for gateway in gateways for zone in gateway.zones]
    services = {place: list(zone.services.values()) for place, zone in zip(("first", "second"), zones)}
    services["keys"] = [moto.service]
    with open(os.path.join(folder, "services.json"), "w") as file:
        json.dump({place: {some.process.pid: born(some.process.pid) for some in started}
                   for place, started in services.items()}, file)


def born(pid):
    """When this process began, in ticks since boot; None when there is none. A number that is used again is another."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except OSError:
        return None


def end(folder, *places):
    """Kills what runs there; none of it is asked to save anything."""
    record = os.path.join(folder, "services.json")
    if not os.path.exists(record):
        sys.exit(f"{folder} is not a folder of services that were started")
    with open(record) as file:
        began = {int(pid): at for place, started in json.load(file).items() if place in places
                 for pid, at in started.items()}

    def running():
        return [pid for pid, at in began.items() if born(pid) == at]
    for pid in running():
        os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + STOP_SECONDS
    while running() and time.monotonic() < until:
        time.sleep(0.05)


def down(folder):
    end(folder, "first", "second", "keys")
    shutil.rmtree(folder)


def lose(folder):
    """The first region is gone: nothing of its S3 answers, and its keys open nothing."""
    end(folder, "first")
    with open(os.path.join(folder, "environment")) as file:
        names = dict(line.strip().split("=", 1) for line in file)
    profiles = configparser.ConfigParser(interpolation=None)
    profiles.read(os.path.join(folder, "credentials"))
    administrator = profiles["keys-administrator"]
    signed = Signed(names["KMS"], Credentials(administrator["aws_access_key_id"], administrator["aws_secret_access_key"]),
                    region=names["REGION_FIRST"])
    for key in (names["KEY_FIRST"], names["KEY_NEXT"]):
        signed.must("kms", "POST", body=json.dumps({"KeyId": key.split("/")[1]}).encode(), headers={
            "x-amz-target": "TrentService.DisableKey", "content-type": "application/x-amz-json-1.1"})


if __name__ == "__main__":
    if sys.argv[1] == "up":
        up(os.path.abspath(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "apart")
    else:
        {"down": down, "lose": lose}[sys.argv[1]](os.path.abspath(sys.argv[2]))
