"""The weekly drill in its slot: due, held once by whoever claims it, missed; the daemon holds it, too."""

import datetime
import glob
import os

from drills import DrillTest
from harness import main

HOUR = datetime.timedelta(hours=1)


class Due(DrillTest):
    def weekly_before(self, past):
        """A slot of the weekly drill that was so long ago, in the policy's zone."""
        at = datetime.datetime.now(datetime.timezone(8 * HOUR)) - past
        return at.strftime("%a %H:%M")

    def promised(self, past):
        self.slot = self.weekly_before(past)
        self.make().protect()
        [kept] = glob.glob(os.path.join(self.repository, "policies/*.json"))
        self.edit_record(kept, lambda body: body.update(at="2026-01-01T00:00:00.000000Z"))

    def extra(self, more=""):
        return super().extra(more).replace("Sun 06:00", self.slot)

    def row(self):
        return next(row for row in self.seawall("--json", "status", check=False).json()["rows"] if row["layer"] == "drill")

    def test_a_slot_is_held_once(self):
        self.promised(HOUR)
        due = self.seawall("--json", "drill", "due", check=False)
        self.assertEqual((due.code, due.json()["weekly"]["state"]), (1, "due"), due)
        self.assertEqual(self.row()["state"], "due")
        # Two hosts, say.
        both = [self.start_seawall("--json", "drill", "--if-due") for _ in range(2)]
        answers = [self.finished(process, 120) for process in both]
        self.assertEqual([done.code for done in answers], [0, 0], answers)
        held = [done.json() for done in answers if "outcome" in done.json()]
        self.assertEqual(len(held), 1, answers)
        self.assertEqual((held[0]["outcome"], held[0]["kind"]), ("passed", "latest"))
        self.assertIsNotNone(held[0]["slot"])
        self.assertIn("no drill is due", self.seawall("drill", "--if-due").out)
        self.assertEqual(self.seawall("drill", "due").code, 0)
        self.assertEqual(self.row()["state"], "ok")
        self.assert_nothing_left()

    def test_one_that_nobody_held_is_missed_until_somebody_does(self):
        self.promised(5 * HOUR)
        self.assertEqual([one["severity"] for one in self.findings("was not held")], ["critical"])
        self.assertEqual(self.row()["state"], "missed")
        self.drill("--if-due")
        self.assertEqual(self.findings("was not held"), [])

    def test_the_daemon_holds_it(self):
        self.promised(HOUR)
        done = self.seawall("run", "--once", check=False, timeout=120)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.newest()["outcome"], "passed")
        self.assertEqual(self.row()["state"], "ok")
        self.assert_nothing_left()


if __name__ == "__main__":
    main()
