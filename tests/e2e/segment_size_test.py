"""Clusters with other segment sizes than 16 MiB: pushed, fetched, streamed, a snapshot, restored."""

import os

from harness import LONG, ClusterTest, main, read


class SegmentSize(ClusterTest):
    def whole_way(self, megabytes):
        primary = self.make_cluster(options=(f"--wal-segsize={megabytes}",))
        primary.configure({"min_wal_size": f"{2 * megabytes}MB", "max_wal_size": f"{4 * megabytes + 64}MB"})
        self.write_policy(primary)
        primary.start()
        size = primary.sql("select setting::bigint >> 20 from pg_settings where name = 'wal_segment_size'")
        self.assertEqual(size, str(megabytes))
        self.seawall("apply")
        primary.sql("create table t as select i, md5(i::text) as body from generate_series(1, 50000) i")

        name = primary.sql("select pg_walfile_name(pg_current_wal_lsn())")
        self.archive_now(primary)
        got = os.path.join(self.folder, "got")
        self.seawall("wal", "get", name, got)
        self.assertEqual(os.path.getsize(got), megabytes << 20)
        self.assertTrue(read(got) == read(os.path.join(primary.data, "pg_wal", name)))

        snapshot = self.seawall("--json", "backup", "snapshots").json()
        self.assertEqual(snapshot["segment_bytes"], megabytes << 20)
        primary.sql("insert into t select i, 'archived' from generate_series(1, 1000) i")
        self.archive_now(primary)
        primary.sql("insert into t select i, 'streamed' from generate_series(1, 1000) i")
        self.seawall("wal", "receive", "--slot", "seawall", "--until-idle")
        before = primary.content()
        primary.stop("immediate")

        report = self.seawall("--json", "wal", "audit").json()[0]
        self.assertEqual((report["holes"], report["damage"]), ([], []))
        self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])
        self.assertEqual(self.restored("--at", "latest").content(), before)

    def test_of_64_mib(self):
        self.whole_way(64)

    def test_of_1_mib(self):
        self.whole_way(1)


if LONG:
    class LargestSegments(SegmentSize):
        def test_of_1_gib(self):
            self.whole_way(1024)


if __name__ == "__main__":
    main()
