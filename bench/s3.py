"""An S3 server for the works that need one, which counts what is asked of it: moto's, in a process of its own.

with serving() as server: server.environment; server.requests()
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from bench.measuring import ROOT, environment

ABSENT = "" if find_spec("moto") else "not here: moto isn't installed"
"""Why there is no server, if there is none."""
BUCKET = "bench"
_COUNT = "/bench-requests"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server with an empty bucket."""

    endpoint: str

    @property
    def environment(self) -> Mapping[str, str]:
        """With which a child process finds this server, and nothing of this machine's user."""
        return {
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def requests(self) -> int:
        """How many arrived so far."""
        return int(_ask(f"{self.endpoint}{_COUNT}"))


@contextmanager
def serving() -> Iterator[Server]:
    """Runs a server until the block ends."""
    command = (sys.executable, "-m", "bench.s3")
    pipe, given = subprocess.PIPE, environment(PYTHONPATH=str(ROOT))
    with subprocess.Popen(command, env=given, stdin=pipe, stdout=pipe, text=True) as child:
        # Leaving closes its input, which ends it, and waits.
        assert child.stdout is not None
        port = child.stdout.readline().strip()
        if not port:
            raise SystemExit("the S3 server didn't start")
        server = Server(f"http://127.0.0.1:{port}")
        _ask(f"{server.endpoint}/{BUCKET}", "PUT")
        yield server


def _ask(url: str, method: str = "GET") -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=60) as answer:
        body: bytes = answer.read()
    return body


class _Counting:
    """An application before which requests are counted, but for those that ask how many there were."""

    def __init__(self, application: Callable[[dict[str, Any], Any], Iterable[bytes]]) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._count = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == _COUNT:
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [str(self._count).encode()]
        with self._lock:
            self._count += 1
        return self._application(environ, start_response)


def main() -> None:
    """Serves on a free port, which it prints, until its input ends: so it doesn't outlive who started it."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # or it tells of every request
    application = _Counting(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
