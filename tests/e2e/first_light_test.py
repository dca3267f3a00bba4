"""The thinnest whole path: WAL archived, a snapshot, a restore compared."""

from harness import ClusterTest, main


class FirstLight(ClusterTest):
    def test_a_cluster_comes_back_to_a_moment(self):
        primary = self.make_cluster()
        self.write_policy(primary)
        primary.start()
        self.seawall("apply")
        primary.sql("create table notes (id int primary key, body text); "
                    "insert into notes select i, repeat(md5(i::text), 20) from generate_series(1, 20000) i")
        first = self.seawall("--json", "backup", "snapshots").json()
        self.assertEqual(first["from"], "primary")
        primary.sql("insert into notes values (20001, 'before the disaster')")
        primary.sql("select pg_sleep(1.1)")
        moment = primary.sql("select to_char(now(), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
        before = primary.content()
        primary.sql("select pg_sleep(0.1)")
        primary.sql("update notes set body = 'oops'")
        primary.sql("insert into notes values (20002, 'later')")
        self.archive_now(primary)
        restored = self.restored("--at", moment)
        self.assertEqual(restored.content(), before)


if __name__ == "__main__":
    main()
