"""Saved plans on the command line: written for their owner alone, refused each for its own reason, performed as they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.support import Reconcile

AT = ("--at", "2054-12-01T00:00Z")


@pytest.fixture
def saved(project: Path, tmp_path: Path, reconcile: Reconcile) -> Path:
    path = tmp_path / "plan.json"
    assert reconcile("-C", project, "plan", "--out", path, *AT).code == 0
    return path


def test_it_is_its_owners_alone_and_replaces_whole(project: Path, saved: Path, reconcile: Reconcile) -> None:
    assert saved.stat().st_mode & 0o777 == 0o600
    saved.chmod(0o644)
    assert reconcile("-C", project, "plan", "--out", saved, *AT).code == 0
    assert saved.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in saved.parent.iterdir() if path.is_file()] == ["plan.json"]


def test_a_link_is_replaced_and_not_followed(project: Path, tmp_path: Path, reconcile: Reconcile) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    (tmp_path / "plan.json").symlink_to(target)
    assert reconcile("-C", project, "plan", "--out", tmp_path / "plan.json", *AT).code == 0
    assert target.read_text() == "mine"


def test_a_folder_that_is_not_there_is_said(project: Path, tmp_path: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", project, "plan", "--out", tmp_path / "nope" / "plan.json", *AT)
    assert (found.code, "G133" in found.err, "Traceback" in found.err) == (64, True, False)


def test_a_refused_plan_is_not_saved(project: Path, tmp_path: Path, reconcile: Reconcile) -> None:
    assert reconcile("-C", project, "apply", "--yes", *AT).code == 0
    (project / "activations" / "nightly.yaml").unlink()
    found = reconcile("-C", project, "plan", "--out", tmp_path / "plan.json", *AT)
    assert found.code == 4
    assert f"Nothing was saved to {tmp_path / 'plan.json'}" in found.err
    assert not (tmp_path / "plan.json").exists()


def test_its_digest_is_shown_when_it_is_made_and_when_it_is_applied(
    project: Path, tmp_path: Path, reconcile: Reconcile
) -> None:
    shown = reconcile("-C", project, "plan", "--out", tmp_path / "plan.json", "--format", "markdown", *AT)
    digest = shown.out.partition("plan <code>")[2].partition("<")[0]
    assert len(digest) == 12
    said = reconcile("-C", project, "plan", "--out", tmp_path / "plan.json", *AT)
    assert f"(plan {digest}, valid until 2054-12-02 00:00 UTC)" in said.out
    found = reconcile("-C", project, "apply", tmp_path / "plan.json", "--yes", *AT)
    assert found.code == 0
    assert f"Plan {digest} of {tmp_path / 'plan.json'}, valid until 2054-12-02 00:00 UTC" in found.out


def test_in_ci_a_reviewed_plan_needs_no_yes(
    project: Path, saved: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    assert reconcile("-C", project, "apply", saved, *AT).code == 0


@pytest.mark.parametrize("option", [("--select", "outbox"), ("--allow-removals", "all"), ("--allow-rewind",)])
def test_exactly_it_means_without_options_that_change_it(
    project: Path, saved: Path, reconcile: Reconcile, option: tuple[str, ...]
) -> None:
    found = reconcile("-C", project, "apply", saved, "--yes", *option, *AT)
    assert (found.code, "G134" in found.err) == (64, True)
    assert not (project / ".reconcile").exists()


@pytest.mark.parametrize(("content", "code"), [(b"", "G130"), (b"\xff\xfe", "G130"), (b'{"formatVersion": 9}', "G132")])
def test_another_file_is_invalid(project: Path, saved: Path, reconcile: Reconcile, content: bytes, code: str) -> None:
    saved.write_bytes(content)
    found = reconcile("-C", project, "apply", saved, "--yes", *AT)
    assert (found.code, code in found.err, "Traceback" in found.err) == (3, True, False)


def test_an_edited_one_is_invalid(project: Path, saved: Path, reconcile: Reconcile) -> None:
    saved.write_text(saved.read_text().replace('"mode": "incremental"', '"mode": "full"'))
    found = reconcile("-C", project, "apply", saved, "--yes", *AT)
    assert (found.code, "G131" in found.err) == (3, True)


def test_a_pipe_is_no_file(project: Path, tmp_path: Path, reconcile: Reconcile) -> None:
    os.mkfifo(tmp_path / "pipe")
    found = reconcile("-C", project, "apply", tmp_path / "pipe", "--yes", *AT)
    assert (found.code, "G133" in found.err) == (64, True)


def test_an_expired_one_is_a_conflict(project: Path, saved: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", project, "apply", saved, "--yes", "--at", "2054-12-02T00:00Z")
    assert (found.code, "G121" in found.err) == (5, True)


def test_another_environments_is_a_conflict(project: Path, saved: Path, reconcile: Reconcile) -> None:
    (project / "environments").mkdir()
    (project / "environments" / "prod.yaml").write_text(
        "{apiVersion: reconciler/v1, kind: Schedule, metadata: {name: nightly}, spec: {frequency: daily}}\n"
    )
    found = reconcile("-C", project, "apply", saved, "--yes", "--env", "prod", *AT)
    assert (found.code, "G125" in found.err) == (5, True)


def test_an_apply_that_came_between_asking_and_doing_is_a_conflict(
    project: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person may think for an hour: what was shown is what is performed, or nothing."""
    from reconciler.cli import apply as module

    def another(*_: object, **__: object) -> None:
        with monkeypatch.context() as inner:
            inner.setattr(module, "_agree", lambda *_, **__: None)
            assert reconcile("-C", project, "apply", *AT).code == 0

    with monkeypatch.context() as patched:
        patched.setattr(module, "_agree", another)
        found = reconcile("-C", project, "apply", *AT)
    assert (found.code, "G123" in found.err or "G122" in found.err) == (5, True)
    audience = project / "audiences" / "us-high-intent.yaml"
    audience.write_text(audience.read_text().replace("0.7", "0.8"))
    with monkeypatch.context() as patched:
        patched.setattr(module, "_agree", another)
        found = reconcile("-C", project, "apply", *AT)
    assert (found.code, "G123" in found.err) == (5, True)
