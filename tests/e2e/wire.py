"""HTTP/1.1 on a socket, for servers that tests play: heads as they came, bodies in pieces of bounded size."""

import re
import select

HEAD_BYTES_MAX = 64 << 10
PIECE_BYTES = 64 << 10


class Ended(Exception):
    """The other side closed the connection."""


class Head:
    """The first line and the headers, as they came; names are found in any case."""

    def __init__(self, raw):
        lines = raw.split(b"\r\n")
        self.first = lines[0].decode("latin-1")
        self.lines = [tuple(part.decode("latin-1").strip() for part in line.partition(b":")[::2])
                      for line in lines[1:] if line]

    def get(self, name, default=""):
        return next((v for n, v in self.lines if n.lower() == name), default)

    def put(self, name, value):
        self.lines = [(n, v) for n, v in self.lines if n.lower() != name.lower()] + [(name, value)]

    def raw(self):
        return "\r\n".join([self.first, *(f"{n}: {v}" for n, v in self.lines), "", ""]).encode("latin-1")

    @property
    def length(self):
        """Of the body: a number, "chunked", or None when nothing says so."""
        if "chunked" in self.get("transfer-encoding").lower():
            return "chunked"
        length = self.get("content-length")
        return int(length) if length else None

    @property
    def closes(self):
        connection = self.get("connection").lower()
        return "close" in connection or ("HTTP/1.0" in self.first and "keep-alive" not in connection)


class Request(Head):
    @property
    def method(self):
        return self.first.split(" ", 1)[0]

    @property
    def target(self):
        return self.first.split(" ")[1] if self.first.count(" ") >= 2 else ""


class Response(Head):
    @property
    def status(self):
        found = re.match(r"HTTP/1\.[01] (\d{3})", self.first)
        return int(found.group(1)) if found else 0

    def has_body(self, method):
        return method != "HEAD" and self.status >= 200 and self.status not in (204, 304)


class Stream:
    """A connected socket, read through a buffer of bounded size."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def read(self, size):
        """Up to so many bytes, at least one."""
        if not self.buffer:
            self.buffer = self.sock.recv(PIECE_BYTES)
            if not self.buffer:
                raise Ended()
        piece, self.buffer = self.buffer[:size], self.buffer[size:]
        return piece

    def _read_until(self, end, size_max):
        while end not in self.buffer:
            if len(self.buffer) > size_max:
                raise Ended()
            more = self.sock.recv(PIECE_BYTES)
            if not more:
                raise Ended()
            self.buffer += more
        found, _, self.buffer = self.buffer.partition(end)
        return found

    def head(self, kind):
        return kind(self._read_until(b"\r\n\r\n", HEAD_BYTES_MAX))

    def body(self, length):
        """Yields (raw, data): what is to be sent on, and what of it is content; `raw` frames chunks and may hold no data."""
        if length == "chunked":
            yield from self._chunks()
        elif length is None:
            try:
                while True:
                    piece = self.read(PIECE_BYTES)
                    yield piece, True
            except Ended:
                return
        else:
            left = length
            while left:
                piece = self.read(min(left, PIECE_BYTES))
                left -= len(piece)
                yield piece, True

    def _chunks(self):
        while True:
            line = self._read_until(b"\r\n", 1024)
            yield line + b"\r\n", False
            left = int(line.partition(b";")[0], 16)
            if left == 0:
                while True:  # trailers, to the empty line
                    line = self._read_until(b"\r\n", HEAD_BYTES_MAX)
                    yield line + b"\r\n", False
                    if not line:
                        return
            while left:
                piece = self.read(min(left, PIECE_BYTES))
                left -= len(piece)
                yield piece, True
            self._read_until(b"\r\n", 2)
            yield b"\r\n", False

    def whole_body(self, length, size_max):
        content = b""
        for raw, is_content in self.body(length):
            content += raw if is_content else b""
            if len(content) > size_max:
                raise Ended()
        return content

    def send(self, data):
        self.sock.sendall(data)

    def readable(self, seconds=0):
        """There is something to read, or the end."""
        if self.buffer or getattr(self.sock, "pending", lambda: 0)():
            return True
        return bool(select.select([self.sock], [], [], seconds)[0])
