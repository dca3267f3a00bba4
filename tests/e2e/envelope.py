"""Opens what a key file sealed, as docs/formats/envelope.md has it, without the program: for tests that look into objects."""

import json
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HEADER_BYTES, FRAME_BYTES = 2048, 65536


class Cursor:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, count):
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, size=2):
        return int.from_bytes(self.take(size), "big")

    def field(self):
        return self.take(self.number())


def opened(message, key_file):
    """The plaintext; `key_file` is the text of one."""
    key = json.loads(key_file)
    if message[:3] != b"\x02\x04\x78":
        raise ValueError("not sealed")
    cursor = Cursor(message, 3)
    message_id = cursor.take(32)
    context = cursor.field()
    data_key = None
    for _ in range(cursor.number()):
        provider, info, ciphertext = cursor.field(), cursor.field(), cursor.field()
        if provider == b"seawall-key-file" and info[:-20] == key["id"].encode():
            data_key = AESGCM(bytes.fromhex(key["key"])).decrypt(info[-12:], ciphertext, context)
    if not data_key:
        raise ValueError("sealed for another key")
    cipher = AESGCM(HKDF(SHA512(), 32, message_id, struct.pack(">H", 0x0478) + b"DERIVEKEY").derive(data_key))
    cipher.decrypt(bytes(12), message[HEADER_BYTES - 16:HEADER_BYTES], message[:HEADER_BYTES - 16])
    cursor, plain, number = Cursor(message, HEADER_BYTES), b"", 0
    while True:
        number += 1
        last = message[cursor.at:cursor.at + 4] == b"\xff" * 4
        if last:
            cursor.take(4)
        cursor.number(4)
        iv = cursor.take(12)
        size = cursor.number(4) if last else FRAME_BYTES
        named = b"AWSKMSEncryptionClient Final Frame" if last else b"AWSKMSEncryptionClient Frame"
        plain += cipher.decrypt(iv, cursor.take(size + 16), message_id + named + struct.pack(">IQ", number, size))
        if last:
            return plain
