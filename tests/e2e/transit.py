"""A stand-in for HashiCorp Vault's Transit engine, since no Vault can be had from Debian.

It is no Vault: it speaks what Vault documents of Transit, token and AppRole authentication over HTTP, really encrypts
(AES-256-GCM, `vault:vN:` + base64 of nonce, ciphertext and tag), and keeps all in memory. Paths are checked against the
policy of the token as Vault does: exact, or ending in `*`. Whoever tests against it has tested against its documentation.
"""

import base64
import binascii
import datetime
import http.server
import json
import os
import re
import shutil
import socketserver
import ssl
import tempfile
import threading
import time
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services import Certificates, end_of, free_port

BODY_BYTES_MAX = 32 << 20  # Vault's own limit


class Failure(Exception):
    def __init__(self, status, *messages):
        super().__init__(messages)
        self.status = status
        self.messages = list(messages)


DENIED = "1 error occurred:\n\t* permission denied\n\n"


class Key:
    """One named key and its versions. Used under the stand-in's mutex."""

    def __init__(self, name, derived=False):
        self.name = name
        self.derived = derived
        self.versions = []
        self.made = []
        self.min_decryption_version = 1
        self.min_encryption_version = 0
        self.rotate()

    def rotate(self):
        self.versions.append(os.urandom(32))
        self.made.append(int(time.time()))

    def describe(self):
        return {"name": self.name, "type": "aes256-gcm96", "derived": self.derived, "exportable": False,
                "deletion_allowed": False, "allow_plaintext_backup": False, "latest_version": len(self.versions),
                "min_available_version": 0, "min_decryption_version": self.min_decryption_version,
                "min_encryption_version": self.min_encryption_version, "supports_encryption": True,
                "supports_decryption": True, "supports_derivation": True, "supports_signing": False,
                "keys": {str(i): at for i, at in enumerate(self.made, 1)}}

    def configure(self, body):
        decryption = int(body.get("min_decryption_version", self.min_decryption_version))
        encryption = int(body.get("min_encryption_version", self.min_encryption_version))
        for version in (decryption, encryption):
            if not 0 <= version <= len(self.versions):
                raise Failure(400, f"cannot set min version of {version}, latest key version is {len(self.versions)}")
        self.min_decryption_version, self.min_encryption_version = max(1, decryption), encryption

    def _cipher(self, version, context):
        secret = self.versions[version - 1]
        if not self.derived:
            return AESGCM(secret)
        if not context:
            raise Failure(400, "missing 'context' for key derivation; the key was created using a derived key, which "
                               "means additional, per-request information must be included in order to perform "
                               "operations with the key")
        return AESGCM(HKDF(SHA256(), 32, None, decoded(context, "context")).derive(secret))

    def encrypt(self, plaintext, item):
        version = int(item.get("key_version") or len(self.versions))
        if version > len(self.versions) or version < self.min_encryption_version:
            raise Failure(400, "requested version for encryption is not available")
        nonce = os.urandom(12)
        sealed = self._cipher(version, item.get("context")).encrypt(nonce, plaintext, associated(item))
        return {"ciphertext": f"vault:v{version}:{base64.b64encode(nonce + sealed).decode()}", "key_version": version}

    def decrypt(self, item):
        found = re.fullmatch(r"vault:v([0-9]+):(.*)", item.get("ciphertext", ""), re.S)
        if not found:
            raise Failure(400, "invalid ciphertext: no prefix")
        version, sealed = int(found.group(1)), decoded(found.group(2), "ciphertext")
        if version > len(self.versions) or version < 1:
            raise Failure(400, "invalid ciphertext: version is too new")
        if version < self.min_decryption_version:
            raise Failure(400, "ciphertext or signature version is disallowed by policy (too old)")
        try:
            return self._cipher(version, item.get("context")).decrypt(sealed[:12], sealed[12:], associated(item))
        except (InvalidTag, ValueError):
            raise Failure(400, "cipher: message authentication failed") from None


def decoded(text, what):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise Failure(400, f"failed to base64-decode {what}") from None


def associated(item):
    return decoded(item["associated_data"], "associated_data") if item.get("associated_data") else None


class TransitStandIn:
    """Runs in the test's own process. `mount` is where the engine is."""

    def __init__(self, tls=False, mount="transit"):
        self.mount = mount
        self.folder = tempfile.mkdtemp(prefix="transit-")
        self.certificates = Certificates(self.folder) if tls else None
        self.ca = self.certificates.ca if tls else None
        self.port = free_port()
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.requests = []  # (method, path, status)
        self._mutex = threading.Lock()  # guards what follows
        self._sealed = False
        self._keys = {}
        self._tokens = {}
        self._roles = {}
        self.root_token = self.token({"*": ["create", "read", "update", "delete", "list", "sudo"]})
        self._server = None

    @classmethod
    def of(cls, test, **options):
        stand_in = cls(**options)
        end_of(test, stand_in.close)
        return stand_in.start()

    def start(self):
        stand_in = self

        class Handler(_Handler):
            vault = stand_in
        self._server = _Server(("127.0.0.1", self.port), Handler)
        if self.certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificates.server)
            # The handshake is for the connection's own thread, or one that says nothing would hold up all.
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True,
                                                      do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def close(self):
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        shutil.rmtree(self.folder, ignore_errors=True)

    # What an administrator does.

    def token(self, policy, ttl_seconds=None):
        """A token that may use these paths (without /v1/), such as {"transit/datakey/plaintext/backup": ["update"]}."""
        made = "hvs." + uuid.uuid4().hex
        with self._mutex:
            self._tokens[made] = {"policy": policy, "ttl": ttl_seconds,
                                  "ends": time.monotonic() + ttl_seconds if ttl_seconds else None}
        return made

    def writer_token(self, key):
        """May make data keys and encrypt; cannot decrypt."""
        return self.token({f"{self.mount}/{what}/{key}": ["update"]
                           for what in ("datakey/plaintext", "datakey/wrapped", "encrypt")})

    def revoke(self, token):
        with self._mutex:
            del self._tokens[token]

    def approle(self, policy, token_ttl_seconds=3600):
        """(role_id, secret_id)"""
        role, secret = str(uuid.uuid4()), str(uuid.uuid4())
        with self._mutex:
            self._roles[role] = (secret, policy, token_ttl_seconds)
        return role, secret

    def key(self, name, derived=False):
        with self._mutex:
            self._keys[name] = Key(name, derived)
        return name

    def rotate(self, name):
        with self._mutex:
            self._keys[name].rotate()

    def set_min_decryption_version(self, name, version):
        with self._mutex:
            self._keys[name].configure({"min_decryption_version": version})

    def delete_key(self, name):
        with self._mutex:
            del self._keys[name]

    def seal(self):
        """Every call answers 503 until unseal()."""
        with self._mutex:
            self._sealed = True

    def unseal(self):
        with self._mutex:
            self._sealed = False

    # The API. Under the mutex throughout: it is for tests, not for load.

    def answer(self, method, path, token, body):
        """(status, document or None)"""
        with self._mutex:
            try:
                return self._answer("POST" if method == "PUT" else method, path, token, body)
            except Failure as failure:
                return failure.status, {"errors": failure.messages}

    def _answer(self, method, path, token, body):
        if path == "sys/health":
            return (503 if self._sealed else 200), {"initialized": True, "sealed": self._sealed, "standby": False}
        if self._sealed:
            raise Failure(503, "Vault is sealed")
        if path == "auth/approle/login" and method == "POST":
            return self._login(body)
        held = self._tokens.get(token)
        if not held or (held["ends"] and held["ends"] < time.monotonic()):
            raise Failure(403, "permission denied") if token else Failure(400, "missing client token")
        if path == "auth/token/lookup-self" and method == "GET":
            return 200, envelope(data={"ttl": left(held), "renewable": bool(held["ttl"]), "policies": ["test"],
                                       "expire_time": expiry(held)})
        if path == "auth/token/renew-self" and method == "POST":
            return 200, envelope(auth=self._renewed(token, held))
        mount, _, rest = path.partition("/")
        if mount != self.mount:
            raise Failure(403, DENIED)
        *what, name = rest.split("/")
        self._require(held, path, method, name, "/".join(what))
        return self._transit(method, "/".join(what), name, body)

    def _require(self, held, path, method, name, what):
        wanted = {"GET": "read", "LIST": "list", "DELETE": "delete"}.get(method, "update")
        if what in ("encrypt", "keys") and method == "POST" and name not in self._keys:
            wanted = "create"
        exact = held["policy"].get(path)
        globs = sorted((p for p in held["policy"] if p.endswith("*") and path.startswith(p[:-1])), key=len)
        allowed = exact if exact is not None else held["policy"][globs[-1]] if globs else []
        if wanted not in allowed:
            raise Failure(403, DENIED)

    def _login(self, body):
        secret, policy, ttl = self._roles.get(body.get("role_id"), (None, None, None))
        if not secret or secret != body.get("secret_id"):
            raise Failure(400, "invalid role or secret ID")
        token = "hvs." + uuid.uuid4().hex
        self._tokens[token] = {"policy": policy, "ttl": ttl, "ends": time.monotonic() + ttl}
        return 200, envelope(auth=self._renewed(token, self._tokens[token]))

    @staticmethod
    def _renewed(token, held):
        if held["ttl"]:
            held["ends"] = time.monotonic() + held["ttl"]
        return {"client_token": token, "accessor": uuid.uuid4().hex, "lease_duration": held["ttl"] or 0,
                "renewable": bool(held["ttl"]), "policies": ["test"], "token_policies": ["test"]}

    def _transit(self, method, what, name, body):
        if what == "keys":
            if method == "GET":
                if name not in self._keys:
                    raise Failure(404)
                return 200, envelope(data=self._keys[name].describe())
            if method == "POST":
                self._keys.setdefault(name, Key(name, bool(body.get("derived"))))
                return 200, envelope(data=self._keys[name].describe())
            raise Failure(405, "unsupported operation")
        if method != "POST":
            raise Failure(405, "unsupported operation")
        if what.startswith("keys/"):  # keys/NAME/rotate, keys/NAME/config
            key = self._named(what.removeprefix("keys/"))
            if name == "rotate":
                key.rotate()
            elif name == "config":
                key.configure(body)
            else:
                raise Failure(404)
            return 200, envelope(data=key.describe())
        if what == "encrypt" and name not in self._keys:
            self._keys[name] = Key(name, bool(body.get("context")))  # whoever may create it, creates it so
        key = self._named(name)
        if what in ("datakey/plaintext", "datakey/wrapped"):
            return 200, envelope(data=self._data_key(key, what, body))
        one = {"encrypt": self._encrypt, "decrypt": self._decrypt, "rewrap": self._rewrap}.get(what)
        if not one:
            raise Failure(404)
        if "batch_input" not in body:
            return 200, envelope(data=one(key, body))
        results = []
        for item in body["batch_input"]:
            try:
                results.append(one(key, item))
            except Failure as failure:
                results.append({"error": failure.messages[0]})
        failed = sum("error" in result for result in results)
        return (400 if failed == len(results) else 200), envelope(data={"batch_results": results})

    def _named(self, name):
        if name not in self._keys:
            raise Failure(400, "encryption key not found")
        return self._keys[name]

    @staticmethod
    def _data_key(key, what, body):
        bits = int(body.get("bits", 256))
        if bits not in (128, 256, 512):
            raise Failure(400, "invalid bit length")
        secret = os.urandom(bits // 8)
        made = key.encrypt(secret, body)
        return {**made, "plaintext": base64.b64encode(secret).decode()} if what.endswith("plaintext") else made

    @staticmethod
    def _encrypt(key, item):
        if "plaintext" not in item:
            raise Failure(400, "missing plaintext to encrypt")
        return key.encrypt(decoded(item["plaintext"], "plaintext"), item)

    @staticmethod
    def _decrypt(key, item):
        return {"plaintext": base64.b64encode(key.decrypt(item)).decode()}

    @staticmethod
    def _rewrap(key, item):
        return key.encrypt(key.decrypt(item), item)


def envelope(data=None, auth=None):
    return {"request_id": str(uuid.uuid4()), "lease_id": "", "renewable": False, "lease_duration": 0, "data": data,
            "wrap_info": None, "warnings": None, "auth": auth}


def left(held):
    return max(0, int(held["ends"] - time.monotonic())) if held["ends"] else 0


def expiry(held):
    if not held["ends"]:
        return None
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=left(held))
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        pass  # a client that is gone, or that does not trust the certificate


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    vault = None

    def serve(self):
        size = int(self.headers.get("content-length") or 0)
        if size > BODY_BYTES_MAX:
            self.close_connection = True
            return self.reply(413, {"errors": ["http: request body too large"]})
        raw = self.rfile.read(size)
        path = self.path.partition("?")[0]
        token = self.headers.get("x-vault-token") or self.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            return self.reply(400, {"errors": ["failed to parse JSON input"]})
        if not path.startswith("/v1/"):
            return self.reply(404, {"errors": []})
        self.reply(*self.vault.answer(self.command, path.removeprefix("/v1/"), token, body))

    do_GET = do_POST = do_PUT = do_DELETE = do_LIST = serve

    def reply(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.vault.requests.append((self.command, self.path, status))

    def log_message(self, *_):
        pass
