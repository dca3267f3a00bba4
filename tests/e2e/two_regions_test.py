"""tools/cloud/services.sh: two regions come up as it says, and go without a trace."""

import configparser
import json
import os
import subprocess
import tempfile
import unittest

import cloud

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/cloud/services.sh")


class TwoRegions(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="regions-", dir="/tmp")
        self.addCleanup(place.cleanup)
        self.folder = os.path.join(place.name, "cloud")
        self.addCleanup(lambda: os.path.exists(self.folder) and self.services("down"))

    def services(self, *words):
        return subprocess.run([SCRIPT, words[0], self.folder, *words[1:]], stdin=subprocess.DEVNULL, timeout=300,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def up(self, *how):
        done = self.services("up", *how)
        self.assertEqual(done.returncode, 0, done.stdout)
        with open(os.path.join(self.folder, "environment")) as file:
            self.names = dict(line.strip().split("=", 1) for line in file)
        profiles = configparser.ConfigParser(interpolation=None)
        profiles.read(os.path.join(self.folder, "credentials"))
        self.assertEqual(os.stat(os.path.join(self.folder, "credentials")).st_mode & 0o777, 0o600)
        self.users = {name: cloud.Credentials(profiles[name]["aws_access_key_id"], profiles[name]["aws_secret_access_key"])
                      for name in profiles.sections()}

    def s3(self, number, user="owner"):
        return cloud.S3(self.names[f"S3_{number}"], self.users[user], region=self.names[f"REGION_{number}"])

    def gone(self):
        return not [line for line in cloud.harness.processes_naming(self.folder).values() if "two_regions" not in line]

    def test_apart_they_know_nothing_of_each_other(self):
        self.up()
        for number in ("FIRST", "SECOND"):
            name = f"backups-{number.lower()}"
            self.s3(number).make_bucket(name, lock=True)
            location = self.s3(number).do("GET", name, query={"location": ""}).xml().text
            self.assertEqual(location, self.names[f"REGION_{number}"])
            self.assertEqual(self.s3(number, "writer").ask("GET", name).status, 403)
            made = self.kms(number, "keys-writer", "GenerateDataKey", KeySpec="AES_256")
            blob = made.json()["CiphertextBlob"]
            self.assertEqual(self.kms(number, "keys-writer", "Decrypt", CiphertextBlob=blob).code, "AccessDeniedException")
            self.assertEqual(self.kms(number, "keys-restorer", "Decrypt", CiphertextBlob=blob).code, "")
        self.assertEqual(self.s3("SECOND").ask("HEAD", "backups-first").status, 404)
        self.assertFalse(self.gone())
        self.assertEqual(self.services("down").returncode, 0)
        self.assertTrue(self.gone())
        self.assertFalse(os.path.exists(self.folder))

    def kms(self, number, user, operation, **arguments):
        signed = cloud.Signed(self.names["KMS"], self.users[user], region=self.names[f"REGION_{number}"])
        body = json.dumps({"KeyId": self.names[f"KEY_{number}"], **arguments}).encode()
        return signed.request("kms", "POST", body=body, headers={"x-amz-target": f"TrentService.{operation}",
                                                                 "content-type": "application/x-amz-json-1.1"})

    def test_as_zones_what_is_in_one_comes_to_be_in_the_other(self):
        self.up("zones")
        self.s3("FIRST").make_bucket("backups")
        self.s3("FIRST").put("backups", "k", b"x")
        second = cloud.S3(self.names["S3_SECOND"], self.users["owner"])
        cloud.wait_until(lambda: second.ask("GET", "backups", "k").body == b"x", 60, "the object is in the second zone")

    def test_what_cannot_be_is_refused(self):
        self.assertEqual(self.services("up", "elsewhere").returncode, 1)
        self.assertEqual(self.services("down").returncode, 1)
        os.mkdir(self.folder)
        self.assertNotEqual(self.services("up").returncode, 0)
        os.rmdir(self.folder)


if __name__ == "__main__":
    cloud.fetched("moto")
    unittest.main(verbosity=2)
