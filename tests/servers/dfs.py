"""Data Lake Storage Gen2 for tests, in this process: no registry has a server for it, so this one is ours.

It follows the published REST reference ("Path" and "Filesystem" operations, and Get Blob, Get Blob Properties, Set Blob Metadata on the
same names): real folders, append and flush, rename with conditions, error codes. It checks that a request is signed, not the signature.

with dfs() as server: server.create()
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_tags = itertools.count(1)


@dataclass
class Node:
    """A file, or a folder, which has no content."""

    content: bytes | None = b""
    pending: dict[int, bytes] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    etag: str = field(default_factory=lambda: f'"0x{next(_tags):X}"')
    modified: str = field(default_factory=lambda: formatdate(usegmt=True))

    @property
    def is_folder(self) -> bool:
        return self.content is None

    def changed(self) -> None:
        fresh = Node()
        self.etag, self.modified = fresh.etag, fresh.modified


class DfsServer(ThreadingHTTPServer):
    """`places`: paths by container."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.places: dict[str, dict[str, Node]] = {}
        self.lock = threading.Lock()
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"

    def create(self) -> str:
        """A new container."""
        name = f"test-{secrets.token_hex(6)}"
        self.places[name] = {}
        return name

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the play."""


@contextlib.contextmanager
def dfs() -> Iterator[DfsServer]:
    """A running server."""
    server = DfsServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Refused(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: DfsServer

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        container, _, path = unquote(parts.path).strip("/").partition("/")
        try:
            if "sig" not in query and not self.headers.get("Authorization", "").startswith("SharedKey "):
                raise _Refused(403, "AuthenticationFailed")
            with self.server.lock:
                if container not in self.server.places:
                    raise _Refused(404, "FilesystemNotFound")
                self._answered(self.server.places[container], path, query, body)
        except _Refused as refused:
            text = json.dumps({"error": {"code": refused.code, "message": refused.code}}).encode()
            self._answer(refused.status, {"x-ms-error-code": refused.code}, text)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_PATCH = _handle

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def _answered(self, place: dict[str, Node], path: str, query: dict[str, str], body: bytes) -> None:
        match self.command:
            case "PUT" if query.get("comp") == "metadata":
                node = self._there(place, path, "BlobNotFound")
                node.metadata = {
                    name.lower().removeprefix("x-ms-meta-"): value
                    for name, value in self.headers.items()
                    if name.lower().startswith("x-ms-meta-")
                }
                node.changed()
                self._answer(200, {"ETag": node.etag, "Last-Modified": node.modified})
            case "PUT" if "x-ms-rename-source" in self.headers:
                self._rename(place, path)
            case "PUT":
                self._create(place, path, query["resource"])
            case "PATCH":
                self._patch(self._there(place, path, "PathNotFound"), query, body)
            case "DELETE":
                self._delete(place, path, query)
            case "GET" if query.get("resource") == "filesystem":
                self._list(place, query)
            case _:
                self._read(self._there(place, path, "BlobNotFound"))

    def _create(self, place: dict[str, Node], path: str, resource: str) -> None:
        there = place.get(path)
        if there is not None and self.headers.get("If-None-Match") == "*":
            raise _Refused(409, "PathAlreadyExists")
        if (wanted := self.headers.get("If-Match")) and (there is None or there.etag != wanted):
            raise _Refused(412, "ConditionNotMet")
        if there is not None and there.is_folder != (resource == "directory"):
            raise _Refused(409, "ResourceTypeMismatch")
        folder = path.rpartition("/")[0]
        while folder:
            if (above := place.setdefault(folder, Node(None))) and not above.is_folder:
                raise _Refused(409, "ResourceTypeMismatch")
            folder = folder.rpartition("/")[0]
        if resource == "file" or there is None:
            place[path] = Node(b"" if resource == "file" else None)
        self._answer(201, {"ETag": place[path].etag, "Last-Modified": place[path].modified})

    def _rename(self, place: dict[str, Node], path: str) -> None:
        source = unquote(self.headers["x-ms-rename-source"].partition("?")[0]).strip("/").partition("/")[2]
        moved, there = place.get(source), place.get(path)
        if moved is None or moved.is_folder:
            raise _Refused(404, "SourcePathNotFound")
        if there is not None and self.headers.get("If-None-Match") == "*":
            raise _Refused(409, "PathAlreadyExists")
        if (wanted := self.headers.get("If-Match")) and (there is None or there.etag != wanted):
            raise _Refused(412, "ConditionNotMet")
        if there is not None and there.is_folder:
            raise _Refused(409, "ResourceTypeMismatch")
        if (folder := path.rpartition("/")[0]) and folder not in place:
            raise _Refused(404, "RenameDestinationParentPathNotFound")
        place[path] = place.pop(source)
        self._answer(201, {"ETag": moved.etag, "Last-Modified": moved.modified})

    def _patch(self, node: Node, query: dict[str, str], body: bytes) -> None:
        position = int(query["position"])
        if query["action"] == "append":
            node.pending[position] = body
            return self._answer(202, {})
        content = node.content or b""
        for at, piece in sorted(node.pending.items()):
            if at == len(content):
                content += piece
        if len(content) != position:
            raise _Refused(400, "InvalidFlushPosition")
        node.content, node.pending = content, {}
        node.changed()
        self._answer(200, {"ETag": node.etag, "Last-Modified": node.modified})

    def _delete(self, place: dict[str, Node], path: str, query: dict[str, str]) -> None:
        node = self._there(place, path, "PathNotFound")
        if node.is_folder and any(each.startswith(f"{path}/") for each in place):
            raise _Refused(409, "DirectoryNotEmpty")  # nothing here asks for more
        del place[path]
        self._answer(200, {})

    def _list(self, place: dict[str, Node], query: dict[str, str]) -> None:
        folder = query.get("directory", "").strip("/")
        if folder:
            self._there(place, folder, "PathNotFound")
        found: list[dict[str, Any]] = [
            {
                "name": path,
                "contentLength": str(len(node.content or b"")),
                "lastModified": node.modified,
                "etag": node.etag,
                **({"isDirectory": "true"} if node.is_folder else {}),
            }
            for path, node in sorted(place.items())
            if not folder or path.startswith(f"{folder}/")
        ]
        self._answer(200, {"Content-Type": "application/json"}, json.dumps({"paths": found}).encode())

    def _read(self, node: Node) -> None:
        content = node.content or b""
        headers = {"ETag": node.etag, "Last-Modified": node.modified, "x-ms-blob-type": "BlockBlob"}
        headers |= {f"x-ms-meta-{name}": value for name, value in node.metadata.items()}
        if node.is_folder:
            headers["x-ms-meta-hdi_isfolder"] = "true"
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("x-ms-range", ""))
        if self.command == "HEAD" or asked is None:
            return self._answer(200, headers, content)
        first, last = int(asked[1]), min(int(asked[2]), len(content) - 1)
        if first >= len(content):
            raise _Refused(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self._answer(206, headers, content[first : last + 1])

    def _there(self, place: dict[str, Node], path: str, code: str) -> Node:
        if path not in place:
            raise _Refused(404, code)
        return place[path]

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
