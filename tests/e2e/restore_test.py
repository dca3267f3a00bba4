"""Restores to every kind of target, through a fork, with tablespaces, onto what is there, and what is refused."""

import json
import os
import random

from harness import ClusterTest, main


class Restore(ClusterTest):
    exclude = ("public.sessions",)

    def make(self):
        self.primary = self.make_cluster()
        self.write_policy(self.primary)
        self.primary.start()
        self.seawall("apply")
        self.primary.sql("create table t (id int primary key, body text); create table sessions (token text); "
                         "insert into sessions values ('secret'); create unlogged table scratch (i int); "
                         "insert into scratch values (1); "
                         "insert into t select i, repeat(md5(i::text), 10) from generate_series(1, 10000) i")
        self.seawall("backup", "snapshots")

    def insert(self, note):
        return self.primary.sql(f"insert into t select max(id) + 1, '{note}' from t returning xmin")

    def notes(self, cluster):
        return cluster.sql("select body from t where length(body) < 100 order by id").split()

    def test_lsn_xid_name_and_snapshot(self):
        self.make()
        self.insert("one")
        lsn = self.primary.sql("select pg_current_wal_insert_lsn()")
        xid = self.insert("two").split()[0]
        self.primary.sql("select pg_create_restore_point('before three')")
        self.insert("three")
        self.archive_now(self.primary)
        for number, (arguments, expected) in enumerate([
                (("--lsn", lsn), ["one"]), (("--xid", xid), ["one", "two"]),
                (("--name", "before three"), ["one", "two"]), (("--at", "latest"), ["one", "two", "three"]),
                (("--snapshot", self.seawall("--json", "list").json()["snapshots"][0]["id"]), [])]):
            restored = self.restored(*arguments, name=f"restored{number}")
            self.assertEqual(self.notes(restored), expected, arguments)
            self.assertEqual(restored.sql("select count(*) from sessions"), "0")
            self.assertEqual(restored.sql("select count(*) from scratch"), "0")
            self.assertEqual(restored.sql("show archive_mode"), "off")
            with open(os.path.join(restored.data, "seawall-restored.json")) as file:
                told = json.load(file)
            self.assertEqual((told["state"], told["emptied"], told["archiving"]), ("finished", ["public.sessions"], "off"))
            restored.stop()

    def test_a_target_that_no_record_follows(self):
        """Recovery stops at the first record behind its target; here the log has none."""
        self.make()
        self.insert("one")
        switch = self.archive_now(self.primary)
        end = (int(switch[8:16], 16) << 32) + (int(switch[16:], 16) + 1) * (16 << 20)
        last = self.seawall("--json", "status").json()["last_transaction"]
        for name, arguments in (("lsn", ("--lsn", f"{end >> 32:X}/{end & 0xffffffff:X}")), ("time", ("--at", last))):
            restored = self.restored(*arguments, name=name)
            self.assertEqual(self.notes(restored), ["one"])
            self.assertEqual(restored.sql("select count(*) from archive_tick"), "1")
            restored.stop()

    def test_what_is_refused_is_refused_before_a_byte_moves(self):
        self.make()
        self.insert("one")
        self.archive_now(self.primary)
        target = os.path.join(self.folder, "restored")
        for arguments, words in [(("--at", "2026-11-22 14:03:07"), "zone"), (("--at", "2099-01-01T00:00:00Z"), "latest"),
                                 (("--at", "2001-01-01T00:00:00Z"), "window"), (("--lsn", "FF/0"), "end of the archived log"),
                                 (("--name", "never made"), "never made"), (("--snapshot", "20010101T000000Z"), "no snapshot")]:
            refused = self.seawall("restore", "--to", target, *arguments, check=False)
            self.assertIn(refused.code, (2, 3), refused)
            self.assertIn(words, refused.err)
            self.assertFalse(os.path.exists(target), arguments)
        os.mkdir(target)
        with open(os.path.join(target, "precious"), "w") as file:
            file.write("do not touch")
        self.assertEqual(self.seawall("restore", "--to", target, "--at", "latest", check=False).code, 5)
        self.assertEqual(os.listdir(target), ["precious"])
        running = self.seawall("restore", "--to", self.primary.data, "--at", "latest", "--delta", check=False)
        self.assertEqual(running.code, 5, running)
        self.assertIn("a server runs", running.err)

    def test_a_tablespace_goes_where_it_is_told(self):
        self.primary = self.make_cluster()
        self.write_policy(self.primary)
        self.primary.start()
        self.seawall("apply")
        space = os.path.join(self.folder, "space")
        os.mkdir(space)
        self.primary.sql(f"create tablespace fast location '{space}'")
        self.primary.sql("create table t (i int) tablespace fast; insert into t select generate_series(1, 5000)")
        self.seawall("backup", "snapshots")
        self.archive_now(self.primary)
        oid = self.primary.sql("select oid from pg_tablespace where spcname = 'fast'")
        refused = self.seawall("restore", "--to", os.path.join(self.folder, "r"), "--at", "latest", check=False)
        self.assertEqual(refused.code, 5, refused)
        self.assertIn(f"--tablespace {oid}=", refused.err)
        elsewhere = os.path.join(self.folder, "elsewhere")
        restored = self.restored("--at", "latest", "--tablespace", f"{oid}={elsewhere}")
        self.assertEqual(restored.sql("select count(*) from t"), "5000")
        self.assertEqual(restored.sql("select pg_tablespace_location(oid) from pg_tablespace where spcname = 'fast'"), elsewhere)

    def test_through_a_fork_and_never_onto_the_wrong_branch(self):
        self.make()
        self.insert("common")
        lsn = self.primary.sql("select pg_current_wal_insert_lsn()")
        self.insert("lost")
        self.archive_now(self.primary)
        self.primary.stop()
        second = self.restored("--lsn", lsn, name="second", start=False)
        self.archive_from(second)
        with open(os.path.join(second.data, "postgresql.auto.conf"), "a") as conf:
            conf.write("archive_mode = 'on'\n")
        second.start()
        self.primary = second
        self.insert("new")
        self.archive_now(second)
        ambiguous = self.seawall("restore", "--to", os.path.join(self.folder, "x"), "--at", "latest", check=False)
        self.assertEqual(ambiguous.code, 2, ambiguous)
        self.assertIn("--timeline", ambiguous.err)
        on_two = self.restored("--at", "latest", "--timeline", "2", name="two")
        self.assertEqual(self.notes(on_two), ["common", "new"])
        on_two.stop()
        on_one = self.restored("--at", "latest", "--timeline", "1", name="one")
        self.assertEqual(self.notes(on_one), ["common", "lost"])

    def test_delta_mends_a_damaged_data_directory(self):
        self.make()
        self.insert("one")
        self.archive_now(self.primary)
        restored = self.restored("--at", "latest", start=False)
        dice = random.Random(3)
        base = os.path.join(restored.data, "base")
        files = [os.path.join(folder, name) for folder, _, names in os.walk(base) for name in names]
        for path in dice.sample([f for f in files if os.path.getsize(f) > 8192], 10):
            with open(path, "r+b") as file:
                file.seek(dice.randrange(os.path.getsize(path) - 4000))
                file.write(os.urandom(3000))
        os.remove(dice.choice([f for f in files if os.path.getsize(f) > 0]))
        with open(os.path.join(base, "stranger"), "w") as file:
            file.write("not of this cluster")
        self.seawall("restore", "--to", restored.data, "--at", "latest", "--delta")
        self.assertFalse(os.path.exists(os.path.join(base, "stranger")))
        restored.start()
        self.assertEqual(self.notes(restored), ["one"])
        restored.sql("create extension amcheck; select bt_index_check(c.oid) from pg_class c join pg_am a on a.oid = c.relam "
                     "where a.amname = 'btree' and c.relkind = 'i' and c.relpersistence = 'p'")


if __name__ == "__main__":
    main()
