"""Reading a project again: from memory where its files are the same, and never with another result."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

import pytest

from reconciler.cache.folder import Cache
from reconciler.config import columns, reading, remembered
from reconciler.config.load import Loaded, load
from tests.config.support import SAMPLE, codes, edited, write
from tests.hostile.test_config_hostile import TEXTS

FILES = {f"{at}.yaml": text for at, text in enumerate(SAMPLE.split("---\n"))}


@pytest.fixture(autouse=True)
def _worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "WORTH_IT", 1)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path / "project", FILES)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def nothing_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("read anew")

    monkeypatch.setattr(reading, "parse", fail)
    monkeypatch.setattr(columns, "check", fail)


def whole(found: Loaded) -> tuple[object, ...]:
    assert found.desired is not None
    return found.desired, found.desired.digest(), [each.source for each in found.desired.flows.values()], found.files


def kept(cache: Cache) -> bytes:
    """Everything that the cache holds, as it was before it was compressed."""
    assert cache.folder is not None
    found = []
    for path in cache.folder.iterdir() if cache.folder.exists() else ():
        head, _, body = path.read_bytes().partition(b"\n")
        found += [head, zlib.decompress(body)]
    return b"".join(found)


def test_nothing_is_parsed_twice(project: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    anew = load(project)
    assert whole(load(project, cache=cache)) == whole(anew)
    nothing_anew(monkeypatch)
    again = load(project, cache=cache)
    assert whole(again) == whole(anew)
    assert again == anew


def test_a_changed_file_is_read_anew(project: Path, cache: Cache) -> None:
    load(project, cache=cache)
    changed = edited("intent_score >= 0.7", "intent_scor >= 0.7").split("---\n")
    write(project, {f"{at}.yaml": text for at, text in enumerate(changed)})
    found = load(project, cache=cache)
    assert codes(found.diagnostics) == ["R203"]
    assert found == load(project)


def test_a_changed_dataset_has_its_expressions_checked(project: Path, cache: Cache) -> None:
    load(project, cache=cache)
    changed = edited("intent_score: {type: double}", "intent_score: {type: string}").split("---\n")
    write(project, {f"{at}.yaml": text for at, text in enumerate(changed)})
    assert codes(load(project, cache=cache).diagnostics) == ["R204"]


def test_a_moved_file_is_where_it_is(project: Path, cache: Cache) -> None:
    write(project, {"6.yaml": FILES["6.yaml"].replace("dataset: prospects", "dataset: prospect")})
    load(project, cache=cache)
    (project / "below").mkdir()
    (project / "6.yaml").rename(project / "below" / "6.yaml")
    found = load(project, cache=cache)
    assert {each.source.path for each in found.diagnostics if each.code == "R101"} == {"below/6.yaml"}
    assert found == load(project)


def test_findings_are_the_same_with_and_without(tmp_path: Path, cache: Cache) -> None:
    """Every hostile file, each in a project of its own, never read, read once and read twice."""
    for at, (text, _) in enumerate(TEXTS.values()):
        if len(text) > 20_000:
            continue
        project = write(tmp_path / str(at), {"other.yaml": "# nothing", "all.yaml": text})
        anew = load(project)
        assert [load(project, cache=cache) for _ in range(2)] == [anew, anew]


def test_no_file_with_a_finding_is_kept(project: Path, cache: Cache) -> None:
    write(project, {"key.yaml": "a: here-it-is\nb: AKIAIOSFODNN7EXAMPLE\n", "twice.yaml": "a: or-here\na: 1\n"})
    assert {"S102", "Y106"} <= set(codes(load(project, cache=cache).diagnostics))
    assert b"us-high-intent" in kept(cache)
    assert b"here-it-is" not in kept(cache)
    assert b"AKIA" not in kept(cache)
    assert b"or-here" not in kept(cache)


def test_files_with_anchors_are_not_kept(project: Path, cache: Cache) -> None:
    lines = ["apiVersion: reconciler/v1", "kind: Schedule", "metadata: {name: &n anchored, description: *n}"]
    write(project, {"anchor.yaml": "\n".join([*lines, "spec: {frequency: daily, time: '01:00'}"])})
    assert load(project, cache=cache).desired is not None
    assert load(project, cache=cache) == load(project)
    assert b"us-high-intent" in kept(cache)
    assert b"anchored" not in kept(cache)


def test_what_is_gone_is_forgotten(project: Path, cache: Cache) -> None:
    load(project, cache=cache)
    assert b"agency-nightly" in kept(cache)
    for path in project.iterdir():
        if "agency-nightly" in path.read_text("utf-8"):
            path.unlink()
    write(project, {"more.yaml": FILES["8.yaml"].replace("outbox-nightly", "other").replace("nightly", "none" * 5)})
    load(project, cache=cache)
    assert b"agency-nightly" not in kept(cache)


def test_other_code_starts_anew(project: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    load(project, cache=cache)
    monkeypatch.setattr(remembered, "code_version", lambda: "other")
    nothing_anew(monkeypatch)
    with pytest.raises(AssertionError, match="read anew"):
        load(project, cache=cache)


def test_the_code_that_reads_is_part_of_the_version(tmp_path: Path) -> None:
    package = Path(remembered.__file__).parents[1]
    assert remembered.code_digest(package) in remembered.code_version()
    for name in ("config/scalars.py", "where/typecheck.py", "values/types.py"):
        copy = tmp_path / name.replace("/", "-")
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
        assert remembered.code_digest(copy) == remembered.code_digest(package)
        (copy / name).write_text((copy / name).read_text("utf-8") + "\n", "utf-8")
        assert remembered.code_digest(copy) != remembered.code_digest(package)


def test_a_small_project_is_not_worth_it(project: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "WORTH_IT", 10**6)
    load(project, cache=cache)
    assert kept(cache) == b""


def test_few_changes_are_not_worth_writing(project: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    load(project, cache=cache)
    before = kept(cache)
    monkeypatch.setattr(remembered, "_CHANGED", 2)
    write(project, {"more.yaml": FILES["7.yaml"].replace("name: nightly", "name: other")})
    assert load(project, cache=cache).desired is not None
    assert kept(cache) == before
