from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.support import Reconcile
from tests.config.support import SAMPLE, write


@pytest.fixture(autouse=True)
def at_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever tests run: in CI a new local ledger is warned of, and an apply asks for --yes."""
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def reconcile(capsys: pytest.CaptureFixture[str]) -> Reconcile:
    """The command line, in this process."""
    return Reconcile(capsys)


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A sound project: destinations agency-s3 (prospects only) and outbox."""
    return write(tmp_path / "sample", {"all.yaml": SAMPLE})


@pytest.fixture
def project(tmp_path: Path, reconcile: Reconcile) -> Path:
    """What `init` makes, over a simulated ledger: time may run ahead of the clock."""
    folder = tmp_path / "shop"
    assert reconcile("init", folder).code == 0
    with (folder / "reconcile.yaml").open("a") as file:
        file.write('spec:\n  ledger: {url: "file://.reconcile/ledger", simulated: true}\n')
    return folder


@pytest.fixture
def simulated(tmp_path: Path, reconcile: Reconcile) -> Path:
    """What `init` writes, on a simulated ledger that isn't made yet: flow outbox/us-high-intent, daily at 02:00, 90 rows."""
    folder = tmp_path / "shop"
    assert reconcile("init", folder).code == 0
    with (folder / "reconcile.yaml").open("a") as file:
        file.write('spec:\n  ledger: {url: "file://.reconcile/ledger", simulated: true}\n')
    return folder
