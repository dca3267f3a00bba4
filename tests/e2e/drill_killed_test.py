"""A drill that is killed leaves nothing running once the next one, or `drill --clean`, was there."""

import glob
import os
import signal
import time

from drills import DrillTest
from harness import main

# The scratch folder has this as soon as the step has begun.
PHYSICAL_STEPS = {"fetch": "data", "replay": "recovery", "pages": "flipped", "ready": "server", "checks": "work",
                  "command": "work/begun"}
DUMP_STEPS = {"initdb": "data", "ready": "server", "fetch": "archive", "checks": "work", "command": "work/begun"}


class Killed(DrillTest):
    def kill_in(self, kind, marker):
        process = self.start_seawall("drill", kind)
        end = time.monotonic() + 60
        while not glob.glob(os.path.join(self.scratch, "drill-*", marker)):
            self.assertIsNone(process.poll(), process.returncode)
            self.assertLess(time.monotonic(), end, f"{marker} did not come")
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def test_at_each_step(self):
        self.make().protect()
        # A child that does not go when it is asked to.
        self.write_policy(self.primary, database="shop", layers=self.layers(), extra=self.extra(
            "  command: 'trap \"\" TERM HUP QUIT; test -z \"$SLEEP\" || { sleep 1000 & touch begun; wait; }'\n"))
        os.environ["SLEEP"] = "1"
        self.addCleanup(os.environ.pop, "SLEEP", None)
        for kind, steps in (("latest", PHYSICAL_STEPS), ("dump", DUMP_STEPS)):
            for step, marker in steps.items():
                with self.subTest(kind=kind, step=step):
                    self.kill_in(kind, marker)
                    cleaned = self.seawall("--json", "drill", "--clean").json()
                    self.assertEqual(len(cleaned["removed"]), 1, cleaned)
                    if step == "command":
                        self.assertTrue(cleaned["ended"], "the command slept on")
                    self.assert_nothing_left()
        # The next drill cleans up by itself.
        self.kill_in("latest", "work/begun")
        self.assertNotEqual(self.working_in_scratch(), [])
        del os.environ["SLEEP"]
        self.assertEqual(self.drill("latest")["outcome"], "passed")
        self.assertEqual(self.seawall("--json", "drill", "--clean").json(), {"removed": [], "ended": []})
        # A killed drill left no record; one that is told to stop leaves none, and nothing else.
        self.assertEqual(len(self.seawall("--json", "drill", "list").json()["drills"]), 1)
        os.environ["SLEEP"] = "1"
        process = self.start_seawall("drill", "dump")
        self.wait_for(lambda: glob.glob(os.path.join(self.scratch, "drill-*", "work/begun")), 60)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.finished(process).code, 9)
        self.assert_nothing_left()
        self.assertEqual(len(self.seawall("--json", "drill", "list").json()["drills"]), 1)

    def test_two_at_once_leave_each_other_alone(self):
        self.make().protect()
        first = self.start_seawall("--json", "drill", "latest")
        second = self.start_seawall("--json", "drill", "dump")
        for process in (first, second):
            done = self.finished(process, 120)
            self.assertEqual(done.code, 0, done)
        self.assert_nothing_left()


if __name__ == "__main__":
    main()
