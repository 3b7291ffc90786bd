"""Fixtures that many tests share. Real servers start on first use, one of each per test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.servers.faultproxy import FaultProxy
from tests.servers.moto import moto
from tests.servers.s3 import S3Server
from tests.servers.seaweedfs import seaweedfs

# A slow machine is no failure: nothing is judged by the clock.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def seaweed_server() -> Iterator[S3Server]:
    """A running SeaweedFS; use a bucket of your own (`server.create_bucket()`)."""
    with seaweedfs() as server:
        yield server


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    """A running moto server; use names of your own."""
    with moto() as server:
        yield server


@pytest.fixture
def seaweed_proxy(seaweed_server: S3Server) -> Iterator[FaultProxy]:
    """A fault proxy in front of SeaweedFS, without rules yet."""
    with FaultProxy(seaweed_server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def moto_proxy(moto_server: S3Server) -> Iterator[FaultProxy]:
    """A fault proxy in front of moto, without rules yet."""
    with FaultProxy(moto_server.endpoint) as proxy:
        yield proxy
