"""Stand-ins for the services that alerts go to: an HTTP listener and a mail server on loopback. They keep what they are sent
and answer as a test tells them to. They are not Slack, PagerDuty or Alertmanager, and know nothing of their rules; what is
sent follows the services' documents, and the tests compare it with those."""

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
    """Takes mail in clear, as RFC 5321 has it, and keeps it."""

    def __init__(self):
        self.mails = []
        self.refuse = None  # "550 no such user": the answer to each recipient
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, line):
                self.wfile.write((line + "\r\n").encode())

            def handle(self):
                self.say("220 sink")
                for line in iter(self.rfile.readline, b""):
                    word = line.decode().strip().upper()
                    if word.startswith(("EHLO", "HELO")):
                        self.say("250-sink\r\n250 8BITMIME")
                    elif word.startswith("RCPT") and sink.refuse:
                        self.say(sink.refuse)
                    elif word.startswith("DATA"):
                        self.say("354 go on")
                        self.take()
                        self.say("250 taken")
                    elif word.startswith("QUIT"):
                        self.say("221 bye")
                        return
                    else:
                        self.say("250 ok")

            def take(self):
                lines = []
                for line in iter(self.rfile.readline, b".\r\n"):
                    lines.append(line[1:] if line.startswith(b"..") else line)
                sink.mails.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"smtp://127.0.0.1:{self.server.server_address[1]}"
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
