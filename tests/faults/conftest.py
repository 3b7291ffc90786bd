"""Places to break things at, and the driver that does it."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.faults.look", "tests.faults.place", "tests.faults.scenarios")

from tests.faults import clouds  # noqa: E402
from tests.faults.clients import share_clients  # noqa: E402
from tests.faults.driver import Driver  # noqa: E402
from tests.faults.place import MEMORY, Kind, Place, environment  # noqa: E402
from tests.faults.points import tried  # noqa: E402
from tests.servers.openssh import SshServer  # noqa: E402
from tests.servers.s3 import S3Server  # noqa: E402

Build = Callable[[], Place]
"""Gives an empty place of its own."""

_TALLY = "faults"


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module", params=["local", "s3"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Where ledger and destination are."""
    found: Kind = request.param
    return found


@pytest.fixture(scope="module")
def build(kind: Kind, scratch: Path, request: pytest.FixtureRequest) -> Iterator[Build]:
    """Makes places. A server is started only for those that need one."""
    numbers = itertools.count(1)
    server: S3Server | None = request.getfixturevalue("seaweed_server") if kind.startswith("s3") else None
    ssh: SshServer | None = request.getfixturevalue("openssh_server") if kind == "sftp" else None
    bucket = server.create_bucket("faults") if server else ""
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        cloud = stack.enter_context(clouds.maker(kind, request.getfixturevalue)) if kind in clouds.OTHERS else None
        patch.delenv("CI", raising=False)
        share_clients(patch.setattr)
        last: list[clouds.Cloud] = []

        def made() -> Place:
            name = f"{kind}-{next(numbers)}"
            if ssh is not None:  # its user finds the way to a folder that is its own
                (scratch / name / "out").mkdir(parents=True)
                scratch.chmod(0o711)
                ssh.own(scratch / name / "out")
            while last:  # servers get slower, the more they keep
                last.pop().empty()
            last.extend([cloud(scratch / name / "out")] if cloud else [])
            place = Place(str(scratch / name), kind, bucket, name, server, ssh, *last)
            for key, value in environment(place).items():
                patch.setenv(key, value)
            return place

        yield made


@pytest.fixture(scope="session")
def drivers() -> Iterator[dict[bool, Driver]]:
    """Drivers by whether the package of `sqlar` is installed for them."""
    found: dict[bool, Driver] = {}
    yield found
    for each in found.values():
        each.close()


@pytest.fixture(scope="module")
def driver(build: Build, kind: Kind, drivers: dict[bool, Driver]) -> Driver:
    """A driver for such places."""
    found = drivers.get(kind == "sqlar") or drivers.setdefault(kind == "sqlar", Driver())
    found.serve(build)
    return found


@pytest.fixture(autouse=True)
def tally(request: pytest.FixtureRequest) -> Iterator[None]:
    """Notes what a test broke, in whichever process it runs."""
    before = Counter(tried)
    yield
    request.node.user_properties.append((_TALLY, dict(tried - before)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line: how much was broken in all."""
    total: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for each in reports:
            if getattr(each, "when", "") == "teardown":
                for name, found in each.user_properties:
                    total += Counter(found if name == _TALLY else {})
    if total:
        terminalreporter.write_line("faults: " + ", ".join(f"{n:,} {what}" for what, n in sorted(total.items())))
