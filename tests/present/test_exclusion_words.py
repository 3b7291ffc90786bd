"""A plan says who stays and how increments are told."""

from __future__ import annotations

from pathlib import Path

from reconciler.present.words import exclusions, increments
from reconciler.values.identity import FlowId
from tests.config.support import loaded
from tests.config.test_config_exclusions import WHOLE

FLOW = FlowId("agency-s3", "audience", "us-high-intent")


def test_who_stays_in_short(tmp_path: Path) -> None:
    desired = loaded(tmp_path, WHOLE).desired
    assert desired is not None
    assert exclusions(desired.flows[FLOW].spec) == (
        "suppressed by opted-out · without consent (country: US) · expired after 25d (ingested_at) · "
        "repeated prospect_id, older by ingested_at"
    )
    assert increments(desired.flows[FLOW].spec) == ""


def test_a_cursor_in_short(tmp_path: Path) -> None:
    text = WHOLE.replace("{strategy: files, settle: 5m}", "{strategy: cursor, column: ingested_at, lag: 1h}")
    desired = loaded(tmp_path, text).desired
    assert desired is not None
    assert increments(desired.flows[FLOW].spec) == "cursor over ingested_at, lag 1h"
