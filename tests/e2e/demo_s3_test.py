"""The demo with buckets of two regions, on a small database: it ends well, and leaves nothing behind."""

import signal
import subprocess
import unittest

from demo_test import RUN, SEAWALL, SECONDS_MAX, DemoTest
from services import fetched, wait_until


class DemoInBuckets(DemoTest):
    places = "buckets"

    def test_ends_well_and_leaves_nothing_behind(self):
        done = self.run_demo()
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("nothing left behind", done.stdout)
        self.assertEqual(done.stdout.count("with the same rows and the same content"), 2, done.stdout)
        self.assertNotIn("DIFFERENT", done.stdout)
        self.assertNotIn("\x1b", done.stdout, "colours belong on a terminal")
        # In this order: tried, copied, replaced, and restored from what is left.
        at = -1
        for words in ("probe write-once", "seawall replicate dumps", "seawall key rotate", "seawall key rewrap",
                      "seawall restore --at", "seawall verify", "The first region is gone",
                      "--from-replica --into", "The strategy, and what was measured"):
            found = done.stdout.find(words, at + 1)
            self.assertGreater(found, at, words + "\n" + done.stdout)
            at = found
        self.assertRegex(done.stdout, "Write-once bucket .* tries refused, .* none succeeded")
        self.assertNotIn("aws_secret_access_key", done.stdout)
        self.assert_nothing_left()

    def test_a_failure_is_said_and_leaves_nothing_behind(self):
        done = self.run_demo(DEMO_SPOIL="UPDATE public.client_templates SET name = name || '?' WHERE id = 7")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("public.client_templates: DIFFERENT: content", done.stdout)
        self.assertIn("the demo FAILED", done.stdout)
        self.assert_nothing_left()

    def test_who_gives_up_while_the_regions_come_up_leaves_nothing_behind(self):
        with subprocess.Popen([RUN, SEAWALL, self.places], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=self.environment({})) as demo:
            line = ""
            while "The database of a company" not in line:
                line = demo.stdout.readline()
                self.assertNotEqual(line, "", "it ended")
            demo.send_signal(signal.SIGTERM)
            demo.communicate(timeout=SECONDS_MAX)
        self.assertEqual(demo.returncode, 130)
        wait_until(lambda: not self.left(), 20, "nothing is left")


if __name__ == "__main__":
    fetched("moto")
    unittest.main(verbosity=2)
