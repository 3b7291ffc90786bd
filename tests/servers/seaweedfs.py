"""A real SeaweedFS with its S3 gateway: conditional writes, multipart uploads, signatures and per-identity permissions.

    with seaweedfs() as server: bucket = server.create_bucket()

Ready in about 3 s, 230 MB resident. Lacks: SSE (500), expected bucket owner (ignored). See tests/servers/README.md.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.servers.process import ServerFailed, answers, free_ports, running
from tests.servers.s3 import S3Server

FULL = ("full-access-key", "full-secret-key")
WRITE_ONLY = ("write-only-access-key", "write-only-secret-key")
READ_ONLY = ("read-only-access-key", "read-only-secret-key")

_ACTIONS = {
    FULL: ["Admin", "Read", "Write", "List", "Tagging"],
    WRITE_ONLY: ["Write"],
    READ_ONLY: ["Read", "List"],
}

# A bucket gets seven volumes at once by default, of which there are only so many: a bucket per test uses them up.
_ONE_VOLUME_A_TIME = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}


def limited(server: S3Server, keys: tuple[str, str]) -> S3Server:
    """The same server as an identity with fewer permissions: `WRITE_ONLY` or `READ_ONLY`."""
    return replace(server, access_key=keys[0], secret_key=keys[1])


@contextlib.contextmanager
def seaweedfs() -> Iterator[S3Server]:
    """Starts a server with empty data on free loopback ports; tried three times, as a port may be taken meanwhile."""
    for attempt in range(3):
        folder = Path(tempfile.mkdtemp(prefix="weed-"))
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            try:
                server = stack.enter_context(_started(folder))
            except ServerFailed:
                if attempt == 2:
                    raise
                continue
            yield server
            return


@contextlib.contextmanager
def _started(folder: Path) -> Iterator[S3Server]:
    ports = free_ports(8)
    endpoint = f"http://127.0.0.1:{ports[6]}"
    with running(
        _command(folder, ports), folder / "log", lambda: answers(f"{endpoint}/healthz"), env=_ONE_VOLUME_A_TIME
    ):
        yield S3Server(endpoint, *FULL)


def _command(folder: Path, ports: list[int]) -> list[str]:
    (folder / "data").mkdir()
    identities = [
        {"name": access, "credentials": [{"accessKey": access, "secretKey": secret}], "actions": actions}
        for (access, secret), actions in _ACTIONS.items()
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    names = (
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
        "s3.port",
        "s3.port.grpc",
    )
    return [
        str(Path(sys.executable).parent / "weed"),
        "-v=0",
        "server",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        *(f"-{name}={port}" for name, port in zip(names, ports, strict=True)),
        "-s3",
        f"-s3.config={folder / 's3.json'}",
        "-s3.autoCreateBucket=false",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.localSocket={folder / 's3.sock'}",
        f"-filer.localSocket={folder / 'filer.sock'}",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=256",
        "-volume.max=2000",
        "-volume.preStopSeconds=0",
    ]
