"""A proxy that misbehaves on demand, before any HTTP service that a test uses.

    proxy = FaultyProxy.of(self, rgw.endpoint)
    proxy.reset_in_body(after_bytes=1 << 20, method="PUT", path=r"partNumber=2")    # the first that matches, once
    proxy.slow_down(times=5)                                                        # the next five, whichever
    proxy.delay(0.02, times=None)                                                   # each, from now on

Every fault is a rule: for requests of this `method` whose path and query match this regular expression (`path`), not for
the first `skip` of them and then `times` times (None: always). The first of the rules that end a request is taken; delays
add up. A rule counts its `hits`, so that a test knows that what it tests has happened. Bodies are streamed; Host goes
through as it came, so that signatures hold. Connections are kept as both sides wish.
"""

import collections
import dataclasses
import datetime
import email.utils
import re
import socket
import ssl
import struct
import threading
import time
import urllib.parse

from services import end_of, free_port
from wire import PIECE_BYTES, Ended, Request, Response, Stream

CONNECTIONS_MAX = 512
LOG_MAX = 100_000
UPSTREAM_SECONDS = 120
CONTINUE_SECONDS = 1  # as long as clients wait for `100 Continue` before they send the body nevertheless
LINGER_SECONDS = 2


@dataclasses.dataclass
class Rule:
    kind: str
    method: str = ""
    path: str = ""
    times: int | None = 1
    skip: int = 0
    seconds: float = 0
    after_bytes: int = 0
    reply: bytes = b""
    hits: int = 0

    def takes(self, request):
        """Called under the proxy's mutex."""
        if self.times is not None and self.hits >= self.times:
            return False
        if (self.method and request.method != self.method) or (self.path and not re.search(self.path, request.target)):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.hits += 1
        return True


@dataclasses.dataclass
class Seen:
    """One request that came, in the order of their ends."""
    method: str
    target: str
    status: int  # 0: the client got none
    fault: str


class _Reset(Exception):
    """This request's connections end by a reset."""


class FaultyProxy:
    ENDING = ("reset", "reset_in_body", "lose_reply", "truncate", "corrupt", "corrupt_request", "answer", "answer_after")

    def __init__(self, upstream, certificates=None, upstream_ca=None):
        """`certificates`: serve HTTPS with these; `upstream_ca`: what an HTTPS upstream is verified with."""
        self.upstream = urllib.parse.urlsplit(upstream)
        self.upstream_tls = None
        if self.upstream.scheme == "https":
            self.upstream_tls = ssl.create_default_context(cafile=upstream_ca)
            # With 1.3 the tickets of later sessions come as if they were the first bytes of an answer.
            self.upstream_tls.maximum_version = ssl.TLSVersion.TLSv1_2
        self.tls = None
        if certificates:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificates.server)
        self.port = free_port()
        self.endpoint = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"
        self.bytes_per_second = None  # of each direction of each connection
        self.seen = collections.deque(maxlen=LOG_MAX)
        self.connections_peak = 0  # of clients, at once
        self._mutex = threading.Lock()  # guards what follows
        self._clients = 0
        self._rules = []
        self._sockets = set()
        self._listener = None
        self._ended = threading.Event()

    @classmethod
    def of(cls, test, upstream, **options):
        proxy = cls(upstream, **options)
        end_of(test, proxy.close)
        return proxy.start()

    # Faults. Each answers its rule.

    def reset(self, **where):
        """Before a byte of the body is read; the upstream hears nothing."""
        return self._add(Rule("reset", **where))

    def reset_in_body(self, after_bytes, **where):
        """After so many bytes of the request's body went through; both sides are reset."""
        return self._add(Rule("reset_in_body", after_bytes=after_bytes, **where))

    def lose_reply(self, **where):
        """The upstream did it and answered; the client is reset instead."""
        return self._add(Rule("lose_reply", **where))

    def stall(self, seconds, **where):
        """Nothing moves for so long between the request's head and what follows; then it goes on."""
        return self._add(Rule("delay", seconds=seconds, **where))

    def stall_reply(self, seconds, after_bytes, **where):
        """The reply stands still for so long after so many bytes of its body."""
        return self._add(Rule("stall_reply", seconds=seconds, after_bytes=after_bytes, **where))

    def delay(self, seconds, times=None, **where):
        """So much latency for each request."""
        return self._add(Rule("delay", seconds=seconds, times=times, **where))

    def truncate(self, after_bytes, **where):
        """The connection closes in order after so many bytes of the reply's body."""
        return self._add(Rule("truncate", after_bytes=after_bytes, **where))

    def corrupt(self, at=0, **where):
        """One bit of this byte of the reply's body is another."""
        return self._add(Rule("corrupt", after_bytes=at, **where))

    def corrupt_request(self, at=0, **where):
        """One bit of this byte of the request's body is another when it arrives."""
        return self._add(Rule("corrupt_request", after_bytes=at, **where))

    def answer(self, status, code="", message="", headers=None, body=None, done=False, **where):
        """This instead of the upstream's answer, by default as S3's XML; `done`: the upstream did it all the same."""
        if body is None:
            body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>'
                    "<RequestId>faulty</RequestId></Error>").encode()
        lines = {"Content-Type": "application/xml", **(headers or {}), "Content-Length": str(len(body))}
        raw = f"HTTP/1.1 {status} Fault\r\n" + "".join(f"{n}: {v}\r\n" for n, v in lines.items()) + "\r\n"
        return self._add(Rule("answer_after" if done else "answer", reply=raw.encode() + body, **where))

    def slow_down(self, **where):
        return self.answer(503, "SlowDown", "Please reduce your request rate.", **where)

    def internal_error(self, **where):
        return self.answer(500, "InternalError", "We encountered an internal error. Please try again.", **where)

    def skew_date(self, seconds, times=None, **where):
        """The replies' Date is so many seconds off."""
        return self._add(Rule("skew_date", seconds=seconds, times=times, **where))

    def clear(self):
        """No faults from now on."""
        with self._mutex:
            self._rules.clear()
        self.bytes_per_second = None

    def cut(self):
        """The service is gone: connections are reset, new ones refused."""
        with self._mutex:
            listener, self._listener = self._listener, None
            sockets = list(self._sockets)
        if listener:
            # A thread in accept() would keep the port open.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for sock in sockets:
            try:
                _ends_by_reset(sock)
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # wakes its thread, which closes it
            except OSError:
                pass  # it ended beside us

    def restore(self):
        self.start()

    def count(self, method="", path="", status=None):
        """How many such requests were seen."""
        return sum(1 for s in list(self.seen) if (not method or s.method == method) and re.search(path, s.target) and
                   (status is None or s.status == status))

    # The proxy.

    def start(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(CONNECTIONS_MAX)
        with self._mutex:
            self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return self

    def close(self):
        self._ended.set()
        self.cut()

    def _add(self, rule):
        with self._mutex:
            self._rules.append(rule)
        return rule

    def _rules_for(self, request):
        with self._mutex:
            found, ending = [], False
            for rule in self._rules:
                if (ending and rule.kind in self.ENDING) or not rule.takes(request):
                    continue
                found.append(rule)
                ending = ending or rule.kind in self.ENDING
            return {rule.kind: rule for rule in found if rule.kind != "delay"}, sum(
                rule.seconds for rule in found if rule.kind == "delay")

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return  # cut
            with self._mutex:
                taken = self._clients < CONNECTIONS_MAX and self._listener is listener
                if taken:
                    self._sockets.add(sock)
                    self._clients += 1
                    self.connections_peak = max(self.connections_peak, self._clients)
            if not taken:
                _ends_by_reset(sock)
                sock.close()
            else:
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        connection = _Connection(self, sock)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self._swap(sock, self.tls.wrap_socket(sock, server_side=True))
                connection.client = Stream(sock)
            while connection.one_request():
                pass
        except _Reset:
            connection.reset()
        except (Ended, OSError, ValueError):
            pass  # one side has gone, as it may; the other sees it by the close below
        finally:
            connection.close()
            with self._mutex:
                self._clients -= 1

    def _swap(self, old, new):
        with self._mutex:
            self._sockets.discard(old)
            self._sockets.add(new)
        return new

    def _forget(self, sock):
        with self._mutex:
            self._sockets.discard(sock)
        sock.close()

    def _connect(self):
        sock = socket.create_connection((self.upstream.hostname, self.upstream.port), timeout=UPSTREAM_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.upstream_tls:
            sock = self.upstream_tls.wrap_socket(sock, server_hostname=self.upstream.hostname)
        with self._mutex:
            self._sockets.add(sock)
        return sock

    def _sleep(self, seconds):
        if seconds > 0 and self._ended.wait(seconds):
            raise Ended()


class _Connection:
    """A client's connection and the one to the upstream that belongs to it; of one thread."""

    def __init__(self, proxy, sock):
        self.proxy = proxy
        self.client = Stream(sock)
        self.upstream = None

    def one_request(self):
        """Whether another may follow on this connection."""
        request = self.client.head(Request)
        faults, delay = self.proxy._rules_for(request)
        seen = Seen(request.method, request.target, 0, ",".join(faults))
        try:
            self.proxy._sleep(delay)
            if "reset" in faults:
                raise _Reset()
            if "answer" in faults:
                return self.answer(request, faults["answer"].reply, seen, body_read=False)
            self.require_upstream()
            self.upstream.send(request.raw())
            body_sent = self.send_body(request, faults)
            reply = self.upstream.head(Response)
            if "answer_after" in faults:
                for _ in self.upstream.body(reply.length if reply.has_body(request.method) else 0):
                    pass
                return self.answer(request, faults["answer_after"].reply, seen, body_read=body_sent)
            if "lose_reply" in faults:
                raise _Reset()
            seen.status = reply.status
            self.send_reply(request, reply, faults)
            if not body_sent:
                self.linger()
            return body_sent and not (request.closes or reply.closes or "truncate" in faults or reply.length is None and
                                      reply.has_body(request.method))
        finally:
            self.proxy.seen.append(seen)

    def require_upstream(self):
        if self.upstream and self.upstream.readable():  # between requests that can only be its end
            self.proxy._forget(self.upstream.sock)
            self.upstream = None
        if not self.upstream:
            self.upstream = Stream(self.proxy._connect())

    def send_body(self, request, faults):
        """Whether all of it went: a server may answer before it has it all."""
        length = request.length or 0
        if length and request.get("expect").lower() == "100-continue" and not self.continued():
            return False
        sent = 0
        cut = faults.get("reset_in_body")
        flip = faults.get("corrupt_request")
        for piece, is_content in self.client.body(length):
            if self.upstream.readable():
                return False  # an early answer
            if is_content:
                if cut and sent + len(piece) >= cut.after_bytes:
                    self.upstream.send(piece[:max(0, cut.after_bytes - sent)])
                    raise _Reset()
                piece, sent = _flipped(piece, sent, flip), sent + len(piece)
            self.paced(self.upstream, piece)
        if cut:  # the body was shorter than where it was to be cut
            raise _Reset()
        return True

    def continued(self):
        """Passes `100 Continue` on. False: the final answer came instead."""
        end = time.monotonic() + CONTINUE_SECONDS
        while time.monotonic() < end:
            if self.upstream.readable(0.01):
                if not self.upstream.buffer:
                    self.upstream.buffer = self.upstream.sock.recv(PIECE_BYTES)
                if not self.upstream.buffer.startswith((b"HTTP/1.1 100", b"HTTP/1.0 100")):
                    return False
                self.client.send(self.upstream.head(Response).raw())
                return True
            if self.client.readable():
                return True  # it did not wait
        return True

    def send_reply(self, request, reply, faults):
        while 100 <= reply.status < 200:  # a late Continue
            reply = self.upstream.head(Response)
        if "skew_date" in faults:
            now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=faults["skew_date"].seconds)
            reply.put("Date", email.utils.format_datetime(now, usegmt=True))
        self.client.send(reply.raw())
        if not reply.has_body(request.method):
            return
        sent = 0
        stall, cut, flip = faults.get("stall_reply"), faults.get("truncate"), faults.get("corrupt")
        for piece, is_content in self.upstream.body(reply.length):
            if is_content:
                if stall and sent <= stall.after_bytes < sent + len(piece):
                    at = stall.after_bytes - sent
                    self.client.send(piece[:at])
                    self.proxy._sleep(stall.seconds)
                    self.client.send(piece[at:])
                    sent += len(piece)
                    continue
                if cut and sent + len(piece) > cut.after_bytes:
                    self.client.send(piece[:cut.after_bytes - sent])
                    return
                piece, sent = _flipped(piece, sent, flip), sent + len(piece)
            self.paced(self.client, piece)

    def answer(self, request, raw, seen, body_read):
        """What the test put in place of the upstream's answer."""
        seen.status = int(raw.split(b" ", 2)[1])
        head, _, body = raw.partition(b"\r\n\r\n")
        waits = request.get("expect").lower() == "100-continue"
        if not body_read and not waits:
            for _ in self.client.body(request.length or 0):
                pass
        self.client.send(head + b"\r\n\r\n" + (b"" if request.method == "HEAD" else body))
        if waits and not body_read:
            self.linger()
            return False
        return not request.closes

    def paced(self, to, piece):
        rate = self.proxy.bytes_per_second
        if not rate:
            to.send(piece)
            return
        # In pieces of a twentieth of a second, so that a slow line is slow and does not stand still.
        step = max(1, rate // 20)
        for at in range(0, len(piece), step):
            part = piece[at:at + step]
            to.send(part)
            self.proxy._sleep(len(part) / rate)

    def linger(self):
        """Lets a client that still sends its body read the answer, which a reset would take from it."""
        self.client.sock.shutdown(socket.SHUT_WR)
        end = time.monotonic() + LINGER_SECONDS
        while time.monotonic() < end:
            if self.client.readable(0.1):
                self.client.read(PIECE_BYTES)

    def reset(self):
        _ends_by_reset(self.client.sock)
        if self.upstream:
            _ends_by_reset(self.upstream.sock)

    def close(self):
        self.proxy._forget(self.client.sock)
        if self.upstream:
            self.proxy._forget(self.upstream.sock)


def _flipped(piece, begins, rule):
    at = rule.after_bytes - begins if rule else -1
    if not 0 <= at < len(piece):
        return piece
    return piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1:]


def _ends_by_reset(sock):
    """Its close, whoever calls it, sends RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
