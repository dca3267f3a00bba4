"""Another time for a program, by libfaketime (Debian: faketime). Timeouts go on to be measured by the true clock."""

import datetime
import glob
import os
import time

from harness import run

[LIBRARY] = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake_files.c")
with open(SOURCE) as file:
    SOURCE = file.read()  # while we may: whom the tests become may not see this folder


def files_library():
    """Built once, in the folder of this run."""
    library = os.path.join(os.environ["HOME"], "fake_files.so")
    if not os.path.exists(library):
        source = library[:-2] + "c"
        with open(source, "w") as file:
            file.write(SOURCE)
        run("cc", "-shared", "-fPIC", "-o", library, source, "-ldl")
    return library


def faked(seconds, files_too=True):
    """The environment of a program whose clock is ahead. The times of files, which are the clock of a store in a
    folder, are as much ahead, or the true ones."""
    environment = {"FAKETIME": f"{seconds:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
    libraries = [LIBRARY]
    if files_too:
        libraries.append(files_library())
        environment["FAKE_FILES"] = str(seconds)
    return {**environment, "LD_PRELOAD": ":".join(libraries)}


class Clock:
    """A clock that a test sets while programs look at it. `environment` is for those programs."""

    def __init__(self, folder):
        self.file = os.path.join(folder, "clock")
        self.ahead = 0
        self.environment = {**faked(0), "FAKETIME_TIMESTAMP_FILE": self.file, "FAKETIME_NO_CACHE": "1",
                            "FAKE_FILES_FROM": self.file}
        del self.environment["FAKETIME"], self.environment["FAKE_FILES"]
        self.set_ahead(0)

    def set_ahead(self, seconds):
        self.ahead = round(seconds)
        with open(self.file + ".new", "w") as file:
            file.write(f"{self.ahead:+d}\n")
        os.rename(self.file + ".new", self.file)

    def set(self, moment):
        """To this moment, as 2028-02-29T02:59:00+08:00; from there it goes on."""
        self.set_ahead(datetime.datetime.fromisoformat(moment).timestamp() - time.time())

    def now(self):
        return datetime.datetime.fromtimestamp(time.time() + self.ahead, datetime.timezone.utc)


def later(days):
    return faked(days * 86400)


def age(folder):
    """Makes all that is there old, which for a clock that is ahead would look new as well."""
    for at, _, names in os.walk(folder):
        for name in names:
            os.utime(os.path.join(at, name), (0, 0))
