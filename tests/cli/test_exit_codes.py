"""The exit codes of the semantics, over all commands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest

import reconciler
from reconciler.cli import exits
from reconciler.cli.main import COMMANDS
from reconciler.errors import Conflict, OutcomeUnknown, ReconcilerError, Refused, SourceError
from tests.cli.support import Reconcile
from tests.config.support import document, write

FLOW = "outbox/us-high-intent"
START, SLOT = "2054-12-01T00:00Z", "2054-12-01T02:00Z"
NEEDS_LEDGER = (("run",), ("export", FLOW), ("status",), ("history",), ("verify",))
NEEDS_PROJECT = (*NEEDS_LEDGER, ("ledger", "show"), ("ledger", "release", FLOW))
NEEDS_ALL = (("validate",), ("plan",), ("apply", "--yes"), ("list", "flows"), ("catalog", "--iam", "outbox"))


@pytest.fixture
def fresh(simulated: Path) -> Path:
    """Declared, and not applied yet."""
    return simulated


@pytest.fixture
def applied(fresh: Path, reconcile: Reconcile) -> Path:
    """Its flow is due at SLOT."""
    assert reconcile("-C", fresh, "apply", "--yes", "--at", START).code == 0
    return fresh


def code(reconcile: Reconcile, folder: Path, *arguments: str) -> int:
    found = reconcile("-C", folder, *arguments)
    assert "Traceback" not in found.err
    assert found.code == 0 or found.err or arguments[0] in ("plan", "apply", "validate", "verify"), found
    return found.code


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("validate",), 0),
        (("plan", "--at", START), 0),
        (("plan", "--at", START, "--detailed-exitcode"), 0),
        (("plan", "--at", SLOT, "--detailed-exitcode"), 2),
        (("plan", "--base", "nope"), 3),
        (("plan", "--at", START, "--select", "nope"), 4),
        (("apply", "--yes", "--at", START), 0),
        (("apply", "--yes", "--at", SLOT), 0),
        (("run", "--at", START), 0),
        (("run", "--at", SLOT), 0),
        (("export", FLOW, "--at", SLOT), 0),
        (("export", FLOW, "--at", SLOT, "--again", "2054-01-01T00:00Z"), 64),
        (("status", "--at", SLOT), 0),
        (("status", FLOW), 0),
        (("history",), 0),
        (("verify",), 0),
        (("ledger", "show"), 0),
        (("ledger", "show", "project"), 0),
        (("ledger", "show", "nope"), 64),
        (("ledger", "release", FLOW), 5),
        (("list", "flows"), 0),
        (("list", "nope"), 64),
        (("catalog",), 0),
        (("catalog", "nope"), 64),
        (("explain", "R101"), 0),
        (("explain", "nope"), 64),
        (("schema", "Audience"), 0),
        (("schema", "nope"), 64),
        (("run", "--at", "2053-01-01T00:00Z"), 4),
        (("apply", "--yes", "--at", "2053-01-01T00:00Z", "--select", "nope"), 4),
        *(
            ((*each, "--select", "nope"), 64)
            for each in (("run", "--at", SLOT), ("status",), ("history",), ("verify",))
        ),
        *(((*each, "outbox/nope"), 64) for each in (("export", "--at", SLOT), ("status",), ("history",), ("verify",))),
        *(((*each, "--at", "later"), 64) for each in (("plan",), ("apply",), ("run",), ("export", FLOW), ("status",))),
    ],
)
def test_of_an_applied_project(applied: Path, reconcile: Reconcile, arguments: tuple[str, ...], expected: int) -> None:
    assert code(reconcile, applied, *arguments) == expected


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_64(name: str, reconcile: Reconcile) -> None:
    assert reconcile(name, "--nope").code == exits.USAGE


@pytest.mark.parametrize("arguments", [*NEEDS_PROJECT, *NEEDS_ALL])
def test_a_project_that_is_not_valid_is_3(fresh: Path, reconcile: Reconcile, arguments: tuple[str, ...]) -> None:
    write(fresh, {"reconcile.yaml": document("Project", "shop", "{ledger: {url: 'ftp://x'}}")})
    assert code(reconcile, fresh, *arguments) == exits.INVALID


@pytest.mark.parametrize("arguments", [*NEEDS_PROJECT, *NEEDS_ALL])
def test_no_project_is_3(tmp_path: Path, reconcile: Reconcile, arguments: tuple[str, ...]) -> None:
    assert code(reconcile, tmp_path, *arguments) == exits.INVALID


@pytest.mark.parametrize("arguments", NEEDS_LEDGER)
def test_no_ledger_is_5(fresh: Path, reconcile: Reconcile, arguments: tuple[str, ...]) -> None:
    assert code(reconcile, fresh, *arguments) == exits.CONFLICT
    assert not (fresh / ".reconcile").exists()


def test_a_guard_is_4(fresh: Path, reconcile: Reconcile) -> None:
    activation = fresh / "activations" / "nightly.yaml"
    activation.write_text(activation.read_text() + "  guards: {export: {maxRows: 1}}\n")
    assert code(reconcile, fresh, "apply", "--yes", "--at", START) == 0
    assert code(reconcile, fresh, "run", "--at", SLOT) == exits.REFUSED
    assert code(reconcile, fresh, "export", FLOW, "--at", SLOT) == exits.REFUSED
    assert code(reconcile, fresh, "apply", "--yes", "--at", SLOT) == exits.REFUSED
    assert code(reconcile, fresh, "status", "--at", SLOT) == exits.DONE


def test_removals_that_were_not_allowed_are_4(applied: Path, reconcile: Reconcile) -> None:
    (applied / "activations" / "nightly.yaml").unlink()
    for command in (("plan", "--detailed-exitcode"), ("apply", "--yes")):
        assert code(reconcile, applied, *command, "--at", START) == exits.REFUSED


def test_a_stale_plan_is_5(fresh: Path, tmp_path: Path, reconcile: Reconcile) -> None:
    plan = str(tmp_path / "plan.json")
    assert code(reconcile, fresh, "plan", "--out", plan, "--at", START) == 0
    assert code(reconcile, fresh, "apply", plan, "--yes", "--at", START) == 0
    assert code(reconcile, fresh, "apply", plan, "--yes", "--at", START) == exits.CONFLICT


def test_another_runner_is_5(applied: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.api.demanding.run_flow", lambda *_: None)
    assert code(reconcile, applied, "export", FLOW, "--at", SLOT) == exits.CONFLICT
    monkeypatch.setattr("reconciler.api.runs.run_flow", lambda *_: None)
    assert code(reconcile, applied, "run", "--at", SLOT) == exits.DONE


def test_what_is_not_as_recorded_is_1(applied: Path, reconcile: Reconcile) -> None:
    assert code(reconcile, applied, "run", "--at", SLOT) == 0
    next((applied / "out").rglob("part-*")).unlink()
    assert code(reconcile, applied, "verify") == exits.FAILED


def failing(error: ReconcilerError) -> object:
    def fails(*_: object) -> NoReturn:
        raise error

    return fails


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SourceError("F118", "gone"), 1),
        (Refused("H101", "held"), 4),
        (Conflict("L121", "changed"), 5),
        (OutcomeUnknown("L103", "unknown"), 75),
    ],
)
def test_an_export_that_fails_alone_ends_with_its_own(
    applied: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch, error: ReconcilerError, expected: int
) -> None:
    for module in ("reconciler.api.runs", "reconciler.api.demanding", "reconciler.apply.changes"):
        monkeypatch.setattr(f"{module}.run_flow", failing(error))
    assert code(reconcile, applied, "run", "--at", SLOT) == expected
    assert code(reconcile, applied, "export", FLOW, "--at", SLOT) == expected
    assert code(reconcile, applied, "apply", "--yes", "--at", SLOT) == expected


@pytest.mark.parametrize(
    ("errors", "done", "expected"),
    [
        ([], 0, 0),
        ([], 3, 0),
        ([SourceError("F1", "")], 0, 1),
        ([SourceError("F1", "")], 1, 6),
        ([Refused("H1", ""), Refused("H1", "")], 0, 4),
        ([Refused("H1", ""), SourceError("F1", "")], 0, 6),
        ([OutcomeUnknown("L1", ""), SourceError("F1", "")], 5, 75),
    ],
)
def test_several_outcomes_together(errors: list[ReconcilerError], done: int, expected: int) -> None:
    assert exits.of_several(errors, done) == expected


def test_they_are_those_of_the_errors() -> None:
    assert reconciler.NotValid.exit_code == exits.INVALID
    assert reconciler.UsageError.exit_code == exits.USAGE
    assert reconciler.OutcomeUnknown.exit_code == exits.UNKNOWN
    assert (reconciler.Refused.exit_code, reconciler.Conflict.exit_code) == (exits.REFUSED, exits.CONFLICT)


def test_a_time_ahead_of_the_clock_is_64_on_a_real_ledger(tmp_path: Path, reconcile: Reconcile) -> None:
    folder = tmp_path / "real"
    reconcile("init", folder)
    ahead = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%MZ}"
    assert code(reconcile, folder, "plan", "--at", ahead) == exits.DONE
    assert code(reconcile, folder, "apply", "--yes", "--at", ahead) == exits.USAGE
    assert code(reconcile, folder, "apply", "--yes") == exits.DONE
    for command in (("run",), ("export", FLOW)):
        assert code(reconcile, folder, *command, "--at", ahead) == exits.USAGE
    assert code(reconcile, folder, "status", "--at", ahead) == exits.DONE
