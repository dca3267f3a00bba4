"""What every service that a test starts has in common: a process, a free port, a certificate, an end."""

import os
import random
import signal
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FETCH = os.path.join(HERE, "..", "..", "tools", "cloud", "fetch.sh")
# Asked before a test becomes another user with another home.
USER_CACHE = os.environ.get("SEAWALL_TEST_CACHE") or (
    "/var/cache/seawall-test" if os.geteuid() == 0 else
    os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "seawall-test"))
STOP_SECONDS = 20
_given = set()


def fetched(what):
    """The folder of what Debian 12 does not have, fetched at its first use; see tools/cloud/fetch.sh."""
    folder = os.path.join(USER_CACHE, what)
    if not os.path.exists(os.path.join(folder, ".complete")):
        done = subprocess.run([FETCH, what], env={**os.environ, "SEAWALL_TEST_CACHE": USER_CACHE}, timeout=1200,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise AssertionError(f"{what} is not at {folder} and could not be fetched: run `tools/cloud/fetch.sh {what}` "
                                 f"as the user who starts the tests\n{done.stderr}")
    return folder


def free_port():
    """A port of loopback that nobody listens on, below those that the kernel gives to outgoing connections."""
    for _ in range(200):
        port = random.SystemRandom().randrange(12000, 32000)
        with socket.socket() as probe:
            # As the servers do, or a port that was closed a moment ago counts as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
    raise AssertionError("200 ports of loopback are taken")


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: did not come true within {seconds} s")
        time.sleep(0.05)


def end_of(test, action):
    """Calls `action` when the test ends; `test` is a TestCase or, for a service of all its tests, its class."""
    (test.addClassCleanup if isinstance(test, type) else test.addCleanup)(action)


class Service:
    """A process of the test's own. It is killed by the kernel when the test is, so that no run leaves one behind."""

    survives = False  # tools/cloud/services.sh leaves them running

    def __init__(self, name, command, environment=None):
        self.log = name + ".out"
        words = list(command) if Service.survives else ["/usr/bin/setpriv", "--pdeathsig", "KILL", *command]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                            env=environment, start_new_session=True)

    def require_running(self):
        if self.process.poll() is not None:
            with open(self.log, errors="replace") as log:
                raise AssertionError(f"{self.process.args} ended with {self.process.returncode}\n{log.read()[-4000:]}")

    def stop(self):
        """As an operator does; killed if it takes too long."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def pause(self):
        """It holds its connections and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)


class Certificates:
    """An authority of the test's own and a certificate for localhost and 127.0.0.1, valid for a day."""

    def __init__(self, folder):
        self.ca = os.path.join(folder, "ca.pem")
        self.key = os.path.join(folder, "server.key")
        self.certificate = os.path.join(folder, "server.crt")
        self.server = os.path.join(folder, "server.pem")  # key and certificate in one
        ca_key = os.path.join(folder, "ca.key")
        names = os.path.join(folder, "names")
        with open(names, "w") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self.openssl("req", "-x509", *curve, "-keyout", ca_key, "-out", self.ca, "-days", "1", "-subj", "/CN=test authority")
        self.openssl("req", *curve, "-keyout", self.key, "-out", names + ".csr", "-subj", "/CN=localhost")
        self.openssl("x509", "-req", "-in", names + ".csr", "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "1",
                     "-extfile", names, "-out", self.certificate)
        with open(self.server, "wb") as both:
            for part in (self.key, self.certificate):
                with open(part, "rb") as file:
                    both.write(file.read())

    @staticmethod
    def openssl(*words):
        done = subprocess.run(["openssl", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise AssertionError(f"openssl {words[0]}: {done.stderr}")
