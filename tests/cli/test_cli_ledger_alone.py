"""What runs at night needs the ledger: a configuration that is wrong elsewhere stops none of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.support import Reconcile
from tests.config.support import document, write

FLOW = "outbox/us-high-intent"


@pytest.fixture
def broken(simulated: Path, reconcile: Reconcile) -> Path:
    """A project that was applied, and whose files were then made invalid in many ways."""
    assert reconcile("-C", simulated, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    write(
        simulated,
        {
            "audiences/torn.yaml": "apiVersion: reconciler/v1\nkind: Audience\nmetadata: {name: [\n",
            "activations/nightly.yaml": document("Activation", "nightly", "{destination: gone}"),
            "large.yaml": "# " + "x" * 2_000_000,
            "key.yaml": "# AKIAIOSFODNN7EXAMPLE\n",
        },
    )
    assert reconcile("-C", simulated, "validate").code == 3
    return simulated


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--at", "2054-12-01T02:00Z"),
        ("export", FLOW, "--at", "2054-12-01T01:00Z"),
        ("status", "--at", "2054-12-01T01:00Z"),
        ("history",),
        ("verify",),
        ("ledger", "show"),
    ],
)
def test_it_works_beside_a_configuration_that_is_invalid(
    broken: Path, reconcile: Reconcile, arguments: tuple[str, ...]
) -> None:
    found = reconcile("-C", broken, *arguments)
    assert (found.code, found.err) == (0, "")
    assert found.out != "Nothing due.\n"


@pytest.mark.parametrize("arguments", [("run",), ("export", FLOW), ("status",), ("verify",), ("ledger", "show")])
def test_what_names_the_ledger_must_be_sound(broken: Path, reconcile: Reconcile, arguments: tuple[str, ...]) -> None:
    write(broken, {"reconcile.yaml": document("Project", "shop", "{ledger: {url: 'file://../x'}}")})
    found = reconcile("-C", broken, *arguments)
    assert (found.code, found.out) == (3, "")
    assert "P101" in found.err
    assert "reconcile.yaml:4" in found.err


def test_a_ledger_of_another_environment_is_not_exported_from(broken: Path, reconcile: Reconcile) -> None:
    write(broken, {"environments/prod.yaml": ""})
    for arguments in (("run",), ("export", FLOW)):
        found = reconcile("-C", broken, *arguments, "--env", "prod", "--at", "2054-12-01T02:00Z")
        assert (found.code, found.out) == (4, "")
        assert "L150" in found.err
    assert reconcile("-C", broken, "status", "--env", "prod", "--at", "2054-12-01T02:00Z").code == 0


def test_a_pattern_that_fits_nothing_is_no_quiet_night(broken: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", broken, "run", "--select", "outbx/*", "--at", "2054-12-01T02:00Z")
    assert (found.code, "U120" in found.err) == (64, True)
    assert reconcile("-C", broken, "run", "--select", "outbox/*", "--at", "2054-12-01T02:00Z").code == 0
