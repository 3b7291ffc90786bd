"""The benchmark counts the requests of a plan over a ledger in S3, and the table says how many."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import control, s3, table

DOCUMENTS = 50
FLOWS, DESTINATIONS = 45, 1


def test_a_plan_once_cached_asks_for_the_project_and_two_lists(tmp_path: Path) -> None:
    result = control.plan_on_s3(tmp_path, DOCUMENTS, 1)
    assert {who: len(runs) for who, runs in result.runs.items()} == {"reconcile": 1, "with a cache": 1}
    assert result.note == f"requests: {3 + FLOWS + DESTINATIONS}, with a cache 3"
    assert list(table.lines([result]))[-1] == ("", result.note, "", "", "")


def test_without_a_server_the_work_is_told_as_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "ABSENT", "not here: moto isn't installed")
    (row,) = table.lines([control.plan_on_s3(tmp_path, DOCUMENTS, 1)])
    assert row[:2] == ("plan 45 flows, nothing to do, S3 ledger", "reconcile: not here: moto isn't installed")
