"""Drills whose restored database is not what it must be: each fault is caught by the check that is for it."""

import os

from drills import DrillTest
from harness import main


class Checks(DrillTest):
    def fails_checks(self, kind, names):
        record = self.drill(kind, code=1)
        self.assertEqual(self.failed_checks(record), sorted(names), record["checks"])
        self.assertEqual((record["outcome"], record["failed_step"]), ("failed", ""))
        self.assertEqual(self.newest()["id"], record["id"])
        found = self.findings(f"the drill '{kind}'")
        self.assertEqual([one["severity"] for one in found], ["critical"])
        for name in names:
            self.assertIn(name, found[0]["what"])
        return record

    def test_what_the_restored_database_lacks(self):
        self.make().protect()
        self.sql("truncate orders")  # rows of a table that is not left out, gone since the dump
        self.sql("select setval('clients_id_seq', 10)")
        self.sql("update staff_users set password_hash = null where id = 3")
        self.sql("revoke all on clients from reader; drop role reader; drop extension pg_trgm")
        self.archive_now(self.primary)
        record = self.fails_checks("latest", ["extensions", "roles", "sequences", "staff can log in", "tables"])
        for name, words in (("tables", "public.orders is empty, which had 20000 rows"),
                            ("sequences", "public.clients_id_seq is at 10, and public.clients.id has 1000"),
                            ("staff can log in", "1, and not 0"), ("extensions", "pg_trgm"), ("roles", "reader")):
            self.assertIn(words, self.check_of(record, name)["seen"])
        # A moment before all that is what it was.
        before = self.drill("weekly")
        self.assertEqual({one["table"]: one["rows"] for one in before["tables"]}["public.orders"], 20000)

    def test_objectives_the_command_and_damaged_pages(self):
        self.make().protect()
        # Faster than can be, and a heart that stopped.
        self.objectives = "objectives: { rto: 1s, rpo: 1h }\n"
        self.sql("delete from seawall.heartbeat; insert into seawall.heartbeat values (now() - interval '2 hours')")
        self.archive_now(self.primary)
        self.write_policy(self.primary, extra=self.extra("  command: 'psql -Atc \"select count(*) from clients\"; "
                                                         "echo nothing works; exit 4'\n"),
                          database="shop", layers=self.layers())
        record = self.fails_checks("latest", ["command", "rpo", "rto"])
        self.assertEqual(self.check_of(record, "command")["seen"], "it exited with 4: 1000; nothing works")
        self.objectives = ""
        self.write_policy(self.primary, extra=self.extra("  command: 'test $(psql -Atc \"select 40 + 2\") = 42'\n"),
                          database="shop", layers=self.layers())
        record = self.drill("latest")
        self.assertEqual(self.check_of(record, "command")["verdict"], "passed")
        # A page of an index that storage flipped a bit of before the snapshot.
        path = os.path.join(self.primary.data, self.sql("select pg_relation_filepath('orders_note_idx')"))
        self.primary.stop()
        with open(path, "r+b") as file:
            file.seek(3 * 8192 + 5000)
            byte = file.read(1)[0]
            file.seek(3 * 8192 + 5000)
            file.write(bytes([byte ^ 1]))
        self.primary.start()
        self.seawall("backup", "snapshots")
        record = self.drill("latest", code=1)
        self.assertEqual(self.failed_checks(record), ["amcheck", "checksums"])
        self.assertIn("block 3 of base/", self.check_of(record, "checksums")["seen"])


if __name__ == "__main__":
    main()
