"""How a comparison is said: in a flow's plan, in a run's line, in the history and the status."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.present.words import backfill, changes, columns, guards, increments, removed
from reconciler.resources.effective import FlowSpec
from reconciler.values.changed import ChangeCounts
from reconciler.values.identity import FlowId
from tests.config.support import edited, loaded
from tests.config.test_config_diff import OWN, TOLD

FLOW = FlowId("agency-s3", "audience", "us-high-intent")


def spec_of(folder: Path, text: str) -> FlowSpec:
    desired = loaded(folder, text).desired
    assert desired is not None
    return desired.flows[FLOW].spec


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("ignore", "who left is not told"),
        ("tombstone", "who left as rows with the key alone"),
        ("folder", "who left in files of their own (_removed/)"),
    ],
)
def test_how_a_flow_is_compared(how: str, said: str, tmp_path: Path) -> None:
    spec = spec_of(tmp_path, edited("removed: folder", f"removed: {how}", TOLD))
    assert increments(spec) == f"diff by prospect_id · {said}"
    assert columns(spec) == "prospect_id, email → contact, op (added, changed or removed)"


def test_what_is_limited_and_what_begins(tmp_path: Path) -> None:
    text = edited("export: {maxRows: 2000000}", "export: {maxRows: 2000000, maxRemoved: 5%}", TOLD)
    spec = spec_of(tmp_path, edited("backfill: full", "backfill: none", text))
    assert guards(spec).endswith("export ≤ 2,000,000 rows, removed ≤ 5%")
    assert backfill(spec) == "nothing; only what changes from then on"


def test_a_full_export_compares_nothing(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, edited("mode: incremental", "mode: full", edited(OWN, "", TOLD)))
    assert increments(spec) == ""
    assert columns(spec) == "prospect_id, email → contact"


def test_counts_in_short() -> None:
    found = ChangeCounts(added=1_200, changed=30, unchanged=9, removed={"suppressed": 3, "gone": 12, "filter": 0})
    assert changes(found) == " · +1,200 ~30 −15"
    assert removed(found) == " · removed: 3 suppressed, 12 gone from the source"
    assert (changes(None), removed(None)) == ("", "")
    assert removed(ChangeCounts(added=0, changed=0, unchanged=1)) == ""
