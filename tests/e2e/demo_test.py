"""The demo, on a small database: it ends well, and leaves nothing behind."""

import os
import subprocess
import tempfile
import unittest

SEAWALL = os.path.abspath(os.environ.get("SEAWALL", "build/release/seawall"))
RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/demo/run.sh")
SECONDS_MAX = 600


def processes_of(folder):
    """Command lines of all processes that were started with something in this folder, or that are in it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode(errors="replace")
            place = os.readlink(f"/proc/{pid}/cwd")
        except OSError:  # it has ended meanwhile, or is another user's
            continue
        if folder in line or place.startswith(folder):
            found.append(line)
    return found


class DemoTest(unittest.TestCase):
    """A demo in a folder of its own; demo_s3_test.py has other places."""

    places = "folders"

    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="demo-test-", dir="/tmp")
        self.addCleanup(place.cleanup)
        self.folder = place.name
        os.chmod(self.folder, 0o1777)  # root's demo runs as another user

    def run_demo(self, **environment):
        return subprocess.run([RUN, SEAWALL, self.places], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=SECONDS_MAX, env=self.environment(environment))

    def environment(self, more):
        return {**os.environ, "DEMO_SCALE": "0.05", "TMPDIR": self.folder, **more}

    def left(self):
        return os.listdir(self.folder) + processes_of(self.folder)

    def assert_nothing_left(self):
        self.assertEqual(self.left(), [])


class Demo(DemoTest):
    def test_ends_well_and_leaves_nothing_behind(self):
        done = self.run_demo()
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("nothing left behind", done.stdout)
        self.assertEqual(done.stdout.count("with the same rows and the same content"), 2, done.stdout)
        self.assertNotIn("DIFFERENT", done.stdout)
        self.assertNotIn("\x1b", done.stdout, "colours belong on a terminal")
        self.assert_nothing_left()

    def test_a_failure_is_said_and_leaves_nothing_behind(self):
        # A row that is changed behind the demo's back, in the restored cluster, must be noticed.
        done = self.run_demo(DEMO_SPOIL="UPDATE public.client_templates SET name = name || '?' WHERE id = 7")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("public.client_templates: DIFFERENT: content", done.stdout)
        self.assertIn("the demo FAILED", done.stdout)
        self.assert_nothing_left()


if __name__ == "__main__":
    unittest.main(verbosity=2)
