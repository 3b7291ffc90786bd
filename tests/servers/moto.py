"""moto's server: STS, KMS, and an S3 that knows SSE. It accepts any secret and never checks a signature.

with moto() as server: ...
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.servers.process import ServerFailed, answers, free_ports, running
from tests.servers.s3 import S3Server


@contextlib.contextmanager
def moto() -> Iterator[S3Server]:
    """Starts a server on a free loopback port; tried three times, since the port may be taken meanwhile."""
    for attempt in range(3):
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moto-")))
            port = free_ports(1)[0]
            endpoint = f"http://127.0.0.1:{port}"
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
            try:
                stack.enter_context(running(command, folder / "log", partial(answers, f"{endpoint}/moto-api/")))
            except ServerFailed:
                if attempt == 2:
                    raise
                continue
            yield S3Server(endpoint, "any-access-key", "any-secret-key")
            return
