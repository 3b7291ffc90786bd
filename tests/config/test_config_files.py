"""Which files are read, from a directory and from a git revision; globs against a naive model."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config import files
from reconciler.config.files import Directory, find_project, require_project
from reconciler.config.globs import matches
from reconciler.config.load import load, load_revision
from reconciler.config.revision import Revision, head
from reconciler.errors import ConfigInvalid
from tests.config.support import SAMPLE, codes, document, edited, write

SCHEDULE = '{frequency: daily, time: "02:00"}'
PROJECT = document("Project", "growth")


def test_yaml_files_are_found_in_order_wherever_they_lie(tmp_path: Path) -> None:
    write(
        tmp_path,
        dict.fromkeys(("b.yaml", "a/z.yml", "a.yaml", "a/b/c.yaml", "a/x.json", "a/environments/e.yaml"), ""),
    )
    write(
        tmp_path,
        dict.fromkeys((".git/x.yaml", ".github/w.yml", "environments/prod.yaml", "a/.b/c.yaml"), "junk: ["),
    )
    names, findings = Directory(tmp_path).names(hidden=False)
    assert findings == []
    assert names == ["a.yaml", "a/b/c.yaml", "a/environments/e.yaml", "a/z.yml", "b.yaml"]
    hidden, _ = Directory(tmp_path).names(hidden=True)
    assert set(hidden) - set(names) == {".github/w.yml", "a/.b/c.yaml"}


def test_include_and_exclude(tmp_path: Path) -> None:
    project = document("Project", "growth", "{include: [teams, '.hidden/**/*.yaml'], exclude: ['**/skip*']}")
    write(tmp_path, {
        "reconcile.yaml": project,
        "teams/a/one.yaml": document("Schedule", "one", SCHEDULE),
        "teams/skip.yaml": "not: [ours",
        ".hidden/two.yaml": document("Schedule", "two", SCHEDULE),
        "chart/values.yaml": "{{ template }}",
    })  # fmt: skip
    found = load(tmp_path)
    assert found.diagnostics == ()
    assert found.desired is not None
    assert list(found.desired.schedules) == ["one", "two"]


def test_a_document_that_is_not_ours_is_an_error_unless_excluded(tmp_path: Path) -> None:
    write(tmp_path, {"p.yaml": PROJECT, "k8s/x.yaml": "apiVersion: v1\nkind: ConfigMap\n"})
    assert codes(load(tmp_path).diagnostics) == ["C108"]
    write(tmp_path, {"p.yaml": document("Project", "growth", "{exclude: [k8s/]}")})
    assert codes(load(tmp_path).diagnostics) == []


def test_links_out_of_the_project_are_refused_and_not_read(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"x.yaml": "secret: AKIAIOSFODNN7EXAMPLE"})
    inside = write(tmp_path / "in", {"p.yaml": PROJECT})
    (inside / "file.yaml").symlink_to(outside / "x.yaml")
    (inside / "folder").symlink_to(outside)
    (inside / "relative.yaml").symlink_to("../outside/x.yaml")
    (inside / "dangling.yaml").symlink_to("nowhere.yaml")
    (inside / "loop.yaml").symlink_to("loop.yaml")
    found = load(inside)
    by_path = {each.source.path: each.code for each in found.diagnostics}
    assert by_path["file.yaml"] == by_path["folder"] == by_path["relative.yaml"] == "P105"
    assert by_path["dangling.yaml"] == "P107"
    assert by_path["loop.yaml"] == "P107"
    assert len(by_path) == 5


def test_links_inside_of_the_project_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path, {"p.yaml": PROJECT, ".data/v1/s.yaml": document("Schedule", "one", SCHEDULE)})
    (tmp_path / "s.yaml").symlink_to(".data/v1/s.yaml")
    (tmp_path / "again").symlink_to(".data/v1")
    (tmp_path / "circle").symlink_to(".")
    (tmp_path / "p2.yaml").symlink_to("p.yaml")
    found = load(tmp_path)
    assert found.diagnostics == ()
    assert found.desired is not None
    assert list(found.desired.schedules) == ["one"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_opened_for_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    assert codes(load(tmp_path).diagnostics) == ["P106"]


def test_limits_on_number_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {f"{number}.yaml": "# " + "x" * 100 for number in range(5)})
    assert codes(load(tmp_path).diagnostics) == []
    monkeypatch.setattr(files, "MAX_TOTAL", 300)
    assert codes(load(tmp_path).diagnostics) == ["P108"]
    monkeypatch.setattr(files, "MAX_FILES", 4)
    assert codes(load(tmp_path).diagnostics) == ["P108"]


def test_find_project(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"a/reconcile.yaml": "", "b/x.yaml": f"# note\n---\n{PROJECT}", "a/b/c/x.yaml": "kind: Projector", "d/e/f": ""},
    )
    assert find_project(tmp_path / "a/b/c") == tmp_path / "a"
    assert find_project(tmp_path / "b") == tmp_path / "b"
    assert find_project(tmp_path / "d/e") is None
    with pytest.raises(ConfigInvalid, match="P109"):
        require_project(tmp_path / "d/e")
    assert require_project(tmp_path / "b") == tmp_path / "b"


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("teams", "teams/a.yaml", True), ("teams/", "teams/a/b.yaml", True), ("teams", "team/a.yaml", False),
        ("*.yaml", "a.yaml", True), ("*.yaml", "b/a.yaml", False), ("**/*.yaml", "a.yaml", True),
        ("**/*.yaml", "a/b/c.yaml", True), ("a/**/b", "a/b", True), ("a/**/b", "a/x/y/b/z.yaml", True),
        ("./a?.yml", "ab.yml", True), ("a?.yml", "a.yml", False), ("a.yaml", "aXyaml", False),
    ],
)  # fmt: skip
def test_glob(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected


@given(
    st.lists(st.sampled_from(["**", "*", "a*", "?b", "a", "*a*b"]), min_size=1, max_size=4),
    st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=5),
)
def test_globs_agree_with_a_naive_model(pattern: list[str], path: list[str]) -> None:
    steps = {"**": r"(?:[^/]+/)*"}
    regex = "".join(steps.get(each, each.replace("*", "[^/]*").replace("?", "[^/]") + "/") for each in pattern)
    assert matches("/".join(pattern), "/".join(path)) is (re.match(regex, "/".join(path) + "/") is not None)


def test_a_hostile_glob_is_quick() -> None:
    assert not matches("*a" * 200 + "b", "a" * 4000)
    assert not matches("/".join(["**", "a"] * 100 + ["b"]), "/".join(["a"] * 500))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A project in a subfolder of a repository, with one commit."""
    folder = tmp_path / "repo" / "project dir"
    write(
        folder,
        {"all.yaml": SAMPLE, "environments/prod.yaml": document("Destination", "outbox", "{connection: {path: prod}}")},
    )
    write(tmp_path / "repo", {"other/x.yaml": "not: [ours"})
    git(folder.parent, "init", "-q", "-b", "main")
    commit(folder)
    return folder


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path) -> None:
    git(folder.parent, "add", "-A")
    git(folder.parent, "commit", "-q", "-m", "state")


def test_a_revision_loads_as_it_was(repository: Path) -> None:
    before = load(repository).desired
    write(repository, {"all.yaml": edited("0.7", "0.9"), "new.yaml": "not: [yaml"})
    then = load_revision(repository, "HEAD")
    assert then.diagnostics == ()
    assert then.desired is not None
    assert before is not None
    assert then.desired.digest() == before.digest()
    assert then.desired.flows == before.flows
    commit(repository)
    assert codes(load_revision(repository, "HEAD").diagnostics) == ["Y105"]
    assert load_revision(repository, "main~1").desired is not None
    assert load_revision(repository, "HEAD~1", "prod").desired is not None
    assert head(repository) == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    "revision",
    [
        "--output=x",
        "-h",
        "",
        "nope",
        "HEAD:all.yaml",
        "HEAD..main",
        "a b",
        "$(touch x)",
        "`id`",
        "HEAD\n",
        "HEAD\0",
        "@{-9}",
        "x" * 999,
        ":/state",
    ],
)
def test_a_strange_revision_is_refused(repository: Path, revision: str) -> None:
    with pytest.raises(ConfigInvalid, match="P110"):
        Revision(repository, revision)
    assert sorted(each.name for each in repository.iterdir()) == ["all.yaml", "environments"]


def test_no_repository_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ConfigInvalid, match="P110"):
        Revision(tmp_path, "HEAD")
    assert head(tmp_path) is None


def test_links_and_large_files_of_a_revision(repository: Path) -> None:
    (repository / "link.yaml").symlink_to("/etc/passwd")
    write(repository, {"big.yaml": "a: " + "x" * 2**20})
    commit(repository)
    found = load_revision(repository, "HEAD")
    assert {each.source.path: each.code for each in found.diagnostics} == {"big.yaml": "Y101", "link.yaml": "P105"}


def test_reading_a_revision_runs_nothing(repository: Path) -> None:
    marker = repository.parent / "ran"
    script = f"#!/bin/sh\ntouch '{marker}'\ncat\n"
    write(repository.parent, {"run.sh": script})
    (repository.parent / "run.sh").chmod(0o755)
    write(repository, {".gitattributes": "*.yaml filter=evil diff=evil\n"})
    commit(repository)
    run = str(repository.parent / "run.sh")
    for key in (
        "filter.evil.smudge",
        "filter.evil.clean",
        "diff.evil.textconv",
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
    ):
        git(repository.parent, "config", key, run)
    marker.unlink(missing_ok=True)
    assert load_revision(repository, "HEAD").desired is not None
    assert not marker.exists()
