"""Drills that must fail, each caught by name, recorded, and told by status."""

import glob
import os
import shutil
import time

import harness
from drills import DrillTest
from harness import main, run


class Repository(DrillTest):
    def fails(self, kind, step, words, code):
        """The drill ends early in this step; its record says so, and status repeats it."""
        record = self.drill(kind, code=code)
        self.assertEqual((record["outcome"], record["failed_step"]), ("failed", step), record)
        self.assertIn(words, record["error"])
        self.assertEqual(self.newest()["id"], record["id"])
        found = self.findings(f"the drill '{kind}'")
        self.assertEqual([one["severity"] for one in found], ["critical"])
        self.assertIn(words, found[0]["what"])
        return record

    def moved_away(self, path):
        aside = os.path.join(self.folder, "aside")
        os.rename(path, aside)
        return lambda: os.rename(aside, path)

    def test_what_is_missing_or_damaged_in_the_repository(self):
        self.make().protect()
        # A hole in the log.
        segments = sorted(glob.glob(os.path.join(self.repository, "wal/0001/0000000*/**/*.zst"), recursive=True))
        put_back = self.moved_away(segments[-2])
        self.fails("latest", "fetch", "hole", 7)
        put_back()
        # A block that is not what it was.
        pack = sorted(glob.glob(os.path.join(self.repository, "packs/0001/*.zst")), key=os.path.getsize)[-1]
        with open(pack, "rb") as file:
            whole = file.read()
        os.chmod(pack, 0o600)
        with open(pack, "wb") as file:
            file.write(whole[:len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 8]) + whole[len(whole) // 2 + 1:])
        self.fails("latest", "fetch", "packs/0001/", 7)
        with open(pack, "wb") as file:
            file.write(whole)
        self.drill("latest")
        self.assertEqual(self.findings("the drill 'latest'"), [], "what passes takes the finding away")
        # No snapshot at all.
        put_back = self.moved_away(os.path.join(self.repository, "snapshots"))
        self.fails("latest", "fetch", "no snapshot", 3)
        put_back()
        # What the caller names and cannot be is no drill.
        before = self.newest()["id"]
        refused = self.seawall("drill", "moment", "--at", "2001-01-01T00:00:00Z", check=False)
        self.assertEqual(refused.code, 2, refused)
        self.assertEqual(self.seawall("drill", "yearly", check=False).code, 2)
        self.assertEqual(self.newest()["id"], before)


class Dumps(DrillTest):
    """Sealed, and copied to a place with a key of its own."""

    def key(self, name):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            run(harness.SEAWALL, "key", "create", path)
        return path

    def layers(self):
        near, far = self.key("near.key"), self.key(self.far_key)
        self.dump_more = (f", encryption: {{ key: \"file:{near}\" }}, replica: {{ store: \"file://{self.folder}/replica\", "
                          f"key: \"file:{far}\", within: 1m }}")
        return super().layers()

    def setUp(self):
        super().setUp()
        self.far_key = "far.key"

    def test_wrong_key_and_replica_behind(self):
        self.make().protect()
        self.drill("replica")
        # Another dump, two minutes old, that was not copied.
        second = self.seawall("--json", "backup", "dumps", "--again").json()["name"]
        for name in (second, second + ".json"):
            os.remove(os.path.join(self.folder, "replica", name))
            old = time.time() - 120
            os.utime(os.path.join(self.dumps, name), (old, old))
        record = self.drill("replica", code=1)
        self.assertEqual(self.failed_checks(record), ["replica"])
        self.assertIn(second, self.check_of(record, "replica")["seen"])
        self.assertEqual(len(self.findings("the drill 'replica'")), 1)
        self.assertEqual(self.drill("dump")["source"], second)
        # A key that opens nothing there.
        self.far_key = "other.key"
        self.write_policy(self.primary, extra=self.extra(), database="shop", layers=self.layers())
        record = self.drill("replica", code=4)
        self.assertEqual((record["failed_step"], record["error_kind"]), ("fetch", "denied"))
        # The first region is gone: what can be told is told.
        self.far_key = "far.key"
        self.write_policy(self.primary, extra=self.extra(), database="shop", layers=self.layers())
        shutil.move(self.dumps, self.dumps + ".gone")
        record = self.drill("replica")
        self.assertIn(self.check_of(record, "replica")["verdict"], ("passed", "unproven"))


class ClearDumps(DrillTest):
    def test_records_and_archives_that_are_wrong(self):
        self.make().protect()
        record_path = glob.glob(os.path.join(self.dumps, "*.dump.json"))[0]
        archive = record_path[:-len(".json")]
        with open(record_path, "rb") as file:
            good = file.read()

        def without_values(record):
            for sequence in record["sequences"]:
                sequence["last_value"] = sequence["is_called"] = None

        def one_row_more(record):
            for relation in record["relations"]:
                if relation["name"] == "clients":
                    relation["rows"] += 1

        for change, check, words in ((without_values, "sequences", "no value of public.clients_id_seq"),
                                     (one_row_more, "tables", "public.clients has 1000 rows of 1001")):
            self.edit_record(record_path, change)
            record = self.drill("dump", code=1)
            self.assertEqual(self.failed_checks(record), [check])
            self.assertIn(words, self.check_of(record, check)["seen"])
            with open(record_path, "wb") as file:
                file.write(good)
        # An archive that is not what its record says.
        with open(archive, "r+b") as file:
            file.seek(-50, os.SEEK_END)
            byte = file.read(1)[0]
            file.seek(-50, os.SEEK_END)
            file.write(bytes([byte ^ 2]))
        record = self.drill("dump", code=7)
        self.assertEqual((record["failed_step"], record["error_kind"]), ("fetch", "corrupt"))
        self.assertIn("damaged", record["error"])


class Late(DrillTest):
    checks = "  command: sleep 600\n  finish_within: 1m\n"

    def test_one_that_does_not_end_is_ended_and_has_failed(self):
        self.make().protect()
        began = time.monotonic()
        record = self.drill("latest", code=6)
        self.assertLess(time.monotonic() - began, 90)
        self.assertEqual((record["failed_step"], record["error_kind"]), ("checks", "unavailable"))
        self.assertIn("it was not over after 60 s", record["error"])
        self.assertIn("finish_within", record["hint"])
        self.assertEqual(len(self.findings("the drill 'latest'")), 1)
        self.assertGreater(record["at_worst"]["seconds"], 1)


if __name__ == "__main__":
    main()
