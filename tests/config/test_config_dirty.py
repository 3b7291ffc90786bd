"""What the revision says of configuration that isn't committed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reconciler.config.revision import commit_time, head
from reconciler.present.words import revision


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a folder of its repository."""
    folder = tmp_path / "repository" / "growth"
    (folder / "sub").mkdir(parents=True)
    (folder / "reconcile.yaml").write_text("a: 1\n")
    (folder / "sub" / "more.yml").write_text("a: 1\n")
    (folder / "notes.txt").write_text("a\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    return folder


def test_what_is_committed_is_its_commit(project: Path) -> None:
    (project / "notes.txt").write_text("no configuration")
    (project.parent / "elsewhere.yaml").write_text("not of this project")
    (project / ".hidden").mkdir()
    (project / ".hidden" / "x.yaml").write_text("not read")
    assert head(project) == git(project, "rev-parse", "HEAD")


@pytest.mark.parametrize("change", ["edit", "stage", "add", "remove", "below"])
def test_what_is_not_committed_is_said(project: Path, change: str) -> None:
    file = project / "sub" / "more.yml" if change == "below" else project / "reconcile.yaml"
    match change:
        case "remove":
            file.unlink()
        case "add":
            (project / "new.yaml").write_text("a: 1\n")
        case _:
            file.write_text("a: 2\n")
    if change == "stage":
        git(project, "add", "-A")
    commit = git(project, "rev-parse", "HEAD")
    found = head(project)
    assert found == f"{commit}-dirty"
    assert (revision(found), revision(commit)) == (f"{commit[:7]}-dirty", commit[:7])
    assert commit_time(project) is not None


def test_no_git_is_no_revision(tmp_path: Path) -> None:
    assert head(tmp_path) is None


def test_line_ends_and_ignored_files_are_no_change(project: Path) -> None:
    (project / "reconcile.yaml").write_bytes(b"a: 1\r\n")
    (project / ".gitignore").write_text("made/\n")
    (project / "made").mkdir()
    (project / "made" / "x.yaml").write_text("a: 1\n")
    assert head(project) == git(project, "rev-parse", "HEAD")
