"""A host whose clock is off its store's, slots at three and when the clocks change, time that goes back."""

import datetime
import os
import time

from faketime import faked
from harness import ClusterTest, main


def seconds_until(moment):
    return round(datetime.datetime.fromisoformat(moment).timestamp() - time.time())


class Clocks(ClusterTest):
    def make(self, layers=None, timezone="Asia/Singapore", env=None):
        self.primary = self.make_cluster()
        self.write_policy(self.primary, layers=layers, timezone=timezone)
        self.primary.start(env=env)
        self.seawall("apply")
        self.primary.sql("create table t (id serial primary key, note text)")

    def insert(self, note):
        self.primary.sql(f"insert into t (note) values ('{note}')")

    def snapshot_at(self, moment, *arguments):
        """The snapshot of the slot that is due then; nothing if it is there already."""
        taken = self.seawall("--json", "backup", "snapshots", *arguments, env=faked(seconds_until(moment))).json()
        return taken and taken["id"]

    def test_a_host_that_is_off_its_store_claims_and_deletes_nothing(self):
        self.make()
        for seconds in (120, -120, 7200):
            wrong = faked(seconds, files_too=False)
            for command in (("backup", "snapshots"), ("backup", "snapshots", "--tier", "nightly"),
                            ("prune", "--apply")):
                refused = self.seawall(*command, env=wrong, check=False)
                self.assertEqual(refused.code, 2, (seconds, refused))
                self.assertIn("clock", refused.err)
        self.assertFalse(os.path.exists(os.path.join(self.repository, "claims")))
        self.assertEqual(self.seawall("--json", "list").json()["snapshots"], [])
        for seconds in (30, -30):
            self.seawall("backup", "snapshots", env=faked(seconds, files_too=False))
        # The log is archived by any clock: losing it would be worse.
        self.insert("one")
        name = self.primary.sql("select pg_walfile_name(pg_current_wal_lsn())")
        self.primary.stop("immediate")
        self.seawall("wal", "push", f"pg_wal/{name}", cwd=self.primary.data, env=faked(7200, files_too=False))

    def test_a_nightly_slot_begins_at_three_where_the_policy_is(self):
        self.make()
        nightly = ("--tier", "nightly")
        self.assertEqual(self.snapshot_at("2027-01-10T02:59:00+08:00", *nightly), "20270108T190000Z")
        self.assertEqual(self.snapshot_at("2027-01-10T03:00:05+08:00", *nightly), "20270109T190000Z")
        self.assertIsNone(self.snapshot_at("2027-01-10T03:10:00+08:00", *nightly))
        self.assertIsNone(self.snapshot_at("2027-01-11T02:50:00+08:00", *nightly))
        # The clock goes back to a day that has its snapshot, and forward again over a day without.
        self.assertIsNone(self.snapshot_at("2027-01-09T12:00:00+08:00", *nightly))
        self.assertEqual(self.snapshot_at("2027-01-13T12:00:00+08:00", *nightly), "20270112T190000Z")
        self.assertEqual(len(self.seawall("--json", "list").json()["snapshots"]), 3)

    def test_each_day_has_its_slot_once_when_the_clocks_change(self):
        layers = ('  snapshots:\n    nightly: { at: "01:30", retain: 30d }\n'
                  '    weekly: { at: "Sun 01:30", retain: 12w }\n')
        self.make(layers, timezone="Europe/London")
        nightly, weekly = ("--tier", "nightly"), ("--tier", "weekly")
        # 28 March: from 01:00 on it is 02:00.
        self.assertEqual(self.snapshot_at("2027-03-28T00:59:00+00:00", *nightly), "20270327T013000Z")
        self.assertEqual(self.snapshot_at("2027-03-28T01:00:10+00:00", *nightly), "20270328T010000Z")
        self.assertIsNone(self.snapshot_at("2027-03-28T01:31:00+00:00", *nightly))
        self.assertIsNone(self.snapshot_at("2027-03-28T01:31:00+00:00", *weekly))  # taken along: it was a Sunday
        # 31 October: 01:30 comes twice.
        self.assertEqual(self.snapshot_at("2027-10-31T00:29:00+00:00", *nightly), "20271030T003000Z")
        self.assertEqual(self.snapshot_at("2027-10-31T00:30:10+00:00", *nightly), "20271031T003000Z")
        self.assertIsNone(self.snapshot_at("2027-10-31T01:31:00+00:00", *nightly))
        tiers = {one["id"]: one["tiers"] for one in self.seawall("--json", "list").json()["snapshots"]}
        self.assertEqual([id for id, of in tiers.items() if "weekly" in of], ["20270328T010000Z", "20271031T003000Z"])

    def test_the_clock_jumps_back_between_two_snapshots(self):
        clock = os.path.join(self.folder, "clock")
        server = {**faked(3600), "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": "1"}
        del server["FAKETIME"], server["FAKE_FILES"]

        def set_clock(seconds):
            with open(clock + ".new", "w") as file:
                file.write(f"{seconds:+d}\n")
            os.rename(clock + ".new", clock)
        set_clock(3600)
        self.make(env=server)
        first = self.seawall("--json", "backup", "snapshots", env=faked(3600)).json()["id"]
        self.insert("an hour ahead")
        ahead = self.now()
        self.archive_now(self.primary)

        set_clock(0)
        self.assertLess(self.now(), ahead)
        between = self.now()
        self.insert("back")
        self.primary.sql("select pg_sleep(1.1)")
        second = self.seawall("--json", "backup", "snapshots").json()["id"]
        self.assertLess(second, first)
        self.insert("after it")
        self.primary.sql("select pg_sleep(1.1)")
        moment = self.now()
        self.insert("last")
        self.archive_now(self.primary)

        self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])
        latest = self.restored("--at", "latest")
        self.assertEqual(latest.content(), self.primary.content())
        latest.stop("immediate")
        at_moment = self.restored("--at", moment, name="moment")
        self.assertEqual(at_moment.sql("select note from t order by id").split("\n"),
                         ["an hour ahead", "back", "after it"])
        # Moments whose place in the log nobody can tell are refused.
        for unclear in (between, ahead):
            refused = self.seawall("restore", "--at", unclear, "--to", os.path.join(self.folder, "x"), check=False)
            self.assertEqual(refused.code, 2, refused)

    def now(self):
        return self.primary.sql("select to_char(clock_timestamp(), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")


if __name__ == "__main__":
    main()
