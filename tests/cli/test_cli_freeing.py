"""What no flow needs goes from the ledger beside the work of `run` and `apply`; where it can't, that is a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import StoreError
from reconciler.stores.folder import FolderStore
from tests.cli.support import Reconcile, simulated_shop


@pytest.fixture
def removed(tmp_path: Path, reconcile: Reconcile) -> Path:
    """A project whose only flow exported once and was removed."""
    folder = simulated_shop(tmp_path / "shop", reconcile)
    reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T00:00Z")
    reconcile("-C", folder, "run", "--at", "2054-12-01T02:00Z")
    (folder / "activations" / "nightly.yaml").unlink()
    found = reconcile("-C", folder, "apply", "--yes", "--allow-removals", "all", "--at", "2054-12-01T03:00Z")
    assert found.code == 0
    assert pins(folder) == 1
    return folder


def pins(folder: Path) -> int:
    return len(list((folder / ".reconcile" / "ledger" / "pins").iterdir()))


@pytest.mark.parametrize("command", [("run",), ("apply", "--yes")])
def test_two_calls_free_it(removed: Path, reconcile: Reconcile, command: tuple[str, ...]) -> None:
    assert reconcile("-C", removed, *command, "--at", "2054-12-01T04:00Z").code == 0
    assert pins(removed) == 1
    assert reconcile("-C", removed, *command, "--at", "2054-12-01T05:00Z").code == 0
    assert pins(removed) == 0


def test_a_failure_is_a_warning(removed: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(self: FolderStore, key: str, *_: object) -> str:
        raise StoreError("L137", "the ledger's folder can't be used", key)

    monkeypatch.setattr(FolderStore, "replace", refuses)
    found = reconcile("-C", removed, "run", "--at", "2054-12-01T04:00Z")
    assert (found.code, "L137" in found.err, "tries again" in found.err) == (0, True, True)
