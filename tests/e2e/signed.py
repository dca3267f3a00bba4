"""Signed requests to AWS and its like, as small as tests need: Signature V4, S3's verbs, the JSON and Query services.

The tests ask servers themselves and not through the program they test, nor through an SDK: they want to see statuses,
headers and bodies as they came, and to send what an SDK would not.
"""

import base64
import dataclasses
import datetime
import hashlib
import hmac
import http.client
import json
import ssl
import urllib.parse
import xml.etree.ElementTree as ElementTree

REGION = "us-east-1"
SECONDS = 60  # no request of a test takes longer


@dataclasses.dataclass(frozen=True)
class Credentials:
    access: str
    secret: str
    token: str = ""

    def __repr__(self):
        return f"Credentials({self.access})"

    def environment(self):
        """As the usual variables."""
        names = {"AWS_ACCESS_KEY_ID": self.access, "AWS_SECRET_ACCESS_KEY": self.secret}
        return {**names, "AWS_SESSION_TOKEN": self.token} if self.token else names


@dataclasses.dataclass
class Reply:
    status: int
    headers: dict  # names in lower case
    body: bytes

    def json(self):
        return json.loads(self.body)

    def xml(self):
        """The document, without the namespaces that servers put or leave out as they like."""
        document = ElementTree.fromstring(self.body)
        for element in document.iter():
            element.tag = element.tag.rpartition("}")[2]
        return document

    @property
    def code(self):
        """The name of the error, or an empty text."""
        if self.status < 400 and b"<Error>" not in self.body:
            return ""
        try:
            if self.body.lstrip().startswith(b"{"):
                return json.loads(self.body).get("__type", "").rpartition("#")[2]
            return next((e.text for e in self.xml().iter("Code")), "")
        except (ElementTree.ParseError, ValueError):
            return ""


class Refused(AssertionError):
    def __init__(self, what, reply):
        super().__init__(f"{what}: {reply.status} {reply.body[:400]!r}")
        self.reply = reply


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def authorization(method, path, query, headers, body_hash, credentials, service, now, region=REGION):
    """The Authorization header. `path` as it is sent; `query` as pairs; `headers` in lower case, host included."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    quoted = sorted((urllib.parse.quote(k, "~"), urllib.parse.quote(v, "~")) for k, v in query)
    names = ";".join(sorted(headers))
    request = "\n".join([method, path, "&".join(f"{k}={v}" for k, v in quoted),
                         "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers)), names, body_hash])
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = b"AWS4" + credentials.secret.encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return (f"AWS4-HMAC-SHA256 Credential={credentials.access}/{scope}, SignedHeaders={names}, "
            f"Signature={_hmac(key, text).hex()}")


class Signed:
    """One connection each request: what a broken one would leave behind cannot reach the next."""

    def __init__(self, endpoint, credentials, ca=None, region=REGION, clock_offset=0):
        self.endpoint = urllib.parse.urlsplit(endpoint)
        self.credentials = credentials
        self.ca = ca
        self.region = region
        self.clock_offset = datetime.timedelta(seconds=clock_offset)

    def request(self, service, method, path="/", query=(), headers=None, body=b"", seconds=SECONDS):
        query = list(query.items() if isinstance(query, dict) else query)
        now = datetime.datetime.now(datetime.timezone.utc) + self.clock_offset
        body_hash = hashlib.sha256(body).hexdigest()
        sent = {"host": self.endpoint.netloc, "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
                "x-amz-content-sha256": body_hash, **{k.lower(): v for k, v in (headers or {}).items()}}
        if self.credentials.token:
            sent["x-amz-security-token"] = self.credentials.token
        quoted = urllib.parse.quote(path, "/~")
        sent["authorization"] = authorization(method, quoted, query, dict(sent), body_hash, self.credentials, service, now,
                                              self.region)
        target = quoted + ("?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote) if query else "")
        if self.endpoint.scheme == "https":
            connection = http.client.HTTPSConnection(self.endpoint.hostname, self.endpoint.port, timeout=seconds,
                                                     context=ssl.create_default_context(cafile=self.ca))
        else:
            connection = http.client.HTTPConnection(self.endpoint.hostname, self.endpoint.port, timeout=seconds)
        try:
            connection.request(method, target, body=body, headers=sent)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def must(self, *words, **options):
        reply = self.request(*words, **options)
        if reply.status >= 300 or reply.code:
            raise Refused(" ".join(str(w) for w in words), reply)
        return reply


class S3(Signed):
    """S3 with buckets in the path. The names of methods are the verbs; `ask` answers any status, the others want success."""

    def ask(self, method, bucket, key="", query=(), headers=None, body=b""):
        return self.request("s3", method, f"/{bucket}/{key}" if key else f"/{bucket}", query, headers, body)

    def do(self, method, bucket, key="", query=(), headers=None, body=b""):
        return self.must("s3", method, f"/{bucket}/{key}" if key else f"/{bucket}", query=query, headers=headers, body=body)

    def make_bucket(self, bucket, versioned=False, lock=False, lock_mode=None, lock_days=None):
        """A bucket; one with object lock is versioned. `lock_mode` and `lock_days` are the default of what is put there."""
        headers = {"x-amz-bucket-object-lock-enabled": "true"} if lock else {}
        body = b""
        if self.region != REGION:
            body = (f"<CreateBucketConfiguration><LocationConstraint>{self.region}</LocationConstraint>"
                    "</CreateBucketConfiguration>").encode()
        self.do("PUT", bucket, headers=headers, body=body)
        if versioned and not lock:
            self.set(bucket, "versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
        if lock_mode:
            self.set(bucket, "object-lock",
                     "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
                     f"<Mode>{lock_mode}</Mode><Days>{lock_days}</Days></DefaultRetention></Rule></ObjectLockConfiguration>")
        return bucket

    def set(self, bucket, what, body):
        """A bucket's sub-resource, such as `lifecycle`, from XML or (a policy) JSON."""
        body = body.encode()
        return self.do("PUT", bucket, query={what: ""}, headers={"content-md5": md5(body)}, body=body)

    def set_policy(self, bucket, *statements):
        self.set(bucket, "policy", json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))

    def set_lifecycle(self, bucket, *rules):
        """Each rule is the XML within <Rule>, without ID and Status."""
        self.set(bucket, "lifecycle", "<LifecycleConfiguration>" + "".join(
            f"<Rule><ID>rule-{i}</ID><Status>Enabled</Status>{rule}</Rule>" for i, rule in enumerate(rules)) +
            "</LifecycleConfiguration>")

    def put(self, bucket, key, body=b"", headers=None):
        """The version's id, or an empty text where there are no versions."""
        sent = {"content-md5": md5(body), **(headers or {})}  # a locked object is not taken without
        return self.do("PUT", bucket, key, headers=sent, body=body).headers.get("x-amz-version-id", "")

    def get(self, bucket, key, version=None):
        return self.do("GET", bucket, key, query={"versionId": version} if version else {}).body

    def head(self, bucket, key, version=None):
        """The headers, or None when there is no such object."""
        reply = self.ask("HEAD", bucket, key, query={"versionId": version} if version else {})
        if reply.status == 404:
            return None
        if reply.status != 200:
            raise Refused(f"HEAD {bucket}/{key}", reply)
        return reply.headers

    def delete(self, bucket, key, version=None, headers=None):
        """What the server said, whatever it was."""
        return self.ask("DELETE", bucket, key, query={"versionId": version} if version else {}, headers=headers)

    def keys(self, bucket, prefix=""):
        keys, more = [], {}
        while True:
            document = self.do("GET", bucket, query={"list-type": "2", "prefix": prefix, **more}).xml()
            keys += [e.findtext("Key") for e in document.iter("Contents")]
            if document.findtext("IsTruncated") != "true":
                return keys
            more = {"continuation-token": document.findtext("NextContinuationToken")}

    def versions(self, bucket, prefix=""):
        """(key, version id, is a delete marker), newest first of each key."""
        found, more = [], {}
        while True:
            document = self.do("GET", bucket, query={"versions": "", "prefix": prefix, **more}).xml()
            found += [(e.findtext("Key"), e.findtext("VersionId"), e.tag == "DeleteMarker") for e in document
                      if e.tag in ("Version", "DeleteMarker")]
            if document.findtext("IsTruncated") != "true":
                return found
            more = {"key-marker": document.findtext("NextKeyMarker"),
                    "version-id-marker": document.findtext("NextVersionIdMarker") or ""}

    def uploads(self, bucket):
        """(key, upload id) of multipart uploads that were begun and neither completed nor aborted."""
        document = self.do("GET", bucket, query={"uploads": ""}).xml()
        return [(e.findtext("Key"), e.findtext("UploadId")) for e in document.iter("Upload")]

    def begin_upload(self, bucket, key):
        return self.do("POST", bucket, key, query={"uploads": ""}).xml().findtext("UploadId")

    def put_parts(self, bucket, key, parts, headers=None):
        """A multipart upload of these parts; what the server said to its completion. `headers` go with that."""
        upload = self.begin_upload(bucket, key)
        listed = ""
        for number, part in enumerate(parts, 1):
            etag = self.do("PUT", bucket, key, query={"partNumber": str(number), "uploadId": upload},
                           body=part).headers["etag"]
            listed += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        return self.ask("POST", bucket, key, query={"uploadId": upload}, headers=headers,
                        body=f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode())


def locked_until(seconds, mode="COMPLIANCE"):
    """The headers that lock what is put for so long from now."""
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return {"x-amz-object-lock-mode": mode, "x-amz-object-lock-retain-until-date": until.strftime("%Y-%m-%dT%H:%M:%SZ")}


def md5(body):
    return base64.b64encode(hashlib.md5(body).digest()).decode()
