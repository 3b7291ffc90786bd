"""`files.replace` as configuration: one fixed name, for full exports, where what is there can be looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config.load import load
from tests.plan.planning import OUTBOX, activation, small

FIXED = "replace: true, folder: '{source_id}', name: 'newest.{ext}'"


def found(folder: Path, files: str, *, mode: str = "full") -> list[str]:
    small(folder)
    text = (folder / "all.yaml").read_text()
    declared = activation("us", more=f"mode: {mode}, files: {{{files}}}")
    (folder / "all.yaml").write_text(text.replace(activation("us"), declared))
    return [f"{each.code} {each.detail}" for each in load(folder).diagnostics]


def test_a_fixed_name(tmp_path: Path) -> None:
    assert found(tmp_path, FIXED) == []
    assert found(tmp_path, FIXED + ", single: true, whenEmpty: file") == []
    assert found(tmp_path, "replace: false") == []


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ("replace: true", "T104", "take {slot} out"),
        ("replace: true, folder: '{source_id}'", "T104", "take {run_id} out"),
        ("replace: true, folder: 'all', name: 'newest.{ext}'", "T104", "{source_id}"),
        ("replace: true, folder: '{source_id}', name: 'newest'", "T104", "{ext}"),
        (FIXED + ", whenEmpty: skip", "C109", "whenEmpty says skip"),
        (FIXED + ", single: false", "C109", "single says false"),
        ("folder: '{source_id}', name: 'newest.{ext}'", "T104", "{part}"),
    ],
)
def test_what_doesnt_fit(tmp_path: Path, files: str, code: str, said: str) -> None:
    (line,) = found(tmp_path, files)
    assert line.startswith(code)
    assert said in line


def test_an_increment_would_be_all_that_is_left(tmp_path: Path) -> None:
    (line,) = found(tmp_path, FIXED, mode="incremental")
    assert line.startswith("C109")
    assert "mode: full" in line


def test_the_default_of_a_destination_counts_too(tmp_path: Path) -> None:
    small(tmp_path)
    text = (
        (tmp_path / "all.yaml")
        .read_text()
        .replace("connection: {path: out}", f"connection: {{path: out}}, files: {{{FIXED}}}")
    )
    (tmp_path / "all.yaml").write_text(text)
    assert [each.code for each in load(tmp_path).diagnostics] == ["C109"]


@pytest.mark.parametrize(("files", "more"), [(f", files: {{{FIXED}}}", "mode: full"), ("", "onRemove: purge")])
def test_where_nothing_can_be_looked_at(files: str, more: str, tmp_path: Path) -> None:
    account = (
        "{apiVersion: reconciler/v1, kind: Account, metadata: {name: keys}, spec: {type: aws, auth: {ambient: {}}}}"
    )
    box = f"""{{apiVersion: reconciler/v1, kind: Destination, metadata: {{name: outbox}}, spec: {{type: s3, account: keys,
      connection: {{bucket: agency-prospects, region: eu-west-1, access: write-only}}{files}}}}}"""
    small(tmp_path)
    text = (tmp_path / "all.yaml").read_text().replace(OUTBOX, f"{account}\n---\n{box}")
    (tmp_path / "all.yaml").write_text(text.replace(activation("us"), activation("us", more=more)))
    (found,) = load(tmp_path).diagnostics
    assert (found.code, "only be written to" in found.detail) == ("C109", True)
    (tmp_path / "all.yaml").write_text(
        (tmp_path / "all.yaml").read_text().replace("access: write-only", "access: read-write")
    )
    assert load(tmp_path).diagnostics == ()


@pytest.mark.parametrize("kept", ["7", "30d", "1h"])
def test_how_long_exports_are_kept(tmp_path: Path, kept: str) -> None:
    assert found(tmp_path, f"retain: {kept}", mode="incremental") == []


@pytest.mark.parametrize("kept", ["0", "0d", "-1", "forever", "1.5", "true"])
def test_what_is_no_time_to_keep_exports(tmp_path: Path, kept: str) -> None:
    assert len(found(tmp_path, f"retain: {kept}")) >= 1


def test_the_newest_alone_is_kept_already(tmp_path: Path) -> None:
    (line,) = found(tmp_path, FIXED + ", retain: 7")
    assert line.startswith("C109")
    assert "retain has nothing to say" in line
