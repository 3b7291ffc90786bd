"""Reading what a stranger committed: nothing of a repository runs, nothing is fetched, and no tree is too large to refuse."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.config.support import SAMPLE, edited, write
from tests.hostile.calls import Call, reconcile

HOOKS = (
    "pre-commit",
    "post-checkout",
    "post-index-change",
    "reference-transaction",
    "fsmonitor-watchman",
    "post-rewrite",
)
CALLS = (
    ("plan", "--base", "HEAD"),
    ("plan", "--base", "HEAD~1", "--format", "markdown"),
    ("validate",),
    ("apply", "--yes"),
)


def git(folder: Path, *arguments: str, given: bytes = b"") -> str:
    """git as its user calls it, with nothing of this machine's configuration."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "GIT_CONFIG_NOSYSTEM": "1"}
    names = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "core.fsmonitor=false")
    done = subprocess.run(
        ["git", *names, *arguments], cwd=folder, check=True, capture_output=True, env=env, input=given
    )
    return done.stdout.decode().strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The sample, committed twice."""
    folder = write(tmp_path / "project", {"all.yaml": edited("intent_score >= 0.7", "intent_score >= 0.8")})
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    (folder / "all.yaml").write_text(SAMPLE)
    git(folder, "commit", "-qam", "second")
    return folder


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Path]:
    """A program that must never run."""
    caught, program = tmp_path / "caught", tmp_path / "trap"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {caught}\nexit 1\n')
    program.chmod(0o755)
    yield program
    assert not caught.exists(), caught.read_text()


def springs(project: Path, trap: Path, *arguments: str) -> None:
    """The trap is real: plain git springs it."""
    env = {"PATH": os.environ["PATH"], "HOME": str(project.parent)}
    subprocess.run(["git", *arguments], cwd=project, env=env, check=False, capture_output=True, timeout=60)
    (trap.parent / "caught").unlink()


def planned(found: Call) -> None:
    assert found.code == 0, found.said
    assert "intent_score >= 0.8  →  " in found.out


def test_nothing_of_the_repositorys_configuration_runs(project: Path, trap: Path) -> None:
    (project / ".gitattributes").write_text("*.yaml filter=evil diff=evil merge=evil\n")
    git(project, "add", ".gitattributes")
    git(project, "commit", "-qm", "third")
    hooks = project.parent / "hooks"
    hooks.mkdir()
    for name in HOOKS:
        (hooks / name).symlink_to(trap)
        (project / ".git" / "hooks" / name).symlink_to(trap)
    keys = (
        "core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.gitProxy", "core.askPass", "core.alternateRefsCommand",
        "alias.rev-parse", "alias.ls-tree", "alias.cat-file", "alias.show", "alias.log", "alias.rev-list", "pager.show", "pager.log",
        "diff.external", "diff.evil.command", "diff.evil.textconv", "filter.evil.smudge", "filter.evil.clean",
        "filter.evil.process", "merge.evil.driver", "gpg.program", "gpg.ssh.program", "credential.helper", "uploadpack.packObjectsHook",
    )  # fmt: skip
    lines = [f"[log]\n\tshowSignature = true\n[core]\n\thooksPath = {hooks}\n"]
    for key in keys:
        section, _, name = key.rpartition(".")
        head, _, sub = section.partition(".")
        title = f'{head} "{sub}"' if sub else head
        lines.append(f"[{title}]\n\t{name} = {'!' if head == 'alias' else ''}{trap}\n")
    (project.parent / "included").write_text("".join(lines))
    with (project / ".git" / "config").open("a") as file:
        file.write(f"[include]\n\tpath = {project.parent / 'included'}\n")
    springs(project, trap, "log", "-p", "--ext-diff", "-1")
    planned(reconcile(project, "plan", "--base", "HEAD~2"))
    for arguments in CALLS:
        reconcile(project, *arguments)


def test_nothing_of_the_environment_leads_elsewhere(project: Path, trap: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    environment = {
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_OBJECT_DIRECTORY": str(other / ".git" / "objects"),
        "GIT_TRACE": str(tmp_path / "trace"),
        "GIT_TRACE2_EVENT": str(tmp_path / "trace2"),
        "GIT_EXTERNAL_DIFF": str(trap),
        "GIT_SSH_COMMAND": str(trap),
        "GIT_ASKPASS": str(trap),
        "GIT_PAGER": str(trap),
        "GIT_EXEC_PATH": str(tmp_path),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": str(trap),
    }
    planned(reconcile(project, "plan", "--base", "HEAD~1", **environment))
    assert not [each for each in tmp_path.iterdir() if each.name.startswith("trace")]


@pytest.mark.parametrize("protocol", ["ext", "file", "ssh"])
def test_what_is_missing_is_not_fetched(project: Path, trap: Path, protocol: str) -> None:
    """In a partial clone git would call whatever the remote's address says."""
    blob = git(project, "rev-parse", "HEAD~1:all.yaml")
    (project / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    urls = {"ext": f"ext::{trap} %S", "file": str(project.parent / "remote"), "ssh": "ssh://host/x"}
    git(project, "config", "core.repositoryFormatVersion", "1")
    git(project, "config", "extensions.partialClone", "origin")
    git(project, "config", "remote.origin.url", urls[protocol])
    git(project, "config", "remote.origin.promisor", "true")
    git(project, "config", "remote.origin.uploadpack", str(trap))
    git(project, "config", "core.sshCommand", str(trap))
    git(project, "config", f"protocol.{protocol}.allow", "always")
    springs(project, trap, "-c", "core.fsmonitor=false", "cat-file", "-p", blob)
    found = reconcile(project, "plan", "--base", "HEAD~1")
    assert (found.code, found.codes()) == (3, {"P110"})
    assert "all.yaml" in found.err


def test_a_repository_inside_of_a_commit_is_none(project: Path, trap: Path) -> None:
    """A bare repository is a handful of files, which anyone can commit below the project; git would take it for the repository."""
    inner = project / "team"
    write(inner, {"all.yaml": SAMPLE})
    git(project, "add", "team")
    git(project, "commit", "-qm", "team")
    git(inner.parent, "clone", "-q", "--bare", str(project), str(project.parent / "bare"))
    for each in (project.parent / "bare").iterdir():
        each.rename(inner / each.name)
    git(inner, "--git-dir", str(inner), "config", "core.fsmonitor", str(trap))
    git(inner, "--git-dir", str(inner), "update-ref", "refs/heads/theirs", git(project, "rev-parse", "HEAD~1"))
    springs(inner, trap, "--git-dir", ".", "--work-tree", ".", "status")
    found = reconcile(inner, "plan", "--base", "theirs")
    assert (found.code, found.codes()) == (3, {"P110"}), found.said


def tree(folder: Path, *entries: tuple[str, str, str, bytes]) -> str:
    """A tree of (mode, type, object, name), whatever the name."""
    given = b"".join(f"{mode} {kind} {object_id}\t".encode() + name + b"\0" for mode, kind, object_id, name in entries)
    return git(folder, "mktree", "-z", "--missing", given=given)


def commit(folder: Path, tree_id: str) -> str:
    return git(folder, "commit-tree", tree_id, "-m", "theirs", "-p", "HEAD")


def test_a_tree_that_is_a_bomb_is_refused(project: Path) -> None:
    """Twelve objects, ten thousand million files."""
    blob = git(project, "hash-object", "-w", "--stdin", given=SAMPLE.encode())
    made = tree(project, *[("100644", "blob", blob, b"f%d.yaml" % at) for at in range(10)])
    for _ in range(9):
        made = tree(project, *[("040000", "tree", made, b"d%d" % at) for at in range(10)])
    found = reconcile(project, "plan", "--base", commit(project, made))
    assert (found.code, found.codes()) == (3, {"P108"}), found.said
    assert found.megabytes < 200
    assert found.seconds < 10


def test_a_tree_of_very_many_other_files_is_refused(project: Path) -> None:
    blob = git(project, "hash-object", "-w", "--stdin", given=b"x")
    made = tree(project, *[("100644", "blob", blob, b"f%d" % at) for at in range(10)])
    for _ in range(9):
        made = tree(project, *[("040000", "tree", made, b"d%d" % at) for at in range(10)])
    found = reconcile(project, "plan", "--base", commit(project, made))
    assert (found.code, found.codes()) == (3, {"P108"}), found.said
    assert found.megabytes < 200


def test_large_and_special_entries(project: Path) -> None:
    blob = git(project, "hash-object", "-w", "--stdin", given=SAMPLE.encode())
    huge = git(project, "hash-object", "-w", "--stdin", given=b"#" * 50_000_000)
    link = git(project, "hash-object", "-w", "--stdin", given=b"/etc/passwd")
    made = tree(
        project,
        ("100644", "blob", blob, b"all.yaml"),
        ("100644", "blob", huge, b"huge.yaml"),
        ("120000", "blob", link, b"link.yaml"),
        ("160000", "commit", "1" * 40, b"module"),
        ("100644", "blob", blob, b"x\xff.yaml"),
        ("100644", "blob", blob, "x\u202elmay.yaml".encode()),
        ("100644", "blob", blob, b"x\n::error::y.yaml"),
    )
    found = reconcile(project, "plan", "--base", commit(project, made))
    assert found.code == 3
    assert {(each[0], each[3]) for each in found.places()} == {
        ("huge.yaml", "Y101"), ("link.yaml", "P105"), ("x<0xFF>.yaml", "P112"), ("x<U+202E>lmay.yaml", "P112"),
        ("x<U+000A>::error::y.yaml", "P112"),
    }  # fmt: skip
    assert "root:" not in found.said
    assert found.megabytes < 200


@pytest.mark.parametrize("name", [b"..", b".git", b"../../x.yaml", b"/etc/x.yaml"])
def test_names_that_no_checkout_has(project: Path, name: bytes) -> None:
    """A tree can name what git itself would never check out: the name stays a name."""
    blob = git(project, "hash-object", "-w", "--stdin", given=SAMPLE.encode())
    inner = tree(project, ("100644", "blob", blob, b"x.yaml"))
    raw = (
        b"40000 " + name + b"\0" + bytes.fromhex(inner)
        if not name.endswith(b"yaml")
        else b"100644 " + name + b"\0" + bytes.fromhex(blob)
    )
    made = git(project, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", given=raw)
    before = sorted(project.parent.rglob("x.yaml"))
    found = reconcile(project, "plan", "--base", commit(project, made))
    assert found.code in (0, 3, 4)
    assert sorted(project.parent.rglob("x.yaml")) == before


@pytest.mark.parametrize(
    "revision", ["--output=/tmp/x", "-h", "HEAD:all.yaml", "main..HEAD", "HEAD^{/x}", "$(id)", "a\nb", "", "x" * 300]
)
def test_a_revision_is_only_a_revision(project: Path, revision: str) -> None:
    found = reconcile(project, "plan", f"--base={revision}")
    assert (found.code, found.codes()) == (3, {"P110"}), found.said
