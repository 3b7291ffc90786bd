# ruff: noqa: E501 - documents read best on one line
"""Several flows of one audience to one destination, and what an activation says otherwise than its destination."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.values.identity import FlowId
from tests.config.support import SAMPLE, codes, document, loaded, marked

MORE = "---\n"
WHOLE = "destination: outbox, schedule: nightly, audiences: [us-high-intent], mode: full"


def extra(spec: str, name: str = "weekly") -> str:
    return SAMPLE + "\n" + MORE + document("Activation", name, "{" + spec + "}")


def test_a_feed_is_a_flow_of_its_own_with_a_folder_of_its_own(tmp_path: Path) -> None:
    found = loaded(tmp_path, extra(f"{WHOLE}, feed: whole, format: {{type: json}}, files: {{single: true}}"))
    assert found.desired is not None, found.diagnostics
    plain = found.desired.flows[FlowId("outbox", "audience", "us-high-intent")].spec
    feed = found.desired.flows[FlowId("outbox", "audience", "us-high-intent", "whole")].spec
    assert str(feed.flow_id) == "outbox/audience/us-high-intent/whole"
    assert feed.destination.spec.files.folder == "{source_id}/{feed}/exportTime={slot:%Y%m%d%H%M}"
    assert (feed.destination.spec.format.type, feed.destination.spec.files.single) == ("json", True)
    assert (plain.destination.spec.format.type, plain.destination.spec.files.single) == ("csv", False)


def test_files_of_an_activation_change_only_what_they_name(tmp_path: Path) -> None:
    text = extra(
        "destination: agency-s3, schedule: nightly, datasets: [prospects], columns: [email], backfill: full, feed: a, files: {whenEmpty: skip}"
    )
    text = text.replace("accepts: [prospects]", "accepts: [prospects, datasets]")
    found = loaded(tmp_path, text)
    assert found.desired is not None, found.diagnostics
    files = found.desired.flows[FlowId("agency-s3", "dataset", "prospects", "a")].spec.destination.spec.files
    assert (files.max_rows, files.when_empty) == (5_000_000, "skip")


@pytest.mark.parametrize(
    ("spec", "code", "where", "detail"),
    [
        (WHOLE, "R109", "us-high-intent", "give one a feed of its own"),
        (f"{WHOLE}, feed: a, files: {{folder: '{{source_id}}/x'}}", "T104", "a", "Write {feed}"),
        (f"{WHOLE.replace('us-high-intent', 'de')}, files: {{folder: '{{source_id}}/{{feed}}'}}", "T104", "spec", "Add feed"),
        (f"{WHOLE}, feed: a, files: {{name: '{{part}}.{{ext}}'}}", "T104", "files", "{run_id}"),
        (f"{WHOLE}, feed: Not-Lower", "C105", "Not-Lower", ""),
    ],
)  # fmt: skip
def test_what_does_not_go_together(tmp_path: Path, spec: str, code: str, where: str, detail: str) -> None:
    text = extra(spec)
    found = loaded(tmp_path, text).diagnostics
    assert code in codes(found), found
    first = next(each for each in found if each.code == code)
    assert marked(text, first) == where
    assert detail in first.detail
