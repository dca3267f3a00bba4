"""moto, an emulator of AWS, for what the product calls besides S3: KMS, IAM, STS, Secrets Manager.

What is promised about stored objects is never tested against it: it takes wrong checksums, lets locks be shortened and
expires nothing. It does check policies of users, roles and buckets once enforce_iam() was called, with the corrections of
moto_launch.py; KMS key policies it stores only. All it knows is in its memory and ends with it.
"""

import json
import os
import shutil
import ssl
import tempfile
import urllib.parse
import urllib.request

from services import HERE, Certificates, Service, end_of, fetched, free_port, wait_until
from signed import REGION, Credentials, S3, Signed

with open(os.path.join(HERE, "moto_launch.py")) as file:
    LAUNCH = file.read()  # now, since the tests' later user may not be able to
ACCOUNT = "123456789012"
START_SECONDS = 60


class Moto:
    """The emulator, and an administrator's calls to it. `iam`: policies are enforced from the start."""

    def __init__(self, iam=False, tls=False, folder=None):
        self.iam = iam
        self.folder = folder or tempfile.mkdtemp(prefix="moto-")
        os.makedirs(self.folder, exist_ok=True)
        self.certificates = Certificates(self.folder) if tls else None
        self.ca = self.certificates.ca if tls else None
        self.port = free_port()
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.admin = Credentials("AKIAIOSFODNN7EXAMPLE", "not checked before there are users")
        self.service = None

    @classmethod
    def of(cls, test, **options):
        moto = cls(**options)
        end_of(test, moto.close)
        return moto.start()

    def start(self):
        packages = os.path.join(fetched("moto"), "usr/lib/python3/dist-packages")
        tls = ["-s", "-c", self.certificates.certificate, "-k", self.certificates.key] if self.certificates else []
        self.service = Service(os.path.join(self.folder, "moto"),
                               ["/usr/bin/python3", "-c", LAUNCH, "-H", "127.0.0.1", "-p", str(self.port), *tls],
                               environment={**os.environ, "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"})
        wait_until(self.answers, START_SECONDS, f"moto answers at {self.endpoint}")
        self.admin = self.user("administrator", allow("*", "*"))
        if self.iam:
            self.enforce_iam()
        return self

    def answers(self):
        self.service.require_running()
        try:
            self.query("sts", "2011-06-15", Action="GetCallerIdentity")
            return True
        except OSError:
            return False

    def stop(self):
        self.service.stop()

    def kill(self):
        self.service.kill()

    def close(self):
        if self.service:
            self.service.kill()
        if os.environ.get("SEAWALL_KEEP") != "1":
            shutil.rmtree(self.folder, ignore_errors=True)

    # Calls.

    def as_(self, credentials=None, region=REGION):
        return Signed(self.endpoint, credentials or self.admin, ca=self.ca, region=region)

    def s3(self, credentials=None, region=REGION):
        """For documents that S3 takes, such as a replication configuration; not for promises about objects."""
        return S3(self.endpoint, credentials or self.admin, ca=self.ca, region=region)

    def ask_json(self, service, target, body, credentials=None, region=REGION):
        """Whatever it answers. `target` such as "TrentService.Decrypt"."""
        headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.1"}
        return self.as_(credentials, region).request(service, "POST", headers=headers, body=json.dumps(body).encode())

    def kms(self, operation, region=REGION, **arguments):
        """An operation of KMS as the administrator; blobs are base64."""
        reply = self.ask_json("kms", f"TrentService.{operation}", arguments, region=region)
        if reply.status != 200:
            raise AssertionError(f"{operation}: {reply.status} {reply.body!r}")
        return reply.json() if reply.body else {}

    def query(self, service, version, region=REGION, credentials=None, **arguments):
        form = urllib.parse.urlencode({"Version": version, **arguments}).encode()
        return self.as_(credentials, region).must(service, "POST", body=form, headers={
            "content-type": "application/x-www-form-urlencoded; charset=utf-8"}).xml()

    def iam_call(self, action, **arguments):
        return self.query("iam", "2010-05-08", Action=action, **arguments)

    # What tests set up.

    def key(self, alias=None, region=REGION):
        """The ARN of a new symmetric key."""
        arn = self.kms("CreateKey", region)["KeyMetadata"]["Arn"]
        if alias:
            self.kms("CreateAlias", region, AliasName=f"alias/{alias}", TargetKeyId=arn)
        return arn

    def disable_key(self, arn):
        # By its id: the emulator does not find it by its ARN here.
        self.kms("DisableKey", arn.split(":")[3], KeyId=arn.split("/")[1])

    def enable_key(self, arn):
        self.kms("EnableKey", arn.split(":")[3], KeyId=arn.split("/")[1])

    def delete_key(self, arn):
        """After the shortest time that there is; until then it is pending and of no use."""
        self.kms("ScheduleKeyDeletion", arn.split(":")[3], KeyId=arn.split("/")[1], PendingWindowInDays=7)

    def user(self, name, *statements):
        """A new user's credentials; nothing is allowed but these statements."""
        self.iam_call("CreateUser", UserName=name)
        self.allow_user(name, *statements)
        made = next(self.iam_call("CreateAccessKey", UserName=name).iter("AccessKey"))
        return Credentials(made.findtext("AccessKeyId"), made.findtext("SecretAccessKey"))

    def allow_user(self, name, *statements):
        """From now on these, instead of what was allowed before."""
        self.iam_call("PutUserPolicy", UserName=name, PolicyName="allowed", PolicyDocument=document(*statements))

    def role(self, name, *statements):
        """The ARN of a role that whoever may assume roles can assume."""
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        made = self.iam_call("CreateRole", RoleName=name, AssumeRolePolicyDocument=document(trust))
        self.iam_call("PutRolePolicy", RoleName=name, PolicyName="allowed", PolicyDocument=document(*statements))
        return next(made.iter("Arn")).text

    def assume(self, role, seconds=3600):
        """Credentials with a session token."""
        made = next(self.query("sts", "2011-06-15", Action="AssumeRole", RoleArn=role, RoleSessionName="test",
                               DurationSeconds=str(seconds)).iter("Credentials"))
        return Credentials(made.findtext("AccessKeyId"), made.findtext("SecretAccessKey"), made.findtext("SessionToken"))

    def secret(self, name, value, region=REGION):
        reply = self.ask_json("secretsmanager", "secretsmanager.CreateSecret",
                              {"Name": name, "SecretString": value, "ClientRequestToken": os.urandom(16).hex()}, region=region)
        if reply.status != 200:
            raise AssertionError(f"CreateSecret: {reply.status} {reply.body!r}")
        return reply.json()["ARN"]

    def enforce_iam(self, enforced=True):
        """From now on only users, their secrets and their policies count; until then everything is allowed to anyone."""
        count = b"0" if enforced else b"1000000000"
        request = urllib.request.Request(f"{self.endpoint}/moto-api/reset-auth", data=count, method="POST",
                                         headers={"Content-Type": "text/plain"})
        context = ssl.create_default_context(cafile=self.ca) if self.ca else None
        urllib.request.urlopen(request, timeout=30, context=context).close()


def allow(actions, resources="*", **condition):
    """A statement of a policy."""
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **({"Condition": condition} if condition else {})}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
