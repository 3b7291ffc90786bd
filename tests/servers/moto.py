"""moto's server: STS, KMS, and an S3 that knows SSE. It accepts any secret and never checks a signature.

moto judges a precondition and writes in two steps, and its own server runs each request on a thread: of two
replaces at once both could win, as in no real S3. So its application runs here one request after the other.

with moto() as server: ...
"""

from __future__ import annotations

import contextlib
import io
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.servers.process import ServerFailed, answers, free_ports, running
from tests.servers.s3 import S3Server

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def moto() -> Iterator[S3Server]:
    """Starts a server on a free loopback port; tried three times, since the port may be taken meanwhile."""
    for attempt in range(3):
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moto-")))
            port = free_ports(1)[0]
            endpoint = f"http://127.0.0.1:{port}"
            command = [sys.executable, "-m", "tests.servers.moto", str(port)]
            try:
                ready = partial(answers, f"{endpoint}/moto-api/")
                stack.enter_context(running(command, folder / "log", ready, env={"PYTHONPATH": str(ROOT)}))
            except ServerFailed:
                if attempt == 2:
                    raise
                continue
            yield S3Server(endpoint, "any-access-key", "any-secret-key")
            return


class OneAtATime:
    """The application, called under a lock. A body is read before, so that a client that stops sending stops itself alone."""

    def __init__(self, application: Callable[[dict[str, Any], Any], Iterable[bytes]]) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH")
        if length or environ.get("wsgi.input_terminated"):
            body = environ["wsgi.input"]
            environ["wsgi.input"] = io.BytesIO(body.read(int(length)) if length else body.read())
        with self._lock:
            return self._application(environ, start_response)


def serve(port: int) -> None:
    """moto's server on this port, until it is told to end."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import run_simple

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    application = OneAtATime(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", port, application, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
