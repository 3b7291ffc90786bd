"""`export --again`, as somebody calls it for a partner who lost a night's files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.support import Reconcile, simulated_shop

FLOW = "outbox/us-high-intent"


@pytest.fixture
def exported(tmp_path: Path, reconcile: Reconcile) -> Path:
    """Applied, and exported on the first night."""
    folder = simulated_shop(tmp_path / "shop", reconcile)
    assert reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    assert reconcile("-C", folder, "run", "--at", "2054-12-01T02:00Z").code == 0
    return folder


def test_the_same_rows_in_a_folder_of_their_own(exported: Path, reconcile: Reconcile) -> None:
    again = ("-C", exported, "export", FLOW, "--again", "2054-12-01T02:00Z", "--at", "2054-12-01T09:00Z")
    found = reconcile(*again)
    assert (found.code, "90 rows" in found.out, "resend" in found.out) == (0, True, True)
    first, second = sorted((exported / "out" / "us-high-intent").iterdir())
    assert second.name.startswith(f"{first.name}-r")
    (one,), (two,) = (list(each.glob("part-*")) for each in (first, second))
    assert one.read_bytes() == two.read_bytes()
    assert "resend" in reconcile("-C", exported, "history", FLOW).out
    assert reconcile("-C", exported, "verify").code == 0
    assert "0 rows" in reconcile("-C", exported, "run", "--at", "2054-12-02T02:00Z").out


def test_what_can_be_sent_again_is_listed(exported: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", exported, "export", FLOW, "--again", "2054-12-09T02:00Z", "--at", "2054-12-10T00:00Z")
    assert (found.code, "U109" in found.err) == (64, True)
    assert re.search(r"The newest are 2054-12-01T02:00Z \(r[a-z0-9]{16}\)", " ".join(found.err.split()))


def test_again_and_full_are_two_things(exported: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", exported, "export", FLOW, "--again", "2054-12-01T02:00Z", "--full")
    assert (found.code, "U111" in found.err) == (64, True)


def test_a_column_that_was_taken_out_does_not_leave_again(exported: Path, reconcile: Reconcile) -> None:
    activation = exported / "activations" / "nightly.yaml"
    declared = activation.read_text()
    activation.write_text(declared.replace("    - email\n", ""))
    assert activation.read_text() != declared
    assert reconcile("-C", exported, "apply", "--yes", "--no-exports", "--at", "2054-12-01T03:00Z").code == 0
    found = reconcile("-C", exported, "export", FLOW, "--again", "2054-12-01T02:00Z", "--at", "2054-12-01T09:00Z")
    assert (found.code, "H110" in found.err) == (4, True)
    assert len(list((exported / "out").rglob("part-*"))) == 1
