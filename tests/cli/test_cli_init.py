"""`init`: what it writes is valid and can be read."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from reconciler.config.load import load
from tests.cli.support import Reconcile, in_a_process


def test_what_it_writes_is_valid(tmp_path: Path) -> None:
    found = in_a_process("init", "my project", folder=tmp_path)
    assert (found.code, found.err) == (0, "")
    assert "  reconcile validate\n" in found.out
    assert "cd 'my project'" in found.out
    loaded = load(tmp_path / "my project")
    assert loaded.diagnostics == ()
    assert loaded.desired is not None
    assert loaded.desired.project.metadata.name == "my-project"
    assert [str(each) for each in loaded.desired.flows] == ["outbox/audience/us-high-intent"]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_the_sample_has_the_declared_columns(
    form: str, tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    import duckdb

    if form == "csv":
        real = importlib.util.find_spec
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "pyarrow" else real(name))
    target = tmp_path / "p"
    assert reconcile("init", target).code == 0
    desired = load(target).desired
    assert desired is not None
    spec = desired.datasets["prospects"].spec
    assert spec.format == form
    listed = duckdb.sql(f"SELECT * FROM read_{form}('{target / spec.location}/*')")
    assert set(spec.columns) <= set(listed.columns)
    assert listed.shape[0] == 1_000
    assert len(duckdb.sql("SELECT 1 FROM listed WHERE " + desired.audiences["us-high-intent"].spec.where)) > 10


def test_it_starts_here_even_beside_a_git_folder(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    found = in_a_process("init", folder=tmp_path)
    assert found.code == 0
    assert "cd " not in found.out
    assert in_a_process("validate", folder=tmp_path).code == 0


def test_it_never_writes_into_what_is_there(tmp_path: Path, reconcile: Reconcile) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    found = reconcile("init", tmp_path)
    assert found.code == 64
    assert "isn't empty" in found.err
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


def test_it_needs_no_engine(tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("polars", "boto3"):
        monkeypatch.setitem(sys.modules, name, None)
    assert reconcile("init", tmp_path / "p").code == 0


@pytest.mark.parametrize("name", ["---", "Ünïcode", "x" * 80])
def test_any_folder_gives_a_project_a_name(name: str, tmp_path: Path, reconcile: Reconcile) -> None:
    assert reconcile("init", tmp_path / name).code == 0
    assert load(tmp_path / name).diagnostics == ()
