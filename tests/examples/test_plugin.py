"""The example of a destination type from another package: installed from its sources, it passes the suite and exports."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from reconciler.config.schemas import published
from reconciler.destinations.base import DESTINATION_EFFECTS, Destination
from reconciler.errors import DestinationError
from tests.catalog.plugged import environment
from tests.config.support import document, write
from tests.conformance.destinations import DestinationConformance, content, staged
from tests.examples.archive import PLUGIN, ArchiveBench

ROOT = Path(__file__).parents[2]
BROKEN = "r0000000000000000"


@pytest.fixture(scope="module")
def installed(plugin_site: Path) -> Iterator[None]:
    """While the package is installed."""
    with environment(plugin_site):
        yield


class Death(BaseException):
    """The process ends here."""


class TestArchive(DestinationConformance):
    @pytest.fixture
    def bench(self, installed: None, tmp_path: Path) -> ArchiveBench:
        return ArchiveBench(tmp_path / "place" / "box.sqlar")

    @pytest.mark.parametrize("name", ["us/part-r0000000000000000.csv", "us/newest.csv"])
    def test_a_death_before_the_commit_leaves_all_as_it_was(
        self, bench: ArchiveBench, place: Destination, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """At every statement of every effect: the process is gone, its connection with it."""
        token = staged(place, name, content(3 << 20), BROKEN)

        class Dies(sqlite3.Connection):
            left = 0

            def execute(self, *arguments: Any) -> Any:
                if not str(arguments[0]).startswith("PRAGMA"):
                    Dies.left -= 1
                    if Dies.left < 0:
                        raise Death
                return super().execute(*arguments)

        connect = sqlite3.connect
        monkeypatch.setattr(sqlite3, "connect", lambda *a, **n: connect(*a, **n, factory=Dies))
        for survived in range(20):
            Dies.left = survived
            try:
                bench.open().publish(token)
            except Death:
                Dies.left = 10_000
                assert bench.visible() == {}
                assert list(place.staged()) == [name]
            else:
                break
        Dies.left = 10_000
        assert survived > 4
        assert bench.visible() == {name: content(3 << 20)}
        assert bench.leftovers() == []


def test_what_is_purged_is_overwritten(installed: None, tmp_path: Path) -> None:
    bench = ArchiveBench(tmp_path / "box.sqlar")
    place = bench.open()
    place.claim_owner("line")
    token = staged(place, f"{BROKEN}.csv", b"somebody@example.com" * 1000, BROKEN)
    place.publish(token)
    assert b"somebody@example.com" in bench.path.read_bytes()
    place.delete([token.name])
    assert b"somebody@example.com" not in bench.path.read_bytes()
    assert bench.path.stat().st_mode & 0o007 == 0


def test_an_archive_that_is_not_there_is_no_empty_one(installed: None, tmp_path: Path) -> None:
    """It may be a file system that isn't mounted."""
    place = ArchiveBench(tmp_path / "box.sqlar").open()
    for name in ("owner", "list", "staged"):
        with pytest.raises(DestinationError) as caught:
            list(getattr(place, name)() or ())
        assert caught.value.code == "D102"
    assert list(tmp_path.iterdir()) == []
    assert {"publish", "stage"} <= set(DESTINATION_EFFECTS)


def in_a_process(arguments: list[str], folder: Path, path: str, code: int = 0) -> str:
    """Python with other packages; what it says."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_what_opens_it_is_imported_when_it_exports_alone(plugin_site: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from reconciler.catalog.plugins import find; assert find('sqlar').title; "
        "assert 'reconciler_sqlar.declared' in sys.modules and 'sqlite3' not in sys.modules"
    )
    in_a_process(["-c", code], tmp_path, f"{plugin_site}{os.pathsep}{ROOT}")


PROJECT = document("Project", "shop", "{ledger: {url: file://ledger, simulated: true}}") + "".join(
    f"---\n{each}"
    for each in (
        document(
            "Dataset",
            "people",
            "{location: data, format: csv, columns: {id: {type: string}, country: {type: string}}, "
            "incremental: {settle: 0s}}",
        ),
        document("Audience", "us", "{dataType: prospects, dataset: people, where: country = 'US'}"),
        document("Schedule", "hourly", '{frequency: hourly, every: 1, time: "00:00"}'),
        document("Activation", "hourly", "{destination: agency-archive, schedule: hourly, audiences: [us]}"),
        document("Activation", "own", "{destination: own, schedule: hourly, audiences: [us]}"),
        document("Destination", "own", "{type: local, connection: {path: own}, format: {type: csv}}"),
    )
)


def test_from_its_readme_to_an_export(plugin_site: Path, tmp_path: Path) -> None:
    """By the command line, in processes of their own."""
    (declared,) = re.findall(r"^```yaml\n(.*?)^```$", (PLUGIN / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    project = write(tmp_path / "shop", {"reconcile.yaml": f"{PROJECT}---\n{declared}"})
    write(project, {"data/a.csv": "id,country\np1,US\np2,DE\np3,US\n"})

    def reconcile(*arguments: str, code: int = 0, path: str = f"{plugin_site}{os.pathsep}{ROOT}") -> str:
        return in_a_process(["-m", "reconciler", *arguments], project, path, code)

    assert reconcile("validate").startswith("Valid:")
    assert "out/agency.sqlar" in reconcile("plan")
    told = json.loads(reconcile("plan", "--format", "json"))
    jsonschema_rs.Draft202012Validator(published("plan")).validate(told)
    assert '"sqlar"' in json.dumps(told)
    reconcile("plan", "--at", "2054-12-01T00:30Z", "--out", "plan.json")
    reconcile("apply", "plan.json", "--yes", "--at", "2054-12-01T00:30Z")
    reconcile("run", "--at", "2054-12-01T01:05Z")
    assert "Nothing" in reconcile("plan", "--at", "2054-12-01T01:06Z")
    with closing(sqlite3.connect(project / "out" / "agency.sqlar")) as archive:
        names = [name for (name,) in archive.execute("SELECT name FROM sqlar ORDER BY name")]
    assert [name.rpartition("/")[2][:5] for name in names] == ["_mani", "part-"]
    assert "4 files" in reconcile("verify")
    assert "agency-archive" in reconcile("catalog", "sqlar")
    assert '"sqlar"' in reconcile("schema", "Destination")
    # And when the package is gone:
    without = str(ROOT)
    assert "R140" in reconcile("validate", code=3, path=without)
    assert "agency-archive/us" in reconcile("status", path=without)
    before = len(list((project / "own").rglob("part-*")))
    write(project, {"data/b.csv": "id,country\np4,US\n"})
    said = reconcile("run", "--at", "2054-12-01T02:05Z", code=6, path=without)
    assert "D140" in said
    assert len(list((project / "own").rglob("part-*"))) == before + 1, "what can be exported is"
    reconcile("run", "--at", "2054-12-01T02:10Z")
    with closing(sqlite3.connect(project / "out" / "agency.sqlar")) as archive:
        assert archive.execute("SELECT count(*) FROM sqlar WHERE name LIKE '%/part-%'").fetchone() == (2,)
