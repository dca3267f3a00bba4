"""The escape hatch: tools/without-seawall and PostgreSQL's programs bring a cluster back; seawall itself is gone."""

import glob
import json
import os
import re
import shutil
import subprocess

import harness
from harness import Cluster, ClusterTest, main, read, run

TOOLS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "tools",
                     "without-seawall")
CHECK = "sed '1d;$d' \"$0\" | head -c -1 | sha256sum | cut -c 1-64"


class EscapeHatch(ClusterTest):
    """A cluster that is backed up, then lost with seawall; and the way back by hand."""

    def setUp(self):
        super().setUp()
        # The checkout may be root's: what the tests run as postgres is a copy.
        self.tools = os.path.join(self.folder, "tools")
        shutil.copytree(TOOLS, self.tools)

    def make(self):
        self.primary = self.make_cluster()
        outside = os.path.join(self.folder, "etc", "pg_hba.conf")
        os.mkdir(os.path.dirname(outside))
        shutil.move(os.path.join(self.primary.data, "pg_hba.conf"), outside)
        self.primary.configure({"hba_file": outside})
        self.write_policy(self.primary)
        self.primary.start()
        self.seawall("apply")
        self.space = os.path.join(self.folder, "space")
        os.mkdir(self.space, 0o700)
        self.primary.sql(f"create tablespace fast location '{self.space}'")
        self.primary.sql("create database second")
        self.primary.sql("create table plain (id int primary key, body text); "
                         "create table placed (id int primary key, body text) tablespace fast; "
                         "create unlogged table fleeting as select 1 as i; "
                         "insert into plain select i, repeat(md5(i::text), 30) from generate_series(1, 20000) i; "
                         "insert into placed select i, md5((i * 7)::text) from generate_series(1, 5000) i; "
                         "create table wide as select i, array_agg(random()) as numbers from generate_series(1, 50) i, "
                         "generate_series(1, 3000) group by i")
        self.primary.sql("create table here as select i from generate_series(1, 1000) i", "second")
        self.first = self.snapshot()
        self.primary.sql("update plain set body = 'changed' where id % 400 = 0; delete from placed where id < 100; "
                         "create table empty (i int)")
        self.primary.sql("select pg_switch_wal()")
        self.second = self.snapshot()
        self.primary.sql("insert into placed select i, 'behind the snapshot' from generate_series(10000, 11000) i")
        self.primary.sql("select pg_sleep(0.1)")
        self.moment = self.primary.sql("select now()")
        self.at_moment = self.content(self.primary)
        self.primary.sql("select pg_sleep(0.1)")
        self.primary.sql("truncate placed; insert into plain values (0, 'after'); select pg_switch_wal()")
        self.primary.sql("drop table here", "second")

    def snapshot(self):
        # One second passes, as a snapshot asked for by hand is named after the second it begins in.
        self.primary.sql("select pg_sleep(1)")
        return self.seawall("--json", "backup", "snapshots").json()["id"]

    def content(self, cluster):
        tables = {name: cluster.content(name) for name in ("postgres", "second")}
        del tables["postgres"]["public.fleeting"]  # unlogged: empty after recovery
        return tables

    def end(self):
        """The primary's last state, in the archive; the primary and seawall end here."""
        last = self.content(self.primary)
        name = self.primary.sql("select pg_walfile_name(pg_switch_wal())")
        self.wait_for(lambda: self.primary.sql("select last_archived_wal from pg_stat_archiver") >= name, what=name)
        self.away()
        return last

    def away(self):
        self.oid = self.primary.sql("select oid from pg_tablespace where spcname = 'fast'")
        self.primary.stop("immediate")
        shutil.move(self.primary.data, self.primary.data + "-lost")
        shutil.move(self.space, self.space + "-lost")
        shutil.move(os.path.join(self.folder, "etc"), os.path.join(self.folder, "etc-lost"))
        os.rename(harness.SEAWALL, harness.SEAWALL + ".gone")
        self.addCleanup(os.rename, harness.SEAWALL + ".gone", harness.SEAWALL)
        self.assertIsNone(shutil.which("seawall"))

    def restored_by_hand(self, snapshot, name, settings=(), spaces=None):
        data = os.path.join(self.folder, name)
        spaces = [f"--tablespace={self.oid}={data}.space"] if spaces is None else spaces
        said = run(f"{self.tools}/restore.py", self.repository, snapshot, data, *spaces).out
        hba = re.search(r"etc/pg_hba.conf is now (\S+)", said).group(1)
        epoch = re.search(r"from (\S+)$", said.strip()).group(1)
        folder = os.path.join(self.folder, name + "-run")
        os.mkdir(folder)
        with open(os.path.join(data, "postgresql.auto.conf"), "a") as conf:
            for key, value in {"restore_command": f"{self.tools}/restore_command.sh {epoch} %f %p",
                               "recovery_target_action": "promote", "archive_mode": "off", "hba_file": hba,
                               "unix_socket_directories": folder, **dict(settings)}.items():
                conf.write(f"{key} = '{value}'\n")
        open(os.path.join(data, "recovery.signal"), "w").close()
        cluster = Cluster(folder)
        cluster.data = data
        self.clusters.append(cluster)
        cluster.start()
        self.wait_for(lambda: cluster.sql("select pg_is_in_recovery()") == "f", what="the end of recovery")
        return cluster

    def check_pages(self, cluster):
        cluster.stop()
        run("pg_checksums", "--check", "-D", cluster.data)


class WithoutSeawall(EscapeHatch):
    def test_the_newest_snapshot_and_wal_to_the_end(self):
        self.make()
        last = self.end()
        restored = self.restored_by_hand(self.second, "restored")
        self.assertEqual(self.content(restored), last)
        self.assertEqual(restored.sql("select count(*) from fleeting"), "0")
        where = restored.sql(f"select pg_tablespace_location({self.oid})")
        self.assertEqual(where, os.path.join(self.folder, "restored.space"))
        self.check_pages(restored)

    def test_the_first_snapshot_and_wal_to_a_moment(self):
        self.make()
        self.end()
        restored = self.restored_by_hand(self.first, "restored", {"recovery_target_time": self.moment}, spaces=[])
        self.assertEqual(self.content(restored), self.at_moment)
        self.assertEqual(restored.sql(f"select pg_tablespace_location({self.oid})"), self.space)
        self.check_pages(restored)

    def test_chunks_of_a_segment_that_was_never_finished(self):
        self.make()
        self.seawall("wal", "receive", "--slot", "seawall", "--until-idle")
        self.primary.sql("insert into plain values (-1, 'streamed only')")
        last = self.content(self.primary)
        self.seawall("wal", "receive", "--slot", "seawall", "--until-idle")
        self.assertTrue(glob.glob(self.repository + "/wal/0001/*/*/*.d/*-*.zst"))
        self.away()
        restored = self.restored_by_hand(self.second, "restored")
        self.assertEqual(self.content(restored), last)

    def test_a_damaged_wal_object_stops_recovery_and_an_absent_one_is_told_apart(self):
        self.make()
        self.end()
        wal = os.path.join(self.repository, "wal", "0001")
        to = os.path.join(self.folder, "to")
        stored = sorted(glob.glob(wal + "/*/*/" + "[0-9A-F]" * 24 + ".zst"))[-1]
        name = os.path.basename(stored)[:-4]
        command = os.path.join(self.tools, "restore_command.sh")
        self.assertEqual(run(command, wal, name, to).code, 0)
        self.assertEqual(run(command, wal, name[:-2] + "FF", to, check=False).code, 1)
        self.assertEqual(run(command, wal, "00000002.history", to, check=False).code, 1)
        with open(stored, "r+b") as file:
            file.seek(os.path.getsize(stored) - 8)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))  # one bit
        self.assertGreater(run(command, wal, name, to, check=False).code, 125)

    def test_wal_objects_are_the_segments(self):
        self.make()
        name = self.primary.sql("select pg_walfile_name(pg_switch_wal())")
        self.wait_for(lambda: self.primary.sql("select last_archived_wal from pg_stat_archiver") >= name, what=name)
        compared = 0
        for stored in glob.glob(self.repository + "/wal/0001/*/*/*.zst"):
            name = os.path.basename(stored)[:-4]
            folder = os.path.basename(os.path.dirname(stored)), os.path.basename(os.path.dirname(os.path.dirname(stored)))
            self.assertEqual(folder, (name[8:16], name[:8]))
            segment = os.path.join(self.primary.data, "pg_wal", name)
            if os.path.exists(segment):
                content = subprocess.run(["zstd", "-dcq", stored], stdout=subprocess.PIPE, check=True).stdout
                self.assertEqual(content, read(segment), name)
                compared += 1
        self.assertGreater(compared, 2)

    def test_json_objects_are_read_by_jq_and_checked_by_sha256sum(self):
        self.make()
        self.seawall("backup", "snapshots", "--tier", "nightly")
        self.seawall("verify")
        pack = glob.glob(self.repository + "/packs/0001/*.zst")[0]
        stray = os.path.join(os.path.dirname(pack), "0" * 32 + ".zst")
        shutil.copy(pack, stray)
        os.utime(stray, (1, 1))
        self.seawall("prune", "--apply")
        kinds = {}
        for path in glob.glob(self.repository + "/**/*.json", recursive=True):
            kind, version, said = run("jq", "-r", "[.seawall, .version, .sha256] | @tsv", path).out.split()
            self.assertEqual(version, "1", path)
            self.assertEqual(run("sh", "-c", CHECK, path).out.strip(), said, path)
            kinds.setdefault(kind, set()).update(json.loads(run("jq", "-c", ".body | keys", path).out))
        # Members that docs/formats/ names, and no others.
        self.assertEqual({kind: " ".join(sorted(names)) for kind, names in kinds.items()}, {
            kind: " ".join(sorted(names.split())) for kind, names in {
                "repository": "id created encryption",
                "hash-key": "key",
                "epoch": "number system_identifier major segment_bytes timeline begins_at created reason",
                "snapshot": "id run slot tiers epoch system_identifier major catalog_version segment_bytes checksums base from access "
                            "started stopped timeline start_lsn checkpoint_lsn stop_lsn backup_label tablespace_map "
                            "tablespaces external control_file bootstrap_role settings totals shards packs suspects damaged",
                "claim": "run slot attempt host nonce at base",
                "run": "run lane slot attempt started ended outcome error details",
                "condemned": "at not_before keys",
                "policy": "at text",
                "verification": "at objects bytes blocks damage",
            }.items()})

    def test_a_damaged_pack_is_not_restored_silently(self):
        self.make()
        self.end()
        pack = max(glob.glob(self.repository + "/packs/0001/*.zst"), key=os.path.getsize)
        with open(pack, "r+b") as file:
            file.seek(os.path.getsize(pack) // 2)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))
        data = os.path.join(self.folder, "restored")
        done = run(f"{self.tools}/restore.py", self.repository, self.first, data, f"--tablespace={self.oid}={data}.space",
                   check=False)
        self.assertNotEqual(done.code, 0)
        self.assertIn("damaged", done.err)
        self.assertFalse(os.path.exists(os.path.join(data, "global", "pg_control")))


if __name__ == "__main__":
    main()
