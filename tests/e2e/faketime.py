"""Another time for a program, by libfaketime (Debian: faketime). Timeouts go on to be measured by the true clock."""

import glob
import os

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


def later(days):
    return faked(days * 86400)


def age(folder):
    """Makes all that is there old, which for a clock that is ahead would look new as well."""
    for at, _, names in os.walk(folder):
        for name in names:
            os.utime(os.path.join(at, name), (0, 0))
