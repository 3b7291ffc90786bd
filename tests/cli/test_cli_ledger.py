"""`ledger show` and `ledger release`, the latter after a runner that died."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.api.project import Project
from reconciler.ledger import transitions
from reconciler.ledger.records import Lease, OpenRun
from reconciler.values.identity import FlowId
from tests.cli.support import Reconcile, simulated_shop

FLOW = FlowId("outbox", "audience", "us-high-intent")


@pytest.fixture
def applied(tmp_path: Path, reconcile: Reconcile) -> Path:
    folder = tmp_path / "shop"
    reconcile("init", folder)
    assert reconcile("-C", folder, "apply", "--yes").code == 0
    return folder


def claim_and_die(folder: Path) -> None:
    """Leaves what a runner leaves that is killed while it stages."""
    ledger = Project.open(folder).ledger()
    head = ledger.head(FLOW)
    assert head is not None
    now = datetime.now(UTC)
    document = head.document
    run = OpenRun(
        run_id="r0000000000000dead",
        epoch=document.epoch + 1,
        generation=document.generation,
        kind="full",
        slot=now,
        on_demand=True,
        spec=document.spec,
        source_id=document.source_id,
        folder="f",
        pin="0" * 64,
        lease=Lease(holder="gone", until=now + timedelta(hours=1)),
        claimed_at=now,
    )
    ledger.swap(head, transitions.claim(document, run, nonce=ledger.nonce()))


def test_show(applied: Path, reconcile: Reconcile) -> None:
    keys = reconcile("-C", applied, "ledger", "show").out.splitlines()
    assert {"project", "destinations/outbox", f"flows/{FLOW}"} <= set(keys)
    assert json.loads(reconcile("-C", applied, "ledger", "show", "project").out)["schemaVersion"] == 1
    assert reconcile("-C", applied, "ledger", "show", "nope").code == 64


def test_a_snapshot_is_listed_and_not_printed(applied: Path, reconcile: Reconcile) -> None:
    content = applied / "content"
    content.write_bytes(b"about people" * 200)
    Project.open(applied).ledger().store.write_blob("snapshots/r1", content)
    assert "snapshots/r1  2.4 kB" in reconcile("-C", applied, "ledger", "show").out.splitlines()
    found = reconcile("-C", applied, "ledger", "show", "snapshots/r1")
    assert (found.code, "U114" in found.err, "people" in found.out) == (64, True, False)


def test_release(applied: Path, reconcile: Reconcile) -> None:
    assert reconcile("-C", applied, "ledger", "release", FLOW.short).code == 5
    claim_and_die(applied)
    assert reconcile("-C", applied, "export", FLOW.short).code == 5
    assert reconcile("-C", applied, "ledger", "release", FLOW.short).code == 0
    found = reconcile("-C", applied, "export", FLOW.short)
    assert (found.code, "90 rows" in found.out) == (0, True)


def test_run_says_who_has_what_is_due(tmp_path: Path, reconcile: Reconcile) -> None:
    shop = simulated_shop(tmp_path / "shop", reconcile)
    assert reconcile("-C", shop, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    claim_and_die(shop)
    found = reconcile("-C", shop, "run", "--at", "2054-12-01T02:05Z")
    assert found.code == 0
    assert "Nothing due" not in found.out
    assert f"{FLOW.short}  left to another runner, whose lease ends at " in found.out
    assert f"reconcile ledger release {FLOW.short}" in found.out
    assert reconcile("-C", shop, "ledger", "release", FLOW.short).code == 0
    assert "✓ export" in reconcile("-C", shop, "run", "--at", "2054-12-01T02:06Z").out


def test_what_was_asked_for_and_another_has_open_is_told_where_nothing_is_due(
    applied: Path, reconcile: Reconcile
) -> None:
    claim_and_die(applied)
    found = reconcile("-C", applied, "plan")
    assert "is left to its runner until its lease ends at " in found.out
    found = reconcile("-C", applied, "apply", "--yes")
    assert (found.code, "✓ export" in found.out, found.out.endswith("1 left\n")) == (0, False, True), found.out
    assert f"{FLOW.short}  left to another runner, whose lease ends at " in found.out
    found = reconcile("-C", applied, "run")
    assert (found.code, "Nothing due" in found.out) == (0, False)
    assert f"{FLOW.short}  left to another runner, whose lease ends at " in found.out
    reconcile("-C", applied, "ledger", "release", FLOW.short)
    assert "was left open and will be discarded" in reconcile("-C", applied, "plan").out
    assert reconcile("-C", applied, "run").out.startswith("Nothing due. Next export ")
