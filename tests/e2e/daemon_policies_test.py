"""The daemon while its policies change, break, go and come; a fleet of them."""

import os
import shutil
import signal
import time

import harness
from daemons import SLOT, DaemonTest
from harness import main


class Policies(DaemonTest):
    def test_a_policy_that_breaks_leaves_the_old_one_running(self):
        self.make("2028-02-28T12:00:00+08:00")
        daemon = self.start_daemon()
        self.wait_ready(daemon)
        good = harness.read(self.policy).decode()

        def state():
            return daemon.state()["policies"][0]
        with open(self.policy, "w") as file:
            file.write(good.replace("retain: 30d", "retian: 30d"))
        daemon.signal(signal.SIGHUP)
        self.wait_for(lambda: state()["broken"], what="the broken policy told")
        self.assertIn("retian", state()["broken"])
        self.assertIn("error", daemon.log())
        self.assertEqual(daemon.get("/readyz")[0], 200)
        self.assertIn('seawall_daemon_policy_broken{policy="test"', daemon.get("/metrics")[1])
        # The old one is carried out: at 03:00 as it says.
        self.clock.set("2028-02-29T02:59:58+08:00")
        self.wait_for(lambda: self.records("snapshots-nightly", SLOT) == ["ok"], what="the snapshot")

        # Without any signal, a file that is whole is found within seconds, and is kept as a version.
        with open(self.policy, "w") as file:
            file.write(good.replace('at: "03:30"', 'at: "04:30"'))
        self.wait_for(lambda: state()["broken"] is None and "read anew" in daemon.log(), what="the new policy")
        versions = os.path.join(self.repository, "policies")
        self.wait_for(lambda: len(os.listdir(versions)) == 2, what="a second version kept")
        self.clock.set("2028-02-29T03:31:00+08:00")
        time.sleep(3)
        self.assertEqual(self.claims("dumps-nightly", "20280228T193000Z"), [])
        self.clock.set("2028-02-29T04:29:58+08:00")
        self.wait_for(lambda: self.records("dumps-nightly", "20280228T203000Z") == ["ok"], what="the dump at its new time")
        # A file that is gone is a broken one.
        os.rename(self.policy, self.policy + ".away")
        daemon.signal(signal.SIGHUP)
        self.wait_for(lambda: state()["broken"], what="the absent policy told")
        os.rename(self.policy + ".away", self.policy)
        daemon.signal(signal.SIGHUP)
        self.wait_for(lambda: state()["broken"] is None, what="the policy found again")
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.ended(), 0, daemon.log())

    def test_a_fleet_goes_on_without_the_one_that_is_broken(self):
        self.make("2028-02-28T12:00:00+08:00")
        fleet = os.path.join(self.folder, "policies")
        os.mkdir(fleet)
        empty = self.faked("run", fleet, check=False)
        self.assertEqual(empty.code, 3, empty)
        self.assertIn("no policy in", empty.err)
        with open(os.path.join(fleet, "bad.yaml"), "w") as file:
            file.write("version: 1\n")
        only_bad = self.faked("run", fleet, check=False)
        self.assertEqual(only_bad.code, 2, only_bad)

        shutil.copy(self.policy, os.path.join(fleet, "one.yaml"))
        daemon = self.start_daemon(policy=fleet)
        self.wait_for(lambda: len(daemon.state()["policies"]) == 2, what="both policies")
        # A second database of its own comes along.
        other = self.make_cluster("other", port=5433, archive=False)
        first_policy, self.policy = self.policy, os.path.join(self.folder, "other.yaml")
        first_repository, self.repository = self.repository, os.path.join(self.folder, "other-repository")
        self.archive_from(other)
        other.start()
        self.write_policy(other, layers='  pitr: { retain: 7d }\n  snapshots:\n    nightly: { at: "03:00", retain: 30d }\n')
        self.faked("apply")
        shutil.copy(self.policy, os.path.join(fleet, "two.yaml"))
        self.wait_for(lambda: len(daemon.state()["policies"]) == 3, what="the third policy")
        # One that would share a repository is told, and nothing of it is done.
        twin = os.path.join(fleet, "twin.yaml")
        shutil.copy(self.policy, twin)
        self.wait_for(lambda: any("twin.yaml" in (one["broken"] or "") for one in daemon.state()["policies"]), what="the twin told")
        self.assertIn(f"twin.yaml is in that of {fleet}/two.yaml", daemon.log())
        self.assertIn("a repository of its own", daemon.log())
        self.clock.set("2028-02-29T02:59:58+08:00")
        self.wait_for(lambda: self.records("snapshots-nightly", SLOT) == ["ok"], what="the other snapshot")
        self.policy, self.repository = first_policy, first_repository
        self.wait_for(lambda: self.records("snapshots-nightly", SLOT) == ["ok"], what="the snapshot")
        self.assertEqual(daemon.get("/readyz")[0], 503)  # one of them is not carried out
        self.assertIn("bad.yaml", daemon.get("/readyz")[1])
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.ended(), 0, daemon.log())


if __name__ == "__main__":
    main()
