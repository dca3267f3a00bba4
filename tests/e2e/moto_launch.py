"""Starts moto with what it would let pass put right. Run by emulator.py with moto's packages; takes moto_server's options.

As it comes, moto goes on to work with disabled keys, where KMS refuses; does not see which key a call is for, so that a
statement about one key allows nothing; takes every condition of a policy that it does not know for fulfilled, and a
bucket policy's statement about one principal for one about all; and refuses callers of the JSON services in XML and by
other names than AWS.
"""

import fnmatch
import json
import sys

from flask import request
from moto.core.exceptions import JsonRESTError
from moto.iam.access_control import IAMPolicyStatement, IAMRequest, PermissionResult, create_access_key
from moto.kms.models import KmsBackend
from moto.kms.responses import KmsResponse
from moto.server import main

ACCOUNT = "123456789012"


# KMS: keys that are disabled, or about to be deleted.

def require_enabled(backend, key_id):
    key = backend.keys[backend.any_id_to_key_id(key_id)]
    if key.key_state == "PendingDeletion":
        raise JsonRESTError("KMSInvalidStateException", key.arn + " is pending deletion.")
    if not key.enabled:
        raise JsonRESTError("DisabledException", key.arn + " is disabled.")


def encrypt(self, key_id, plaintext, encryption_context, original=KmsBackend.encrypt):
    require_enabled(self, key_id)
    return original(self, key_id, plaintext, encryption_context)


def decrypt(self, ciphertext_blob, encryption_context, key_id=None, original=KmsBackend.decrypt):
    plaintext, arn = original(self, ciphertext_blob, encryption_context, key_id)
    require_enabled(self, arn)
    return plaintext, arn


def key_asked_for(self):
    """The resource of a call to KMS."""
    asked = self._get_param("KeyId")
    if not asked and self._get_param("CiphertextBlob"):
        asked = self._get_param("CiphertextBlob")[:36].decode(errors="replace")  # where moto keeps the id
    try:
        return self.kms_backend.keys[self.kms_backend.any_id_to_key_id(asked)].arn
    except Exception:
        return "*"  # no such key, which the call itself will say


KmsBackend.encrypt, KmsBackend.decrypt, KmsResponse._determine_resource = encrypt, decrypt, key_asked_for


# Policies: conditions and principals.

def caller():
    """The ARN of the user, or of the role that was assumed, or nothing."""
    access = request.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]
    try:
        arn = create_access_key(ACCOUNT, "aws", access, dict(request.headers)).arn
    except Exception:
        return ""  # nobody that IAM knows
    if ":assumed-role/" in arn:
        return f"arn:aws:iam::{ACCOUNT}:role/{arn.split('/')[1]}"
    return arn


def context():
    """What conditions can be about, as far as tests need it; in lower case."""
    values = {"aws:securetransport": str(request.is_secure).lower(), "aws:principalarn": caller(),
              "aws:principalaccount": ACCOUNT}
    for name in ("if-none-match", "if-match", "x-amz-server-side-encryption",
                 "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-copy-source", "x-amz-acl"):
        if name in request.headers:
            values["s3:" + name] = request.headers[name]
    part = "partNumber" in request.args or "uploads" in request.args
    values["s3:objectcreationoperation"] = str(request.method in ("PUT", "POST") and not part).lower()
    if request.headers.get("X-Amz-Target", "").startswith("TrentService."):
        asked = json.loads(request.get_data() or b"{}").get("EncryptionContext") or {}
        values.update({f"kms:encryptioncontext:{name}".lower(): value for name, value in asked.items()})
    return values


def same(operator, wanted, got):
    if operator in ("StringLike", "ArnLike", "ArnEquals"):
        return fnmatch.fnmatchcase(got, wanted)
    if operator == "Bool":
        return got.lower() == str(wanted).lower()
    return got == wanted


def fulfilled(conditions):
    values = context()
    for operator, pairs in conditions.items():
        absent_will_do = operator.endswith("IfExists")
        operator = operator.removesuffix("IfExists")
        if operator.partition("Not")[0] not in ("String", "StringEquals", "StringLike", "Arn", "ArnLike", "ArnEquals", "Bool",
                                                "Null"):
            raise JsonRESTError("NotImplemented", f"the test's emulator does not know the condition {operator}")
        negated = "Not" in operator
        operator = operator.replace("Not", "")
        for name, wanted in pairs.items():
            got = values.get(name.lower())
            listed = wanted if isinstance(wanted, list) else [wanted]
            if operator == "Null":
                if (str(listed[0]).lower() == "true") != (got is None):
                    return False
            elif got is None:
                if not (negated or absent_will_do):
                    return False
            elif any(same(operator, one, got) for one in listed) == negated:
                return False
    return True


def is_permitted(self, action, resource="*", principal=None, incoming_condition_values=None,
                 original=IAMPolicyStatement.is_action_permitted):
    if principal or incoming_condition_values:  # who may assume a role: moto does that itself
        return original(self, action, resource, principal, incoming_condition_values)
    statement = dict(self._statement)
    listed = statement.pop("Principal", "*")
    if isinstance(listed, dict):
        listed = listed.get("AWS", [])
        who = caller()
        if not any(fnmatch.fnmatchcase(who, one) for one in (listed if isinstance(listed, list) else [listed])):
            return PermissionResult.NEUTRAL
    conditions = statement.pop("Condition", {})
    found = original(IAMPolicyStatement(statement), action, resource)
    if found != PermissionResult.NEUTRAL and not fulfilled(conditions):
        return PermissionResult.NEUTRAL
    return found


IAMPolicyStatement.is_action_permitted = is_permitted


# Refusals by the JSON services.

def in_json(original, kind, message):
    def refuse(self, *arguments):
        if not self._headers.get("X-Amz-Target"):
            return original(self, *arguments)
        raise JsonRESTError(kind, message(self))
    return refuse


for method, kind, message in (
        ("_raise_access_denied", "AccessDeniedException",
         lambda self: f"User: {self._access_key.arn} is not authorized to perform: {self._action}"),
        ("_raise_signature_does_not_match", "InvalidSignatureException",
         lambda self: "The request signature we calculated does not match the signature you provided."),
        ("_raise_invalid_access_key", "UnrecognizedClientException",
         lambda self: "The security token included in the request is invalid.")):
    setattr(IAMRequest, method, in_json(getattr(IAMRequest, method), kind, message))

main(sys.argv[1:])
