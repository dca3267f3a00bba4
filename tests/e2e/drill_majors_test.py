"""A dump goes into newer majors of PostgreSQL: the portable archive, rehearsed."""

import os

import majors
from drills import DrillTest
from harness import MAJOR, main

NEWER = [major for major in (17, 18) if major > int(MAJOR)]


class Majors(DrillTest):
    def test_the_newest_dump_into_newer_majors(self):
        programs = {major: majors.programs_of(major) for major in NEWER}
        self.make()
        self.sql("drop extension pg_trgm")  # these servers come without contrib
        self.protect()
        for major in NEWER:
            record = self.drill("major", "--major", str(major), "--pg-bin", programs[major])
            self.assertEqual((record["kind"], record["major"]), ("major", major))
            self.assertIn("each as", self.check_of(record, "tables")["seen"])
            self.assertEqual(self.check_of(record, "sequences")["verdict"], "passed")
            self.assertEqual(self.check_of(record, "roles")["verdict"], "passed")
        # The newest other one is chosen where there is one.
        record = self.drill("major", "--pg-bin", programs[NEWER[-1]])
        self.assertEqual(record["major"], NEWER[-1])
        # A major that this host does not have.
        record = self.drill("major", "--major", "14", code=3)
        self.assertEqual((record["failed_step"], record["error_kind"]), ("ready", "absent"))
        self.assertIn("no PostgreSQL 14", record["error"])
        self.assertEqual(os.listdir(self.scratch), [])


if __name__ == "__main__":
    main()
