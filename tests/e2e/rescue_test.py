"""Something happened: the transaction is found in the log, and the moment before it comes back."""

import os
import pty
import subprocess

import harness
from harness import ClusterTest, main


class Rescue(ClusterTest):
    exclude = ("public.sessions",)

    def setUp(self):
        super().setUp()
        self.primary = self.make_cluster()
        self.primary.configure({"max_prepared_transactions": "5"})
        self.write_policy(self.primary)
        self.primary.start()
        self.seawall("apply")
        self.primary.sql(
            "create table clients (id int primary key, name text); create table orders (id serial, what text); "
            "create table invoices (id int, body text); create table sessions (token text); "
            "insert into sessions values ('s'); insert into invoices select i, 'i' from generate_series(1, 40) i; "
            "create table events (id int, day date) partition by range (day); "
            "create table events_1 partition of events for values from ('2026-01-01') to ('2027-01-01'); "
            "insert into clients select i, 'client ' || i from generate_series(1, 3412) i")
        self.seawall("backup", "snapshots")

    def xid(self, text):
        return int(self.primary.sql(f"begin; select pg_current_xact_id(); {text}; commit").split()[0])

    def accident(self):
        """What happened, and the content just before the worst of it."""
        self.primary.sql("insert into orders (what) values ('before')")
        with open(os.path.join(self.folder, "rows"), "w") as rows:
            rows.writelines(f"{i}\t2026-05-05\n" for i in range(2000))
        self.copy = self.xid(f"copy events from '{self.folder}/rows'")
        self.prepared = int(self.primary.sql(
            "begin; select pg_current_xact_id(); delete from clients where id > 3400; prepare transaction 'p'").split()[0])
        self.primary.sql("commit prepared 'p'")
        self.primary.sql("begin; delete from clients; rollback")
        self.before = self.primary.content()
        self.worst = self.xid("update clients set name = 'x' where id <= 1000; savepoint s; "
                              "update clients set name = 'x' where id > 1000; release s")
        self.primary.sql("insert into orders (what) select 'after ' || i from generate_series(1, 7) i")
        self.invoices = int(self.primary.sql("select pg_relation_filenode('invoices')"))
        self.drop = self.xid("drop table invoices")
        self.primary.sql("vacuum full pg_class")  # a catalog whose file has a number like any table's
        self.archive_now(self.primary)

    def found(self, *arguments):
        return {one["xid"]: one for one in self.seawall("--json", "rescue", "transactions", *arguments).json()["transactions"]}

    def test_the_log_tells_who_did_what(self):
        self.accident()
        found = self.found()
        self.assertEqual(found[self.worst]["deeds"], ["3 400 rows of public.clients updated"])
        self.assertEqual(found[self.copy]["deeds"], ["2 000 rows of public.events_1 inserted"])
        self.assertEqual(found[self.prepared]["deeds"], ["12 rows of public.clients deleted"])
        self.assertIn(self.invoices, found[self.drop]["removed_files"])
        self.assertFalse([d for one in found.values() for d in one["deeds"] if "pg_class" in d], found)
        text = self.seawall("rescue", "transactions", "--top", "2").out
        self.assertIn("3 400 rows of public.clients updated", text)
        self.assertIn(f"dropped, emptied or rewrote relation file {self.invoices}", text)
        # By table, by the number of its file, through its partitions, by time.
        self.assertEqual(set(self.found("--table", "public.clients")), {self.worst, self.prepared})
        self.assertEqual(set(self.found("--table", "public.events")), {self.copy})
        self.assertEqual(set(self.found("--table", str(self.invoices))), {self.drop})
        after = found[self.worst]["committed"]
        self.assertNotIn(self.worst, self.found("--since", after[:-1].ljust(26, "0")[:25] + "9Z"))
        self.assertNotIn(self.drop, self.found("--until", after))
        self.assertEqual(self.seawall("rescue", "transactions", "--table", "public.nowhere", check=False).code, 2)
        # Without the live server: no names, the rest is the same.
        self.primary.stop()
        nameless = self.found()
        self.assertEqual(set(nameless), set(found))
        self.assertTrue(nameless[self.worst]["deeds"][0].startswith("3 400 rows of relation file "))
        self.assertEqual(self.seawall("rescue", "transactions", "--table", "clients", check=False).code, 6)

    def test_the_moment_before_comes_back(self):
        self.accident()
        # Nothing is done unasked.
        self.assertIn("to go on without being asked", self.seawall("rescue").out)
        target = os.path.join(self.folder, "rescued")
        refused = self.seawall("rescue", "--undo", self.worst, "--to", target, check=False)
        self.assertEqual(refused.code, 2, refused)
        self.assertIn("--yes", refused.err)
        self.assertFalse(os.path.exists(target))
        self.assertEqual(self.seawall("rescue", "--undo", "99999", "--to", target, check=False).code, 3)

        done = self.seawall("--json", "rescue", "--undo", self.worst, "--to", target, "--yes").json()
        self.assertTrue(done["done"])
        self.assertEqual(done["restored"]["emptied"], ["public.sessions"])
        self.assertEqual([c["what"] for c in done["checks"] if not c["good"]], [])
        self.assertIn("3 400 rows here, 3 400 in the live server", done["checks"][1]["seen"])
        lost = {one["xid"] for one in done["lost"]["transactions"]}
        self.assertIn(self.drop, lost)
        self.assertIn(self.worst, lost)
        self.assertNotIn(self.prepared, lost)
        restored = self.cluster_at(target).start()
        content = restored.content()
        self.before["public.sessions"] = content["public.sessions"]
        self.assertEqual(content, self.before)
        self.assertEqual(restored.sql("select count(*) from sessions"), "0")
        restored.stop()

    def test_a_person_is_led_through(self):
        self.accident()
        target = os.path.join(self.folder, "led")
        master, slave = pty.openpty()
        listed = self.seawall("rescue", "transactions").out
        number = next(line.split()[0] for line in listed.split("\n") if f" {self.drop} " in line)
        os.write(master, f"{number}\n{target}\ny\n".encode())
        done = subprocess.run([harness.SEAWALL, "--policy", self.policy, "rescue"], stdin=slave, capture_output=True,
                              text=True, timeout=90)
        os.close(slave)
        os.close(master)
        self.assertEqual(done.returncode, 0, done)
        for words in ("snapshots", "log", "=", "last commit in the archive", "to just before which?", "into which new folder?",
                      "do it? [y/N]", "restored to", "emptied, as the policy says: public.sessions",
                      "good  public.invoices can be read: 40 rows here, no in the live server", "not in it: ",
                      "next", "seawall restore table TABLE --lsn"):
            self.assertIn(words, done.stdout)
        restored = self.cluster_at(target).start()
        self.assertEqual(restored.sql("select count(*) from invoices"), "40")
        self.assertEqual(restored.sql("select count(*) from clients where name = 'x'"), "3400")
        restored.stop()
        # No is no.
        master, slave = pty.openpty()
        other = os.path.join(self.folder, "other")
        os.write(master, b"1\n" + other.encode() + b"\nn\n")
        done = subprocess.run([harness.SEAWALL, "--policy", self.policy, "rescue"], stdin=slave, capture_output=True,
                              text=True, timeout=90)
        os.close(slave)
        os.close(master)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("nothing was done", done.stdout)
        self.assertFalse(os.path.exists(other))

    def test_a_hole_in_the_log_is_gone_over_and_told(self):
        self.primary.sql("insert into orders (what) values ('one')")
        first = self.archive_now(self.primary)
        self.primary.sql("insert into orders (what) values ('two')")
        second = self.archive_now(self.primary)
        behind = self.xid("delete from clients")
        self.archive_now(self.primary)
        path = [os.path.join(at, name) for at, _, names in os.walk(os.path.join(self.repository, "wal"))
                for name in names if name.startswith(second)]
        self.assertEqual(len(path), 1)
        os.remove(path[0])
        found = self.seawall("--json", "rescue", "transactions").json()
        self.assertEqual(len(found["gaps"]), 1, found["gaps"])
        self.assertIn(behind, [one["xid"] for one in found["transactions"]])
        self.assertNotEqual(first, second)
        refused = self.seawall("rescue", "--undo", behind, "--to", os.path.join(self.folder, "x"), "--yes", check=False)
        self.assertEqual(refused.code, 7, refused)
        self.assertIn("hole", refused.err)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "x")))


if __name__ == "__main__":
    main()
