"""Cloud Storage's JSON API for tests: gcp-storage-emulator, and in front of it what that lacks.

The emulator keeps objects, resumable uploads, listings and CRC32C checks. The front adds, under one lock: preconditions on generations
(ifGenerationMatch, ifSourceGenerationMatch), Objects: move, and tokens for a service account, which it demands.

with gcs() as server: bucket = server.create_bucket()
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.servers.process import ServerFailed, answers, free_ports, running

_CONDITIONS = ("ifGenerationMatch", "ifSourceGenerationMatch")


@dataclass(frozen=True)
class GcsServer:
    """An endpoint, and the JSON key of a service account that it knows."""

    endpoint: str
    key: str
    token: str

    def at(self, endpoint: str) -> GcsServer:
        """The same server behind another address: a proxy's."""
        return replace(self, endpoint=endpoint)

    def call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """A request without our code, for preparing and for looking."""
        parts = urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        with contextlib.closing(connection):
            kind = "application/octet-stream" if path.startswith("/upload/") else "application/json"
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()

    def create_bucket(self, prefix: str = "test") -> str:
        """A new bucket with a name that no other test has."""
        name = f"{prefix}-{secrets.token_hex(6)}"
        status, said = self.call("POST", "/storage/v1/b?project=test", json.dumps({"name": name}).encode())
        assert status == 200, said
        return name


@contextlib.contextmanager
def gcs() -> Iterator[GcsServer]:
    """Starts both on free loopback ports; tried three times, since a port may be taken meanwhile."""
    for attempt in range(3):
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gcs-")))
            port = free_ports(1)[0]
            command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--host", "127.0.0.1"]
            command += ["--port", str(port), "--in-memory"]
            ready = partial(answers, f"http://127.0.0.1:{port}/")
            environment: Mapping[str, str] = {"PYTHONPATH": "", "PATH": os.environ["PATH"]}
            try:
                stack.enter_context(running(command, folder / "log", ready, env=environment))
            except ServerFailed:
                if attempt == 2:
                    raise
                continue
            yield stack.enter_context(_front(port))
            return


@contextlib.contextmanager
def _front(port: int) -> Iterator[GcsServer]:
    server = _Front(("127.0.0.1", 0), _Handler)
    server.behind = port
    server.token = secrets.token_hex(16)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield GcsServer(endpoint, _service_account(f"{endpoint}/token"), server.token)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _service_account(token_uri: str) -> str:
    """A key file as the console gives it, its private key made here."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "test-project",
            "private_key_id": "1",
            "private_key": private.decode(),
            "client_email": "export@test-project.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": token_uri,
        }
    )


class _Front(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    behind: int
    token: str

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.lock = threading.Lock()
        self.uploads: dict[str, tuple[str, str, dict[str, str]]] = {}
        """What a resumable upload may replace, by its id: bucket, name, conditions."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Front

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urlsplit(self.path)
        if parts.path == "/token":
            token = {"access_token": self.server.token, "expires_in": 3600, "token_type": "Bearer"}
            return self._answer(200, [], json.dumps(token).encode())
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            return self._refuse(401, "Invalid Credentials")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self.server.lock:
            self._judged(parts.path, query, body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = _handle

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def _judged(self, path: str, query: dict[str, str], body: bytes) -> None:
        conditions = {name: query[name] for name in _CONDITIONS if name in query}
        resumed = query.get("upload_id", "")
        if resumed:
            final = not self.headers.get("Content-Range", "").endswith("/*")
            bucket, name, conditions = self.server.uploads.get(resumed, ("", "", {}))
            if not final:
                conditions = {}
        else:
            bucket, name = _named(path, query, body)
        if "/moveTo/" in path:
            return self._move(path, conditions)
        if conditions and not self._holds(bucket, name, conditions["ifGenerationMatch"]):
            return self._refuse(412, "At least one of the pre-conditions you specified did not hold.")
        status, headers, content = self._behind(self.command, self.path, body, self.headers.items())
        if query.get("uploadType") == "resumable" and not resumed:
            location = dict(headers).get("Location", "")
            upload = parse_qs(urlsplit(location).query).get("upload_id", [""])[0]
            self.server.uploads[upload] = bucket, name, conditions
        self._answer(status, headers, content)

    def _move(self, path: str, conditions: dict[str, str]) -> None:
        start, _, target = path.partition("/moveTo/o/")
        base, _, source = start.partition("/o/")
        bucket = unquote(base.rpartition("/")[2])
        if self._generation(bucket, unquote(source)) == 0:
            return self._refuse(404, f"No such object: {bucket}/{unquote(source)}")
        for name, key in (("ifSourceGenerationMatch", source), ("ifGenerationMatch", target)):
            if name in conditions and not self._holds(bucket, unquote(key), conditions[name]):
                return self._refuse(412, "At least one of the pre-conditions you specified did not hold.")
        status, headers, content = self._behind("POST", f"{base}/o/{source}/rewriteTo/b/{bucket}/o/{target}", b"{}")
        if status == 200:
            self._behind("DELETE", f"{base}/o/{source}", b"")
            headers, content = [], json.dumps(json.loads(content)["resource"]).encode()
        self._answer(status, headers, content)

    def _holds(self, bucket: str, name: str, generation: str) -> bool:
        return self._generation(bucket, name) == int(generation)

    def _generation(self, bucket: str, name: str) -> int:
        status, _, content = self._behind("GET", f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}", b"")
        return int(json.loads(content)["generation"]) if status == 200 else 0

    def _behind(
        self, method: str, path: str, body: bytes, headers: Any = ()
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=60)
        with contextlib.closing(connection):
            kept = {name: value for name, value in headers if name.lower() not in ("connection", "content-length")}
            kept.setdefault("Content-Type", "application/json")
            connection.request(method, path, body, {**kept, "Content-Length": str(len(body))})
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()

    def _refuse(self, status: int, message: str) -> None:
        self._answer(status, [], json.dumps({"error": {"code": status, "message": message}}).encode())

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        sent = {name.lower() for name, _ in headers}
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        if "content-type" not in sent:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _named(path: str, query: dict[str, str], body: bytes) -> tuple[str, str]:
    """Bucket and object that a request is about."""
    before, _, after = path.partition("/o/")
    bucket = unquote((before if after else path.removesuffix("/o")).rpartition("/")[2])
    if after:
        return bucket, unquote(after)
    if "name" in query:
        return bucket, query["name"]
    if query.get("uploadType") == "multipart":
        body = body.split(b"\r\n\r\n", 1)[1].split(b"\r\n--", 1)[0]
    try:
        return bucket, json.loads(body).get("name", "")
    except ValueError:
        return bucket, ""
