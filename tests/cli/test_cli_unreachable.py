"""A destination whose account is gone: what is left there, or can't be verified, is said with a way out; nothing else waits for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.api.wiring import Wiring
from reconciler.errors import AccountError
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import AbandonedRun, FlowHead
from reconciler.stores.folder import FolderStore
from reconciler.stores.ledger import Ledger
from reconciler.values.identity import FlowId
from tests.cli.support import Reconcile, simulated_shop

FLOW = FlowId("outbox", "audience", "us-high-intent")
RUN = "r0123456789abcdef"


@pytest.fixture
def shop(tmp_path: Path, reconcile: Reconcile) -> Path:
    """One night was exported to `outbox`, and the dataset as it is to `second`."""
    folder = simulated_shop(tmp_path / "shop", reconcile)
    (folder / "second.yaml").write_text(
        "apiVersion: reconciler/v1\nkind: Destination\nmetadata: {name: second}\n"
        "spec: {type: local, connection: {path: second}}\n---\n"
        "apiVersion: reconciler/v1\nkind: Activation\nmetadata: {name: second-nightly}\n"
        "spec: {destination: second, schedule: nightly, audiences: [us-high-intent]}\n"
    )
    assert reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    assert reconcile("-C", folder, "run", "--at", "2054-12-01T02:00Z").code == 0
    return folder


@pytest.fixture
def gone(shop: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same; the account of `outbox` isn't there any more."""
    real = Wiring.destination

    def open_destination(self: Wiring, destination: Any) -> Any:
        if destination.name == "outbox":
            raise AccountError("A101", "a secret isn't there", "The environment has no AGENCY_KEY. Set it.")
        return real(self, destination)

    monkeypatch.setattr(Wiring, "destination", open_destination)
    return shop


def leave_behind(folder: Path, at: str | None = None) -> Ledger:
    """A run of the flow was abandoned, and what it staged is still to be discarded: where the flow exports to, or in a folder `at`."""
    nonces = iter(f"n{number}" for number in range(99))
    ledger = Ledger(FolderStore(folder / ".reconcile" / "ledger"), lambda: next(nonces), lambda _: None)
    found = ledger.read(FlowHead, keys.flow(FLOW))
    assert found is not None
    head = found.document
    destination = head.spec.destination
    if at is not None:
        connection = destination.spec.connection.model_copy(update={"path": at})
        destination = destination.model_copy(
            update={"spec": destination.spec.model_copy(update={"connection": connection})}
        )
    left = AbandonedRun(run_id=RUN, destination=destination, reason="test", at=head.recorded_at)
    ledger.swap(found, transitions.conditioned(head.model_copy(update={"abandoned": (left,)}), None, nonce="n"))
    return ledger


def test_verify_reports_it_and_goes_on(gone: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", gone, "verify")
    assert (found.code, "A101" in found.out, "1 run, 2 files verified" in found.out) == (6, True, True), found
    assert "1 run couldn't be looked at" in found.out
    (failed,) = json.loads(reconcile("-C", gone, "verify", "--format", "json").out)["failed"]
    assert (failed["flow"], failed["destination"], failed["code"]) == (str(FLOW), "outbox", "A101")
    alone = reconcile("-C", gone, "verify", "--destination", "outbox")
    assert (alone.code, "nothing to verify" in alone.out) == (1, True)


def test_what_is_left_behind_is_named_with_its_run_and_the_way_out(gone: Path, reconcile: Reconcile) -> None:
    leave_behind(gone)
    for command in (("run",), ("apply", "--yes")):
        found = reconcile("-C", gone, *command, "--at", "2054-12-01T04:00Z")
        said = " ".join(found.err.split())
        assert (found.code, "H122" in said, "A101" in said) == (1, True, True), found
        assert f"reconcile ledger abandon {RUN}" in said
    (left,) = json.loads(reconcile("-C", gone, "status", "--format", "json").out)["cleanUps"]
    assert (left["what"], left["runId"], left["code"], left["attempts"]) == ("discard", RUN, "A101", 2)
    assert f"run {RUN} · since 2054-12-01 04:00 UTC, tried 2 times" in reconcile("-C", gone, "status").out
    given_up = reconcile("-C", gone, "ledger", "abandon", RUN)
    assert (given_up.code, "Given up" in given_up.out) == (0, True), given_up
    assert reconcile("-C", gone, "run", "--at", "2054-12-01T04:30Z").code == 0


@pytest.mark.parametrize("parallel", ["1", "2"])
def test_what_is_left_behind_is_told_beside_an_export_that_is_due(
    shop: Path, reconcile: Reconcile, parallel: str
) -> None:
    leave_behind(shop, at="was-here")
    found = reconcile("-C", shop, "run", "--parallel", parallel, "--at", "2054-12-02T02:00Z")
    said = " ".join(found.err.split())
    assert (found.code, "H122" in said, f"reconcile ledger abandon {RUN}" in said) == (6, True, True), found
    assert "2 exported · 1 failed" in found.out
    assert said.count("✗ discard") == 1
    assert json.loads(reconcile("-C", shop, "status", "--format", "json").out)["cleanUps"][0]["attempts"] == 1
