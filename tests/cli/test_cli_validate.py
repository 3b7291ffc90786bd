"""`validate`: its formats and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.support import Reconcile, in_a_process
from tests.config.support import document, edited, write
from tests.hostile.test_config_hostile import TEXTS

BROKEN = edited("dataset: prospects", "dataset: prospect")


def test_a_valid_project_is_one_line(sample: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", sample, "validate")
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("Valid: ")
    assert found.out.count("\n") == 1


def test_a_broken_one_names_place_code_and_mend(sample: Path, reconcile: Reconcile) -> None:
    write(sample, {"all.yaml": BROKEN})
    found = reconcile("-C", sample, "validate")
    assert found.code == 3
    assert "all.yaml:" in found.out
    assert "R101" in found.out
    assert "Did you mean prospects?" in found.out
    assert "reconcile explain R101" in found.out
    assert "Valid" not in found.out


def test_json_lists_the_same(sample: Path, reconcile: Reconcile) -> None:
    write(sample, {"all.yaml": BROKEN})
    found = reconcile("-C", sample, "validate", "--format", "json")
    assert found.code == 3
    data = json.loads(found.out)
    assert data["version"] == 1
    assert "R101" in {each["code"] for each in data["diagnostics"]}


def test_json_of_a_valid_one_is_empty(sample: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", sample, "validate", "--format", "json")
    assert found.code == 0
    assert json.loads(found.out)["diagnostics"] == []


def test_github_annotates(sample: Path, reconcile: Reconcile) -> None:
    write(sample, {"all.yaml": BROKEN})
    found = reconcile("-C", sample, "validate", "--format", "github")
    assert found.code == 3
    assert all(line.startswith("::error file=all.yaml,line=") for line in found.out.splitlines())


def test_an_environment_is_applied(sample: Path, reconcile: Reconcile) -> None:
    assert reconcile("-C", sample, "validate", "--env", "nope").code == 3
    overlay = document("Destination", "outbox", "{connection: {path: ../elsewhere}}")
    write(sample, {"environments/test.yaml": overlay})
    assert reconcile("-C", sample, "validate").code == 0
    found = reconcile("-C", sample, "validate", "--env", "test")
    assert found.code == 3
    assert "P101" in found.out


def test_a_pipe_gets_no_colours(sample: Path) -> None:
    write(sample, {"all.yaml": BROKEN})
    assert "\x1b" not in in_a_process("validate", folder=sample, TERM="xterm-256color").out


def test_a_directory_without_configuration_is_not_valid(sample: Path, reconcile: Reconcile) -> None:
    (sample / "empty").mkdir()
    found = reconcile("-C", sample / "empty", "validate")
    assert (found.code, found.out) == (3, "")
    assert found.err.startswith("P109 no project here · reconcile explain P109\n")


@pytest.mark.parametrize(
    "case", ["alias bomb", "half a million nested brackets", "tag", "UTF-16", "NUL", "50 MB", "bidi name", "access key"]
)
def test_hostile_text_ends_in_order(case: str, tmp_path: Path) -> None:
    text, code = TEXTS[case]
    write(tmp_path, {"reconcile.yaml": text})
    found = in_a_process("validate", folder=tmp_path)
    assert (found.code, found.err) == (3, "")
    assert code in found.out
    assert "AKIAIOSFODNN7EXAMPLE" not in found.out
