"""What a command costs: wall time, CPU of it and of all that it started, the largest process."""

import contextlib
import ctypes
import os
import resource  # wait4 needs it; imported while we can surely read it
import statistics
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


@contextlib.contextmanager
def orphans_adopted():
    """Processes that detach themselves meanwhile become our children, so that reap() can count their CPU."""
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


class Usage:
    def __init__(self, wall=0.0, cpu=0.0, rss_mb=0.0, **more):
        self.wall, self.cpu, self.rss_mb = wall, cpu, rss_mb
        self.__dict__.update(more)

    def __add__(self, other):
        return Usage(self.wall + other.wall, self.cpu + other.cpu, max(self.rss_mb, other.rss_mb))


def _cost(rusage):
    return Usage(0.0, rusage.ru_utime + rusage.ru_stime, rusage.ru_maxrss * 1024 / 1e6)


def run(*arguments, cwd=None, expect=(0,), output=None):
    """Runs a command and measures it; what it writes goes to `output`, and to us if it fails."""
    log = output or os.path.join(os.environ["BENCH_WORK"], "last-command.log")
    with open(log, "w") as file:
        begin = time.monotonic()
        process = subprocess.Popen([str(a) for a in arguments], cwd=cwd, stdin=subprocess.DEVNULL, stdout=file,
                                   stderr=subprocess.STDOUT if output is None else None)
        _, status, rusage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begin
    code = process.returncode = os.waitstatus_to_exitcode(status)
    if code not in expect:
        sys.exit(f"{' '.join(map(str, arguments))}\nended with {code}:\n" + open(log).read())
    usage = _cost(rusage)
    usage.wall = wall
    return usage


def reap(seconds=20):
    """Waits for detached processes to end, and tells what they cost besides."""
    usage, end = Usage(), time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            pid, _, rusage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return usage
        if pid:
            usage = usage + _cost(rusage)
        else:
            time.sleep(0.01)
    return usage


def bytes_below(folder):
    return sum(os.lstat(os.path.join(at, name)).st_size for at, _, names in os.walk(folder) for name in names)


def median(values):
    return statistics.median(values)
