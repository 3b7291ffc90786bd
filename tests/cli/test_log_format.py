"""`--log-format json`: everything on stderr is one object a line, and none of it holds data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import Outcome, Reconcile
from tests.cli.test_cli_main import raising
from tests.config.support import edited, write

JSON = ("--log-format", "json")
AT = ("--at", "2054-12-01T02:00Z")


def lines(found: Outcome) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in found.err.splitlines()]
    assert all(each["version"] == 1 and each["time"].endswith("Z") for each in events)
    return events


@pytest.fixture
def applied(simulated: Path, reconcile: Reconcile) -> Path:
    found = reconcile(*JSON, "-C", simulated, "apply", "--yes", "--at", "2054-12-01T00:00Z")
    changed = [(each["event"], each["change"], each["subject"]) for each in lines(found)]
    assert changed == [
        ("changed", "create-destination", "outbox"),
        ("changed", "add-flow", "outbox/audience/us-high-intent"),
    ]
    assert "1 created" in found.out
    return simulated


def test_an_export(applied: Path, reconcile: Reconcile) -> None:
    found = reconcile(*JSON, "-C", applied, "run", *AT)
    (event,) = lines(found)
    assert (event["event"], event["level"], event["rows"], event["files"]) == ("exported", "info", 90, 1)
    assert (event["flow"], event["slot"]) == ("outbox/audience/us-high-intent", "2054-12-01T02:00Z")
    assert "✓ export" in found.out


def test_an_export_that_fails(applied: Path, reconcile: Reconcile) -> None:
    (next((applied / "data").rglob("*.parquet"))).write_bytes(b"PAR1 torn ada@example.com PAR1")
    found = reconcile(*JSON, "-C", applied, "run", *AT)
    assert found.code == 1
    (event,) = lines(found)
    assert (event["event"], event["level"], event["exitCode"]) == ("failed", "error", 1)
    assert event["code"].startswith("F")
    assert event["flow"] == "outbox/audience/us-high-intent"
    assert "ada@" not in found.err + found.out


def test_errors(tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> None:
    (event,) = lines(reconcile(*JSON, "-C", tmp_path, "status"))
    assert (event["event"], event["code"], event["exitCode"]) == ("error", "P109", 3)
    raising(ValueError("ada@example.com"), monkeypatch)
    (event,) = lines(reconcile(*JSON, "validate"))
    assert (event["code"], event["exitCode"]) == ("E002", 1)
    assert "ada@" not in json.dumps(event)
    raising(PermissionError(13, "Permission denied", "out/a"), monkeypatch)
    (event,) = lines(reconcile(*JSON, "validate"))
    assert event["detail"] == "Permission denied: out/a"


@pytest.mark.parametrize("given", [JSON, ("--log-format=json",)])
@pytest.mark.parametrize("wrong", [("nope",), ("run", "--nope"), ("-C", "/nope", "run"), ("run", "--at", "later")])
def test_wrong_usage(given: tuple[str, ...], wrong: tuple[str, ...], reconcile: Reconcile) -> None:
    found = reconcile(*given, *wrong)
    (event,) = lines(found)
    assert (found.code, found.out) == (64, "")
    assert (event["event"], event["level"], event["exitCode"]) == ("error", "error", 64)
    assert event["detail"]


def test_findings_of_a_configuration(sample: Path, reconcile: Reconcile) -> None:
    write(sample, {"all.yaml": edited("dataset: prospects", "dataset: prospect")})
    found = reconcile(*JSON, "-C", sample, "plan")
    (event,) = lines(found)
    assert (found.code, found.out) == (3, "")
    assert (event["event"], event["code"], event["path"]) == ("diagnostic", "R101", "all.yaml")
    assert event["line"] > 1


def test_a_literal_secret_is_never_repeated(sample: Path, reconcile: Reconcile) -> None:
    write(sample, {"b.yaml": "# AKIAIOSFODNN7EXAMPLE\nkind: AKIAIOSFODNN7EXAMPLE\napiVersion: reconciler/v1\n"})
    found = reconcile(*JSON, "-C", sample, "plan")
    assert found.code == 3
    assert len(lines(found)) > 1
    assert "AKIA" not in found.err + found.out
