"""Proves the stand-in for Vault's Transit engine: it keeps to what the API's documentation says."""

import base64
import json
import ssl
import unittest
import urllib.error
import urllib.request

import cloud

SECRET = base64.b64encode(b"a secret").decode()


class TransitStandIn(unittest.TestCase):
    def setUp(self):
        self.vault = cloud.TransitStandIn.of(self)
        self.vault.key("backup")

    def ask(self, token, path, body=None, method=None):
        request = urllib.request.Request(f"{self.vault.endpoint}/v1/{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"X-Vault-Token": token} if token else {})
        context = ssl.create_default_context(cafile=self.vault.ca) if self.vault.ca else None
        try:
            with urllib.request.urlopen(request, timeout=20, context=context) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def root(self, path, body=None):
        return self.ask(self.vault.root_token, path, body)

    def data(self, path, body=None):
        status, document = self.root(path, body)
        self.assertEqual(status, 200, document)
        return document["data"]

    def refused(self, status, message, path, body, token=None):
        got, document = self.ask(token or self.vault.root_token, path, body)
        self.assertEqual(got, status, document)
        self.assertIn(message, " ".join(document["errors"]))

    def test_what_is_encrypted_opens_and_nothing_else_does(self):
        sealed = self.data("transit/encrypt/backup", {"plaintext": SECRET})["ciphertext"]
        self.assertTrue(sealed.startswith("vault:v1:"))
        self.assertEqual(self.data("transit/decrypt/backup", {"ciphertext": sealed})["plaintext"], SECRET)
        self.vault.key("other")
        other = sealed[:-4] + ("AAA=" if sealed[-4:] != "AAA=" else "BBB=")
        self.refused(400, "authentication failed", "transit/decrypt/backup", {"ciphertext": other})
        self.refused(400, "authentication failed", "transit/decrypt/other", {"ciphertext": sealed})
        self.refused(400, "no prefix", "transit/decrypt/backup", {"ciphertext": "x"})
        self.refused(400, "base64", "transit/encrypt/backup", {"plaintext": "%"})
        self.refused(400, "not found", "transit/decrypt/none", {"ciphertext": sealed})

    def test_data_keys(self):
        made = self.data("transit/datakey/plaintext/backup", {"bits": 256})
        self.assertEqual(len(base64.b64decode(made["plaintext"])), 32)
        self.assertEqual(self.data("transit/decrypt/backup", {"ciphertext": made["ciphertext"]})["plaintext"],
                         made["plaintext"])
        self.assertNotIn("plaintext", self.data("transit/datakey/wrapped/backup", {}))
        self.refused(400, "bit", "transit/datakey/plaintext/backup", {"bits": 100})

    def test_associated_data_and_contexts_are_bound(self):
        aad = base64.b64encode(b"repository").decode()
        sealed = self.data("transit/encrypt/backup", {"plaintext": SECRET, "associated_data": aad})["ciphertext"]
        self.refused(400, "authentication", "transit/decrypt/backup", {"ciphertext": sealed})
        self.assertEqual(self.data("transit/decrypt/backup", {"ciphertext": sealed, "associated_data": aad})["plaintext"],
                         SECRET)
        self.vault.key("derived", derived=True)
        self.refused(400, "context", "transit/encrypt/derived", {"plaintext": SECRET})
        sealed = self.data("transit/encrypt/derived", {"plaintext": SECRET, "context": aad})["ciphertext"]
        self.refused(400, "authentication", "transit/decrypt/derived", {"ciphertext": sealed, "context": SECRET})

    def test_rotation_rewrapping_and_the_oldest_version_that_opens(self):
        old = self.data("transit/encrypt/backup", {"plaintext": SECRET})["ciphertext"]
        self.root("transit/keys/backup/rotate", {})
        self.assertEqual(self.data("transit/keys/backup")["latest_version"], 2)
        self.assertEqual(self.data("transit/decrypt/backup", {"ciphertext": old})["plaintext"], SECRET)
        new = self.data("transit/rewrap/backup", {"ciphertext": old})["ciphertext"]
        self.assertTrue(new.startswith("vault:v2:"))
        self.root("transit/keys/backup/config", {"min_decryption_version": 2})
        self.refused(400, "too old", "transit/decrypt/backup", {"ciphertext": old})
        self.assertEqual(self.data("transit/decrypt/backup", {"ciphertext": new})["plaintext"], SECRET)
        self.refused(400, "latest key version is 2", "transit/keys/backup/config", {"min_decryption_version": 3})

    def test_a_writer_may_encrypt_and_not_decrypt(self):
        writer = self.vault.writer_token("backup")
        status, made = self.ask(writer, "transit/datakey/plaintext/backup", {})
        self.assertEqual(status, 200)
        self.assertEqual(self.ask(writer, "transit/encrypt/backup", {"plaintext": SECRET})[0], 200)
        for path in ("decrypt", "rewrap"):
            self.refused(403, "permission denied", f"transit/{path}/backup",
                         {"ciphertext": made["data"]["ciphertext"]}, writer)
        self.refused(403, "permission denied", "transit/encrypt/new", {"plaintext": SECRET}, writer)
        self.assertEqual(self.ask(writer, "transit/keys/backup")[0], 403)
        self.vault.revoke(writer)
        self.refused(403, "permission denied", "transit/encrypt/backup", {"plaintext": SECRET}, writer)

    def test_who_may_create_keys_creates_them_by_encrypting(self):
        self.assertEqual(self.root("transit/keys/new")[0], 404)
        self.data("transit/encrypt/new", {"plaintext": SECRET})
        self.assertEqual(self.data("transit/keys/new")["latest_version"], 1)

    def test_batches(self):
        sealed = self.data("transit/encrypt/backup", {"batch_input": [{"plaintext": SECRET}] * 2})["batch_results"]
        opened = self.data("transit/decrypt/backup", {"batch_input": [sealed[0], {"ciphertext": "x"}]})["batch_results"]
        self.assertEqual(opened[0], {"plaintext": SECRET})
        self.assertIn("error", opened[1])

    def test_a_role_logs_in_for_a_while(self):
        role, secret = self.vault.approle({"transit/encrypt/*": ["update"]}, token_ttl_seconds=1)
        self.assertEqual(self.ask("", "auth/approle/login", {"role_id": role, "secret_id": "wrong"})[0], 400)
        token = self.ask("", "auth/approle/login", {"role_id": role, "secret_id": secret})[1]["auth"]["client_token"]
        self.assertEqual(self.ask(token, "transit/encrypt/backup", {"plaintext": SECRET})[0], 200)
        self.assertEqual(self.ask(token, "auth/token/renew-self", {})[1]["auth"]["lease_duration"], 1)
        cloud.wait_until(lambda: self.ask(token, "auth/token/lookup-self")[0] == 403, 5, "the token ends")

    def test_sealed_it_answers_nothing(self):
        self.vault.seal()
        self.refused(503, "sealed", "transit/encrypt/backup", {"plaintext": SECRET})
        self.assertEqual(self.ask("", "sys/health")[0], 503)
        self.vault.unseal()
        self.data("transit/encrypt/backup", {"plaintext": SECRET})

    def test_without_a_token_and_elsewhere(self):
        self.assertEqual(self.ask("", "transit/keys/backup")[0], 400)
        self.assertEqual(self.ask(self.vault.root_token, "secret/data/a")[0], 403)
        self.assertEqual(self.ask("hvs.unknown", "transit/keys/backup")[0], 403)

    def test_https(self):
        self.vault = cloud.TransitStandIn.of(self, tls=True)
        self.vault.key("backup")
        self.data("transit/encrypt/backup", {"plaintext": SECRET})
        with self.assertRaises(urllib.error.URLError):
            urllib.request.urlopen(f"{self.vault.endpoint}/v1/sys/health", timeout=20)


if __name__ == "__main__":
    cloud.main()
