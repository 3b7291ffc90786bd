"""`run` over several flows of which one goes wrong: the others are exported, and the exit code says what is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import StoreError
from reconciler.ledger.store import AmbiguousWrite, Stored
from reconciler.stores.folder import FolderStore
from tests.cli.support import Outcome, Reconcile, simulated_shop

SECOND = """
apiVersion: reconciler/v1
kind: Audience
metadata: {name: anyone}
spec: {dataType: prospects, dataset: prospects, where: intent_score >= 0}
"""


@pytest.fixture
def project(tmp_path: Path, reconcile: Reconcile) -> Path:
    """Two applied flows, `anyone` before `us-high-intent`, due at 02:00."""
    folder = simulated_shop(tmp_path / "shop", reconcile)
    (folder / "audiences" / "anyone.yaml").write_text(SECOND)
    activation = folder / "activations" / "nightly.yaml"
    activation.write_text(activation.read_text().replace("[us-high-intent]", "[us-high-intent, anyone]"))
    assert reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    return folder


def night(reconcile: Reconcile, project: Path, *arguments: str) -> Outcome:
    return reconcile("-C", project, "run", "--at", "2054-12-01T02:00Z", *arguments)


def fail_swaps_of_anyone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store hangs up while it swaps that flow's head, and can't be read afterwards."""
    replace, read, lost = FolderStore.replace, FolderStore.read, set()

    def hangs_up(self: FolderStore, key: str, body: bytes, version: str) -> str:
        if key.endswith("/anyone"):
            lost.add(key)
            raise AmbiguousWrite(key, "the connection was reset")
        return replace(self, key, body, version)

    def is_down(self: FolderStore, key: str) -> Stored | None:
        if key in lost:
            raise StoreError("L130", "the ledger can't be reached", key)
        return read(self, key)

    monkeypatch.setattr(FolderStore, "replace", hangs_up)
    monkeypatch.setattr(FolderStore, "read", is_down)


def test_one_flow_that_fails_leaves_the_others_exported(project: Path, reconcile: Reconcile) -> None:
    (project / "out" / "anyone").write_text("in the way of its folder")
    found = night(reconcile, project)
    assert (found.code, "us-high-intent" in found.out, "anyone" in found.err) == (6, True, True)
    assert len(list((project / "out" / "us-high-intent").rglob("part-*"))) == 1


def test_an_unexpected_failure_of_one_flow_is_told_without_its_text(
    project: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.apply.stage import stage

    def breaks(context: object, run: object, *arguments: object) -> object:
        if run.source_id == "anyone":  # type: ignore[attr-defined]
            raise ValueError("jane@example.com")
        return stage(context, run, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("reconciler.apply.runs.stage", breaks)
    found = night(reconcile, project)
    assert (found.code, "us-high-intent" in found.out) == (6, True)
    assert "ValueError" in found.err
    assert "jane" not in found.err + found.out


def test_an_unknown_outcome_is_what_the_exit_code_says(
    project: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_swaps_of_anyone(monkeypatch)
    found = night(reconcile, project)
    assert (found.code, "L103" in found.err, "us-high-intent" in found.out) == (75, True, True)
    assert list((project / "out").rglob(".reconciler-staging/*")) == []
