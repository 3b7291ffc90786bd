"""A real HTTP server on this machine that keeps what it is sent and answers as it is told: webhooks, CloudEvents, OTLP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    """One request as it came. Header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Listener:
    """`answers`: status of the next answers, the last one for all after it; `location`: of redirections; `delay`: seconds before one."""

    url: str = ""
    received: list[Request] = field(default_factory=list)
    answers: list[int] = field(default_factory=lambda: [200])
    location: str = ""
    delay: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self, request: Request) -> int:
        """Keeps a request; the status of its answer."""
        self.received.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def listening() -> Iterator[Listener]:
    """The server, for as long as it is entered."""
    found = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = found.answer(Request(self.command, self.path, headers, body))
            found.over.wait(found.delay) if found.delay else None
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", found.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_OPTIONS = do_POST

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def eventually(check: object, seconds: float = 20.0) -> None:
    """Waits until it is so; for what another thread does."""
    end = time.monotonic() + seconds
    while not check():  # type: ignore[operator]
        assert time.monotonic() < end, "it didn't come to be"
        time.sleep(0.01)
