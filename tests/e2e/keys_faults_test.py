"""Keys that are disabled, denied, gone, wrong or replaced, under a server that archives: the log waits, nothing is
acknowledged and dropped, what fails says why in one sentence; and what was sealed before comes back.

KMS is the emulator; PostgreSQL and the repository are real.
"""

import os
import shutil
import tempfile

import cloud
import harness
from harness import ClusterTest, run

REGION = "ap-southeast-1"


class KeysTest(ClusterTest):
    """`self.key` seals the repository. What data keys are kept for the hour is this test's own, and can be forgotten."""

    def setUp(self):
        super().setUp()
        before = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(before)))
        self.runtime = tempfile.mkdtemp(prefix="seawall-run-", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, self.runtime, ignore_errors=True)
        os.environ["XDG_RUNTIME_DIR"] = self.runtime
        self.dumps = os.path.join(self.folder, "dumps")
        self.dumps_key = None
        self.retired = []

    def the_hour_is_over(self):
        shutil.rmtree(os.path.join(self.runtime, "seawall-keys"), ignore_errors=True)

    def encryption(self):
        retired = f", retired: [{', '.join(self.retired)}]" if self.retired else ""
        return f'  encryption: {{ key: "{self.key}"{retired} }}\n'

    def write(self):
        """The policy with the keys as they are now."""
        self.write_policy(self.primary, layers=(
            '  pitr: { retain: 7d }\n  snapshots:\n    nightly: { at: "03:00", retain: 30d }\n'
            f'  dumps:\n    nightly: {{ at: "03:30", retain: 90d, store: "file://{self.dumps}", '
            f'encryption: {{ key: "{self.dumps_key or self.key}" }} }}\n'))

    def make(self):
        self.primary = self.make_cluster()
        self.write()
        self.primary.start()
        self.seawall("apply")
        self.primary.sql("create table t as select i, md5(i::text) as body from generate_series(1, 2000) i")
        self.seawall("backup", "snapshots", "--tier", "nightly")
        self.archive_now(self.primary)
        return self.primary

    def archived(self):
        return self.primary.sql("select coalesce(last_archived_wal, '') from pg_stat_archiver")

    def failures(self):
        return int(self.primary.sql("select failed_count from pg_stat_archiver"))

    def log_waits(self, words):
        """The next segment is not archived, the server's log says why in one line, and the segment stays."""
        before, failed = self.archived(), self.failures()
        self.primary.sql("insert into t values (0, 'waits')")
        name = self.primary.sql("select pg_walfile_name(pg_switch_wal())")
        self.wait_for(lambda: self.failures() > failed, seconds=40, what=f"a failed push: {words}")
        self.assertEqual(self.archived(), before)
        said = [line for line in harness.read(self.primary.log).decode().splitlines() if "seawall: error:" in line]
        self.assertRegex(said[-1], words)
        self.assertTrue(os.path.exists(f"{self.primary.data}/pg_wal/{name}"))
        self.assertTrue(os.path.exists(f"{self.primary.data}/pg_wal/archive_status/{name}.ready"))
        self.assertNotIn(name, " ".join(n for _, _, names in os.walk(self.repository) for n in names))
        return name

    def refused(self, code, words, *arguments, **options):
        done = self.seawall(*arguments, check=False, **options)
        self.assertEqual(done.code, code, done)
        said = [line for line in done.err.splitlines() if line.startswith("seawall: error: ")]
        self.assertEqual(len(said), 1, done)
        self.assertRegex(said[0], words)
        return done

    def all_arrives(self, name="restored"):
        self.archive_now(self.primary)
        self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])
        self.seawall("wal", "audit")
        restored = self.restored("--at", "latest", name=name)
        self.assertEqual(restored.content(), self.primary.content())
        restored.stop("immediate")
        shutil.rmtree(restored.data)


class Kms(KeysTest):
    @classmethod
    def setUpClass(cls):
        cls.moto = cloud.Moto.of(cls, iam=True)

    def setUp(self):
        super().setUp()
        self.proxy = cloud.FaultyProxy.of(self, self.moto.endpoint)
        self.key = self.moto.key(region=REGION)
        self.name = "u" + os.path.basename(self.folder).replace("_", "")
        self.user = self.moto.user(self.name, cloud.allow("kms:*"))
        os.environ.update({**self.user.environment(), "AWS_REGION": REGION, "AWS_ENDPOINT_URL_KMS": self.proxy.endpoint,
                           "AWS_EC2_METADATA_DISABLED": "true"})

    def allow(self, *statements):
        self.moto.allow_user(self.name, *statements)

    def test_a_key_that_is_disabled_while_archiving(self):
        self.make()
        self.moto.disable_key(self.key)
        self.the_hour_is_over()
        name = self.log_waits("the key is disabled")
        self.refused(4, "the key is disabled", "wal", "push", f"pg_wal/{name}", cwd=self.primary.data)
        self.refused(4, "the key is disabled", "backup", "snapshots")
        self.refused(4, "the key is disabled", "restore", "--at", "latest", "--to", os.path.join(self.folder, "restored"))
        self.moto.enable_key(self.key)
        self.all_arrives()

    def test_a_key_service_that_is_away(self):
        """A kept data key serves the log within the hour, without a call; behind it, it waits."""
        self.make()
        self.archive_now(self.primary)
        calls = len(self.proxy.seen)
        for _ in range(3):
            self.archive_now(self.primary)
        self.assertEqual(len(self.proxy.seen), calls, [s.target for s in self.proxy.seen])
        self.proxy.cut()
        self.archive_now(self.primary)
        before = self.archived()
        self.the_hour_is_over()
        self.primary.sql("insert into t values (0, 'waits')")
        name = self.primary.sql("select pg_walfile_name(pg_switch_wal())")
        self.refused(6, "(?i)failed to connect|refused", "wal", "push", f"pg_wal/{name}", cwd=self.primary.data)
        self.assertEqual(self.archived(), before)
        self.proxy.restore()
        self.all_arrives()

    def test_what_the_credential_may_not(self):
        self.make()
        index = cloud.allow("kms:Decrypt", StringEquals={"kms:EncryptionContext:class": "index"})
        target = os.path.join(self.folder, "restored")

        self.allow(index)
        self.the_hour_is_over()
        self.log_waits("may not use this key")
        self.refused(4, "GenerateDataKey.*may not use this key", "backup", "snapshots")

        self.allow(index, cloud.allow("kms:GenerateDataKey"))  # the writer's
        self.archive_now(self.primary)
        self.assertEqual(len(self.seawall("--json", "list").json()["snapshots"]), 1)
        self.the_hour_is_over()
        self.refused(4, "Decrypt.*may not use this key", "restore", "--at", "latest", "--to", target)
        self.assertFalse(os.path.exists(f"{target}/global/pg_control"))
        done = self.seawall("verify", check=False)
        self.assertEqual(done.code, 4, done)  # not "damaged", and not "all is well"

        self.allow(cloud.allow("s3:ListBucket"))
        self.the_hour_is_over()
        self.log_waits("may not use this key")
        self.refused(4, "may not use this key", "status")

        self.allow(cloud.allow("kms:*"))
        self.all_arrives()

    def test_a_wrong_key_and_one_that_goes(self):
        self.make()
        right = self.key
        self.key = right.split("/")[0] + "/00000000-0000-0000-0000-000000000000"
        self.write()
        self.the_hour_is_over()
        self.log_waits("there is no such key")
        self.key = f"file:{os.path.join(self.folder, 'other.key')}"
        run(harness.SEAWALL, "key", "create", self.key[5:])
        self.write()
        self.log_waits(f"sealed for aws-kms {right}")
        self.key = right
        self.write()
        self.archive_now(self.primary)
        self.moto.delete_key(right)
        self.the_hour_is_over()
        self.log_waits("the key is in no state to be used")
        self.refused(4, "the key is in no state", "restore", "--at", "latest", "--to", os.path.join(self.folder, "restored"))
        self.moto.kms("CancelKeyDeletion", REGION, KeyId=right.split("/")[1])
        self.moto.enable_key(right)
        self.all_arrives()

    def test_a_rotation_and_the_old_key_disabled(self):
        """To another KMS key, then to a key file: what was sealed before opens without any of the old ones."""
        self.make()
        self.seawall("backup", "dumps", "--tier", "nightly")
        first = self.key
        second = self.moto.key(region=REGION)
        file = "file:" + os.path.join(self.folder, "new.key")
        run(harness.SEAWALL, "key", "create", file[5:])
        for number, (old, new) in enumerate(((first, second), (second, file))):
            self.seawall("key", "rotate", "--to", new)
            self.archive_now(self.primary)
            self.primary.sql(f"insert into t values ({number}, 'after a rotation')")
            self.seawall("backup", "snapshots")
            self.archive_now(self.primary)
            self.seawall("key", "rewrap", "--to", new)
            again = self.seawall("--json", "key", "rewrap", "--to", new).json()
            self.assertEqual([store["rewrapped"] for store in again], [0, 0])
            self.key = new
            self.write()  # without the retired one, and the dumps by the new one as well
            self.moto.disable_key(old)
            self.the_hour_is_over()
            self.all_arrives(name=f"restored{number}")
            for snapshot in self.seawall("--json", "list").json()["snapshots"]:
                self.restored("--snapshot", snapshot["id"], name=f"{snapshot['id']}-{number}").stop("immediate")
            self.seawall("restore", "dump", "latest", "--into", self.primary.url(f"again{number}"), "--create")
            self.assertEqual(self.primary.sql("select count(*) from t", f"again{number}"), "2000")
        self.moto.kms("DescribeKey", REGION, KeyId=first.split("/")[1])
        self.assertEqual(self.moto.kms("DescribeKey", REGION, KeyId=first.split("/")[1])["KeyMetadata"]["KeyState"], "Disabled")


class KeyFile(KeysTest):
    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.folder, "repository.key")
        run(harness.SEAWALL, "key", "create", self.file)
        self.key = f"file:{self.file}"

    def test_a_key_file_that_is_gone_open_to_others_or_another(self):
        self.make()
        kept = self.file + ".kept"
        target = os.path.join(self.folder, "restored")
        digits = harness.read(self.file).decode().split('"key":"')[-1][:64]

        def both(code, words):
            self.the_hour_is_over()
            self.log_waits(words)
            done = self.refused(code, words, "restore", "--at", "latest", "--to", target)
            self.assertNotIn(digits[:16], done.err)
            self.assertFalse(os.path.exists(f"{target}/global/pg_control"))

        os.rename(self.file, kept)
        both(2, "there is no such file")
        shutil.copy(kept, self.file)
        os.chmod(self.file, 0o640)
        both(4, "others than its owner may read")
        os.remove(self.file)
        run(harness.SEAWALL, "key", "create", self.file)
        both(4, "sealed for seawall-key-file")
        text = harness.read(kept).decode()
        at = text.index(digits) + 7
        with open(self.file, "w") as file:
            file.write(text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1:])
        os.chmod(self.file, 0o600)
        both(7, "a digit is wrong")
        shutil.copy(kept, self.file)
        os.chmod(self.file, 0o600)
        self.all_arrives()

    def findings(self):
        return [one["what"] for one in self.seawall("--json", "status", check=False).json()["findings"]]

    def test_a_copy_of_the_key_is_confirmed(self):
        self.make()
        self.assertTrue(any("no copy of the key file" in what for what in self.findings()), self.findings())
        copy = os.path.join(self.folder, "copy.key")
        self.seawall("key", "export", self.file, "--to", copy)
        self.assertEqual(harness.read(copy), harness.read(self.file))
        self.assertEqual(os.stat(copy).st_mode & 0o077, 0)
        self.refused(5, "is there already", "key", "export", self.file, "--to", copy)
        self.refused(2, "is no copy", "key", "confirm", self.file, "--copy", self.file)
        self.refused(5, "is not the check", "key", "confirm", self.file, "--check", "00000000")
        other = os.path.join(self.folder, "other.key")
        run(harness.SEAWALL, "key", "create", other)
        self.refused(5, "another key", "key", "confirm", self.file, "--copy", other)
        self.assertTrue(any("no copy of the key file" in what for what in self.findings()))
        self.seawall("key", "confirm", self.file, "--copy", copy)
        self.assertFalse(any("no copy of the key file" in what for what in self.findings()), self.findings())
        # A rotation begins anew: nobody has a copy of the new one.
        self.seawall("key", "rotate", "--to", f"file:{other}")
        self.assertTrue(any(f"no copy of the key file {other}" in what for what in self.findings()), self.findings())


if __name__ == "__main__":
    cloud.main("moto")
