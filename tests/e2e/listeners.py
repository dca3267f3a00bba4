"""Stand-ins for the services that alerts go to: an HTTP listener and a mail server on loopback. They keep what they are sent
and answer as a test tells them to. They are not Slack, PagerDuty or Alertmanager, and know nothing of their rules; what is
sent follows the services' documents, and the tests compare it with those."""

import base64
import email
import email.policy
import http.server
import json
import socket
import socketserver
import threading
import time


class Sent:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.method} {self.path} {self.body[:300]}"


class Listener:
    """`answers[path]` is (status, body), or (status, body, headers), or a function of a Sent that gives one; None never
    answers. Paths that are not there are answered 200."""

    def __init__(self):
        self.sent = []
        self.answers = {}
        self.seen = 0
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                one = Sent(self.command, self.path, self.headers, body)
                listener.sent.append(one)
                answer = listener.answers.get(self.path.partition("?")[0], (200, "ok"))
                if callable(answer):
                    answer = answer(one)
                if answer is None:
                    listener.closing.wait(60)
                    self.close_connection = True
                    return
                status, text, headers = (*answer, {})[:3]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_HEAD = handle_any

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # clients that give up are what tests are about

        self.closing = threading.Event()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def new(self, path=None):
        """What came since this was last asked; of one path, if it is given."""
        all_of_it, self.seen = self.sent[self.seen:], len(self.sent)
        return [one for one in all_of_it if path is None or one.path.partition("?")[0] == path]

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


class MailSink:
    """Takes mail as RFC 5321 has it, and keeps it: in clear; or, with `context`, by STARTTLS (RFC 3207) only, or with
    `implicit` by TLS from the start (RFC 8314). `login` is (user, password) that AUTH PLAIN (RFC 4954) must give."""

    def __init__(self, context=None, implicit=False, login=None):
        self.mails = []
        self.refuse = None  # "550 no such user": the answer to each recipient
        self.in_clear = []  # commands that came before TLS
        sink = self

        class Handler(socketserver.BaseRequestHandler):
            def say(self, line):
                self.wire.sendall((line + "\r\n").encode())

            def secure(self):
                self.wire = context.wrap_socket(self.wire, server_side=True)
                self.lines = self.wire.makefile("rb")

            def handle(self):
                self.wire, self.lines = self.request, self.request.makefile("rb")
                self.welcome = login is None
                if implicit:
                    self.secure()
                self.say("220 sink")
                while line := self.lines.readline():  # whose file changes with STARTTLS
                    word = line.decode().strip()
                    if context and self.wire is self.request:
                        sink.in_clear.append(word)
                    if not self.answer(word):
                        return

            def answer(self, word):
                verb = word.upper().partition(" ")[0]
                secured = not context or self.wire is not self.request
                if verb in ("EHLO", "HELO"):
                    self.say("250-sink\r\n" + ("" if secured else "250-STARTTLS\r\n") +
                             ("250-AUTH PLAIN\r\n" if login and secured else "") + "250 8BITMIME")
                elif verb == "STARTTLS" and not secured:
                    self.say("220 go on")
                    self.secure()
                elif verb in ("MAIL", "RCPT", "DATA", "AUTH") and not secured:
                    self.say("530 must issue a STARTTLS command first")
                elif verb == "AUTH":
                    self.log_in(word)
                elif verb in ("MAIL", "RCPT", "DATA") and not self.welcome:
                    self.say("530 authentication required")
                elif verb == "RCPT" and sink.refuse:
                    self.say(sink.refuse)
                elif verb == "DATA":
                    self.say("354 go on")
                    self.take()
                    self.say("250 taken")
                elif verb == "QUIT":
                    self.say("221 bye")
                    return False
                else:
                    self.say("250 ok")
                return True

            def log_in(self, word):
                initial = word.split()[2:]
                if not initial:
                    self.say("334 ")
                    initial = [self.lines.readline().decode().strip()]
                self.welcome = base64.b64decode(initial[0]).split(b"\0")[1:] == [one.encode() for one in login]
                self.say("235 welcome" if self.welcome else "535 authentication credentials invalid")

            def take(self):
                lines = []
                for line in iter(self.lines.readline, b".\r\n"):
                    lines.append(line[1:] if line.startswith(b"..") else line)
                sink.mails.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, *_):
                pass  # clients that do not trust us are what tests are about

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"smtp{'s' if implicit else ''}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come true within {seconds} s")
