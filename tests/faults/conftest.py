"""Places to break things at, and the driver that does it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.faults.place")

from tests.faults.driver import Driver  # noqa: E402
from tests.faults.place import Build, Place, furnished  # noqa: E402
from tests.servers.s3 import S3Server  # noqa: E402


@pytest.fixture(params=["local", "s3"])
def kind(request: pytest.FixtureRequest) -> str:
    """Where ledger and destination are."""
    return str(request.param)


@pytest.fixture
def server(kind: str, request: pytest.FixtureRequest) -> S3Server | None:
    """The store behind `s3`; none is started for `local`."""
    found: S3Server | None = request.getfixturevalue("seaweed_server") if kind == "s3" else None
    return found


@pytest.fixture
def build(server: S3Server | None, tmp_path: Path) -> Build:
    """Makes places of their own, each with the flow applied."""
    bucket = server.create_bucket("faults") if server else ""
    numbers = itertools.count(1)

    def made() -> Place:
        name = f"place-{next(numbers)}"
        return furnished(Place(str(tmp_path / name), bucket, name, server))

    return made


@pytest.fixture
def driver(server: S3Server | None) -> Iterator[Driver]:
    """A driver that knows the server's keys."""
    with Driver(server) as found:
        yield found
