"""A loopback HTTP proxy that loses, refuses, answers or delays requests by rule, and records what it saw.

The client's Host header is passed on as it is, so that SigV4 signatures stay valid. Removing a signed header breaks
them: `strip` is for servers that don't check (moto).

    with FaultProxy(server.endpoint) as proxy:
        proxy.add(Rule(Lose(), method="PUT", conditional=True))  # every conditional write is done, its answer lost
        proxy.add(Rule(Answer(500), method="POST", path="uploadId=", nth=1))  # the first completion answers 500, undone
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import assert_never
from urllib.parse import urlsplit

_CONDITIONS = ("if-match", "if-none-match")


@dataclass(frozen=True)
class Request:
    """What a client sent. `path` includes the query; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def conditional(self) -> bool:
        return any(name in self.headers for name in _CONDITIONS)


@dataclass(frozen=True)
class Lose:
    """The server does it; the client sees the connection reset."""


@dataclass(frozen=True)
class Drop:
    """The server never hears of it; the client sees the connection reset."""


@dataclass(frozen=True)
class Answer:
    """The server never hears of it; the client gets this status with an S3 error document.

    `after`: the server does it first. `json`: with the error as services of AWS that speak JSON write it.
    """

    status: int
    code: str = "InternalError"
    after: bool = False
    message: str = "injected"
    json: bool = False


@dataclass(frozen=True)
class Hang:
    """The server does it; the client hears nothing for so long, then sees the connection reset."""

    seconds: float


@dataclass(frozen=True)
class Delay:
    """Waits before passing the request on."""

    seconds: float


@dataclass(frozen=True)
class Tear:
    """Passes the request on; the answer's body ends halfway, with a reset."""


@dataclass(frozen=True)
class Strip:
    """Passes the request on without these headers (lower case)."""

    headers: tuple[str, ...] = _CONDITIONS


Fault = Lose | Drop | Answer | Hang | Delay | Tear | Strip


@dataclass(frozen=True)
class Rule:
    """When a fault happens: all given conditions must hold. `nth`: only the n-th match, from 1 (0: every match)."""

    fault: Fault
    method: str = ""
    path: str = ""
    conditional: bool | None = None
    when: Callable[[Request], bool] | None = None
    nth: int = 0

    def matches(self, request: Request) -> bool:
        return (
            (not self.method or re.fullmatch(self.method, request.method) is not None)
            and re.search(self.path, request.path) is not None
            and (self.conditional is None or self.conditional == request.conditional)
            and (self.when is None or self.when(request))
        )


class FaultProxy:
    """A running proxy. The first rule that fires decides; without one, requests pass."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        assert parts.hostname is not None
        assert parts.port is not None
        self.upstream = (parts.hostname, parts.port)
        self.seen: list[Request] = []
        self._rules: list[tuple[Rule, list[int]]] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(self, rule: Rule) -> None:
        """Adds a rule, judged after those added before."""
        with self._lock:
            self._rules.append((rule, [0]))

    def clear(self) -> None:
        """Forgets all rules and what was seen."""
        with self._lock:
            self._rules.clear()
            self.seen.clear()

    def fired(self) -> int:
        """How often rules without `nth` matched, and rules with it fired."""
        with self._lock:
            return sum(min(1, max(0, n[0] - rule.nth + 1)) if rule.nth else n[0] for rule, n in self._rules)

    def judge(self, request: Request) -> Fault | None:
        """The fault for a request; counts matches."""
        with self._lock:
            self.seen.append(request)
            for rule, count in self._rules:
                if rule.matches(request):
                    count[0] += 1
                    if rule.nth in (0, count[0]):
                        return rule.fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    proxy: FaultProxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _handle(self) -> None:
        body = self._read_body()
        request = Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        fault = self.server.proxy.judge(request)
        match fault:
            case None:
                self._forward(request, ())
            case Strip(headers):
                self._forward(request, headers)
            case Delay(seconds):
                time.sleep(seconds)
                self._forward(request, ())
            case Lose():
                self._upstream(request, ())
                self._reset()
            case Drop():
                self._reset()
            case Hang(seconds):
                self._upstream(request, ())
                time.sleep(seconds)
                self._reset()
            case Tear():
                status, given, content = self._upstream(request, ())
                self._answer(status, given, content[: len(content) // 2], length=len(content))
                self.wfile.flush()
                self._reset()
            case Answer(status, code, json=True):
                said = json.dumps({"__type": code, "message": "injected"}).encode()
                self._answer(status, [("Content-Type", "application/x-amz-json-1.1")], said)
            case Answer(status, code, after, message):
                if after:
                    self._upstream(request, ())
                error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
                if "sts" in request.headers.get("authorization", ""):  # the query protocol wraps it
                    error = f"<ErrorResponse>{error}</ErrorResponse>"
                self._answer(
                    status, [("Content-Type", "application/xml")], b"" if self.command == "HEAD" else error.encode()
                )
            case _:
                assert_never(fault)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = _handle

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(chunks)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _upstream(self, request: Request, strip: tuple[str, ...]) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(*self.server.proxy.upstream, timeout=60)
        try:
            connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in (*strip, "connection", "transfer-encoding", "content-length", "expect"):
                    connection.putheader(name, value)
            if request.body or request.method in ("PUT", "POST", "PATCH"):
                connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body or None)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def _forward(self, request: Request, strip: tuple[str, ...]) -> None:
        self._answer(*self._upstream(request, strip))

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, length: int | None = None) -> None:
        self.send_response_only(status)
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        if status != 204:
            self.send_header(
                "Content-Length", lengths[0] if self.command == "HEAD" and lengths else str(length or len(body))
            )
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        """Closes with RST: the client sees `connection reset`, not an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.close_connection = True
        self.connection.close()
