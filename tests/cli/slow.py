"""A project whose export has many files, in a process of its own that can be held in the middle of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb
import polars as pl

from tests.config.support import document, write

ROWS = 60_000
FLOW = "box/people"
ROOT = Path(__file__).parents[2]
_COLUMNS = "{id: {type: long}, note: {type: string}}"


def slow_project(folder: Path, *, parts: int = 30) -> Path:
    """Applied from nothing at 2054-12-01T00:00Z on a simulated ledger; its first slot is 02:00."""
    pl.DataFrame({"id": pl.int_range(ROWS, eager=True)}).with_columns(
        note=pl.format("a note about number {}", "id")
    ).write_parquet(_made(folder / "data") / "a.parquet", row_group_size=2_000)
    files = f"files: {{maxRows: {ROWS // parts}}}, format: {{type: csv, compression: none}}"
    destination = f"{{type: local, connection: {{path: out}}, accepts: [datasets], {files}}}"
    source = f"{{location: data, format: parquet, columns: {_COLUMNS}, incremental: {{settle: 0s}}}}"
    project = "{ledger: {url: 'file://ledger', simulated: true}}"
    return write(
        folder,
        {
            "reconcile.yaml": document("Project", "slow", project),
            "box.yaml": document("Destination", "box", destination),
            "people.yaml": document("Dataset", "people", source),
            "nightly.yaml": document("Schedule", "nightly", "{frequency: daily, time: '02:00'}"),
            "activation.yaml": document(
                "Activation", "nightly", "{destination: box, schedule: nightly, datasets: [people]}"
            ),
        },
    )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def command(*arguments: str | Path, held: bool = True) -> list[str]:
    """`reconcile`, held at its third staged file or not."""
    module = "tests.cli.held" if held else "reconciler"
    return [sys.executable, "-m", module, *map(str, arguments)]


def environment(folder: Path) -> dict[str, str]:
    """Where a held process finds out that it may go on."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "HELD_UNTIL": str(folder / "go")}


def started(folder: Path, *arguments: str, given: Sequence[str] = ()) -> subprocess.Popen[str]:
    """`reconcile` in a project, held in the middle of its export by the time this returns; `given`: another command line that does it."""
    process = subprocess.Popen(
        given or command("-C", folder, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(folder),
    )
    while len(staged(folder)) < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    return process


def go_on(folder: Path) -> None:
    """Lets a held process go on."""
    (folder / "go").touch()


def staged(folder: Path) -> list[Path]:
    """Files that wait unseen at the destination."""
    return [each for each in (folder / "out").rglob("*") if each.is_file() and ".reconciler-staging" in each.parts]


def everything_once(folder: Path) -> bool:
    """Whether the visible files hold every row exactly once, as DuckDB reads them."""
    files = [str(each) for each in (folder / "out").rglob("part-*.csv") if ".reconciler-staging" not in each.parts]
    found = duckdb.sql(f"SELECT count(*), count(DISTINCT id), min(id), max(id) FROM read_csv({files})").fetchall()
    return found == [(ROWS, ROWS, 0, ROWS - 1)]


def visible(folder: Path) -> list[Path]:
    """Files that a reader of the destination sees."""
    files = (each for each in (folder / "out").rglob("*") if each.is_file())
    return [each for each in files if not any(part.startswith(".") for part in each.relative_to(folder).parts)]
