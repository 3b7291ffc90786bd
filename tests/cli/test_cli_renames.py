"""A rename onto the name of a flow that was removed, by an apply that ends between the old head and the new one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.stores.ledger import Ledger
from tests.cli.support import Reconcile, simulated_shop


def rename(folder: Path, old: str, new: str, *, said: bool) -> None:
    """The only audience gets another name, as a rename or as a new one."""
    audience = folder / "audiences" / "us-high-intent.yaml"
    more = f", renamedFrom: {old}" if said else ""
    lines = audience.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("metadata:"))
    lines[at] = f"metadata: {{name: {new}{more}}}"
    audience.write_text("\n".join(lines) + "\n")
    activation = folder / "activations" / "nightly.yaml"
    activation.write_text(activation.read_text().replace(f"[{old}]", f"[{new}]"))


def test_the_next_apply_completes_it_with_the_cursor(
    tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = simulated_shop(tmp_path / "shop", reconcile)

    def apply(hour: int) -> Any:
        at = f"2054-12-01T{hour:02}:00Z"
        return reconcile("-C", folder, "apply", "--yes", "--allow-removals", "all", "--at", at)

    assert apply(0).code == 0
    rename(folder, "us-high-intent", "us-hot", said=False)
    assert apply(1).code == 0  # us-high-intent is removed
    assert "90 rows" in reconcile("-C", folder, "run", "--at", "2054-12-01T02:00Z").out
    rename(folder, "us-hot", "us-high-intent", said=True)
    swap, swaps = Ledger.swap, []

    def dies_at_the_second(self: Ledger, *arguments: Any) -> Any:
        swaps.append(arguments)
        if len(swaps) == 2:
            raise RuntimeError("the process ends here")
        return swap(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "swap", dies_at_the_second)
        assert apply(3).code == 1
    found = apply(4)
    assert (found.code, "1 moved" in found.out) == (0, True), found
    assert "0 rows" in reconcile("-C", folder, "run", "--at", "2054-12-02T02:00Z").out
