"""Proves the misbehaving proxy itself: each fault is what a client sees, and what it does not touch goes through."""

import hashlib
import http.client
import http.server
import os
import random
import subprocess
import threading
import time
import unittest

import cloud
import harness
from services import end_of

SECONDS = 20
CONTENT = random.Random(7).randbytes(3 << 20)


class Handler(http.server.BaseHTTPRequestHandler):
    """Keeps what is put, answers what is asked; heeds Expect."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        if self.headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["content-length"]))
        self.server.stored[self.path] = body
        self.reply(200, hashlib.md5(body).hexdigest().encode())

    def do_GET(self):
        if self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in (CONTENT[:100_000], CONTENT[100_000:200_000]):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.reply(200, self.server.stored.get(self.path, CONTENT))

    do_HEAD = do_GET

    def handle_expect_100(self):
        if self.path == "/refused":
            self.reply(403, b"no")
            self.close_connection = True
            return False
        return super().handle_expect_100()

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Upstream(http.server.ThreadingHTTPServer):
    def __init__(self, address, handler):
        super().__init__(address, handler)
        self.stored = {}
        self.connections = 0

    def get_request(self):
        self.connections += 1
        return super().get_request()

    def handle_error(self, *_):
        pass  # clients that are reset are what this is for


class FaultyProxy(unittest.TestCase):
    def setUp(self):
        self.upstream = Upstream(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.upstream.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(self.upstream.server_close)
        self.addCleanup(self.upstream.shutdown)
        self.proxy = cloud.FaultyProxy.of(self, f"http://127.0.0.1:{self.upstream.server_port}")

    def connection(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=SECONDS)
        self.addCleanup(connection.close)
        return connection

    def ask(self, method, path, body=None, connection=None, headers=None):
        connection = connection or self.connection()
        connection.request(method, path, body=body, headers=headers or {})
        reply = connection.getresponse()
        return reply.status, reply.read()

    def put(self, path, body=CONTENT):
        return self.ask("PUT", path, body)

    def test_what_it_does_not_touch_goes_through_on_kept_connections(self):
        connection = self.connection()
        for _ in range(5):
            self.assertEqual(self.ask("PUT", "/a", CONTENT, connection), (200, hashlib.md5(CONTENT).hexdigest().encode()))
            self.assertEqual(self.ask("GET", "/a", connection=connection), (200, CONTENT))
            self.assertEqual(self.ask("HEAD", "/a", connection=connection), (200, b""))
            self.assertEqual(self.ask("GET", "/chunked", connection=connection), (200, CONTENT[:200_000]))
        self.assertEqual(self.upstream.connections, 1)
        self.assertEqual(self.proxy.count("GET", "^/a$", 200), 5)

    def test_curl_speaks_through_it_with_expect_and_in_chunks(self):
        file = harness.tempfile.NamedTemporaryFile()
        end_of(self, file.close)
        file.write(CONTENT)
        file.flush()
        patient = ["--expect100-timeout", "10"]
        for options in (["-H", "Expect: 100-continue", *patient], ["-H", "Transfer-Encoding: chunked", "-H", "Expect:"]):
            began = time.monotonic()
            self.assertEqual(self.curl("-T", file.name, *options, f"{self.proxy.endpoint}/c").stdout,
                             hashlib.md5(CONTENT).hexdigest())
            self.assertLess(time.monotonic() - began, 8)  # nobody waited for a Continue that had come
            self.assertEqual(self.upstream.stored.pop("/c"), CONTENT)
        # An answer instead of the Continue is passed on, and the connection is not used again.
        done = self.curl("-T", file.name, "-H", "Expect: 100-continue", "-w", "%{http_code} %{size_upload}",
                         f"{self.proxy.endpoint}/refused")
        self.assertEqual(done.stdout, "no403 0")

    def curl(self, *words):
        return subprocess.run(["curl", "-sS", "-m", str(SECONDS), *words], capture_output=True, text=True)

    def test_a_reset_before_the_body_reaches_nobody(self):
        rule = self.proxy.reset(method="PUT", path="^/a")
        with self.assertRaises(ConnectionError):
            self.put("/a")
        self.assertEqual((rule.hits, self.upstream.stored), (1, {}))
        self.assertEqual(self.put("/a")[0], 200)
        self.assertEqual(self.curl("-T", "/dev/null", f"{self.proxy.endpoint}/a").returncode, 0)

    def test_a_reset_within_the_body_stores_nothing(self):
        rule = self.proxy.reset_in_body(after_bytes=1 << 20, times=2)
        for _ in range(2):
            with self.assertRaises(ConnectionError):
                self.put("/a")
        self.assertEqual((rule.hits, self.upstream.stored), (2, {}))
        self.assertEqual(self.put("/a")[0], 200)

    def test_a_lost_reply_leaves_the_deed_done(self):
        self.proxy.lose_reply(method="PUT")
        with self.assertRaises(ConnectionError):
            self.put("/a")
        self.assertEqual(self.upstream.stored["/a"], CONTENT)

    def test_stalls_and_delays_take_their_time_and_end(self):
        self.proxy.stall(1, path="^/a")
        self.proxy.stall_reply(1, after_bytes=1_000_000, path="^/b")
        self.assertGreater(self.timed("/a"), 0.95)
        self.assertLess(self.timed("/a"), 0.95)
        self.assertGreater(self.timed("/b"), 0.95)
        self.proxy.delay(0.05)
        connection, began = self.connection(), time.monotonic()
        for _ in range(5):
            self.ask("GET", "/a", connection=connection)
        self.assertGreater(time.monotonic() - began, 0.25)

    def timed(self, path):
        began = time.monotonic()
        self.assertEqual(self.ask("GET", path), (200, CONTENT))
        return time.monotonic() - began

    def test_a_delay_does_not_hold_up_others(self):
        self.proxy.delay(0.3)
        began = time.monotonic()
        threads = [threading.Thread(target=self.ask, args=("HEAD", "/a")) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLess(time.monotonic() - began, 2)
        self.assertEqual(self.proxy.connections_peak, 10)

    def test_a_truncated_reply_ends_early(self):
        self.proxy.truncate(after_bytes=1000)
        with self.assertRaises(http.client.IncompleteRead) as caught:
            self.ask("GET", "/a")
        self.assertEqual(caught.exception.partial, CONTENT[:1000])
        self.proxy.truncate(after_bytes=0)
        self.assertEqual(self.curl(f"{self.proxy.endpoint}/a", "-o", "/dev/null").returncode, 18)  # partial file
        self.assertEqual(self.ask("GET", "/a"), (200, CONTENT))

    def test_one_byte_is_another(self):
        at = 2_000_000
        other = CONTENT[:at] + bytes([CONTENT[at] ^ 1]) + CONTENT[at + 1:]
        self.proxy.corrupt(at=at)
        self.assertEqual(self.ask("GET", "/a"), (200, other))
        self.proxy.corrupt_request(at=at)
        self.put("/b")
        self.assertEqual(self.upstream.stored["/b"], other)
        self.proxy.corrupt(at=150_000, path="^/chunked")
        status, body = self.ask("GET", "/chunked")
        self.assertEqual((status, [i for i in range(200_000) if body[i] != CONTENT[i]]), (200, [150_000]))

    def test_answers_of_its_own(self):
        connection = self.connection()
        busy = self.proxy.slow_down(times=2, skip=1)
        statuses = [self.ask("PUT", "/a", CONTENT, connection)[0] for _ in range(4)]
        self.assertEqual((statuses, busy.hits), ([200, 503, 503, 200], 2))
        self.proxy.internal_error(method="GET")
        status, body = self.ask("GET", "/a", connection=connection)
        self.assertEqual((status, b"<Code>InternalError</Code>" in body), (500, True))
        self.proxy.answer(403, "ExpiredToken", path="^/b")
        self.assertEqual(self.put("/b")[0], 403)
        self.assertNotIn("/b", self.upstream.stored)
        self.proxy.answer(500, "InternalError", done=True, path="^/c")
        self.assertEqual(self.put("/c")[0], 500)
        self.assertEqual(self.upstream.stored["/c"], CONTENT)

    def test_the_first_rule_that_ends_a_request_is_taken(self):
        self.proxy.slow_down()
        self.proxy.reset()
        self.assertEqual(self.ask("GET", "/a")[0], 503)
        with self.assertRaises(ConnectionError):
            self.ask("GET", "/a")
        self.assertEqual([s.fault for s in self.proxy.seen], ["answer", "reset"])

    def test_another_clock(self):
        self.proxy.skew_date(3600)
        connection = self.connection()
        connection.request("HEAD", "/a")
        date = connection.getresponse().getheader("Date")
        ahead = time.mktime(time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")) - time.mktime(time.gmtime())
        self.assertAlmostEqual(ahead, 3600, delta=10)

    def test_cut_off_and_back(self):
        connection = self.connection()
        self.ask("GET", "/a", connection=connection)
        self.proxy.stall_reply(30, after_bytes=1000)
        broken = []
        under_way = threading.Thread(target=lambda: broken.append(self.failure("/a")))
        under_way.start()
        time.sleep(0.3)
        self.proxy.cut()
        under_way.join(SECONDS)
        self.assertIsInstance(broken[0], (http.client.IncompleteRead, ConnectionError))
        self.assertIsInstance(self.failure("/a"), ConnectionRefusedError)
        self.proxy.restore()
        self.assertEqual(self.ask("GET", "/b"), (200, CONTENT))

    def failure(self, path):
        try:
            self.ask("GET", path)
        except (OSError, http.client.HTTPException) as error:
            return error
        return None

    def test_a_narrow_line(self):
        self.proxy.bytes_per_second = 2 << 20
        self.assertGreater(self.timed("/a"), 1.3)
        began = time.monotonic()
        self.put("/b")
        self.assertGreater(time.monotonic() - began, 1.3)
        self.proxy.clear()
        self.assertLess(self.timed("/a"), 1.3)

    def test_an_upstream_that_is_gone_is_an_error_to_the_client(self):
        self.upstream.shutdown()
        self.upstream.server_close()
        self.assertIsInstance(self.failure("/a"), (ConnectionError, http.client.RemoteDisconnected))

    def test_https_on_both_sides(self):
        folder = harness.tempfile.mkdtemp()
        self.addCleanup(harness.shutil.rmtree, folder)
        certificates = cloud.Certificates(folder)
        inner = cloud.FaultyProxy.of(self, f"http://127.0.0.1:{self.upstream.server_port}", certificates=certificates)
        outer = cloud.FaultyProxy.of(self, inner.endpoint, certificates=certificates, upstream_ca=certificates.ca)
        outer.slow_down(path="^/busy")
        for path, wanted in (("/a", "200"), ("/busy", "503")):
            done = self.curl("--cacert", certificates.ca, "-w", "%{http_code}", "-o", "/dev/null", outer.endpoint + path)
            self.assertEqual((done.stdout, done.stderr), (wanted, ""))
        self.assertEqual(self.curl(outer.endpoint + "/a").returncode, 60)  # a certificate that nobody vouches for

    def test_memory_does_not_grow_with_bodies(self):
        class Discard(Handler):
            def do_PUT(self):
                left = int(self.headers["content-length"])
                while left:
                    left -= len(self.rfile.read(min(left, 1 << 20)))
                self.reply(200, b"")
        self.upstream.RequestHandlerClass = Discard
        before = resident_bytes()
        connection = self.connection()
        connection.request("PUT", "/a", body=(b"x" * (1 << 20) for _ in range(256)),
                           headers={"Content-Length": str(256 << 20)})
        self.assertEqual(connection.getresponse().status, 200)
        self.assertLess(resident_bytes() - before, 64 << 20)


def resident_bytes():
    return int(harness.read("/proc/self/statm").split()[1]) * os.sysconf("SC_PAGESIZE")


if __name__ == "__main__":
    cloud.main()
