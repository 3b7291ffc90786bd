"""A flow under strategy `diff` at engine level: run after run over data files, and a reader who follows what arrives."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pyarrow.parquet as pq

from reconciler.accounts.secrets import Secret
from reconciler.datasets.base import Access
from reconciler.datasets.local import LocalFiles
from reconciler.export.changes.job import ChangesJob, ChangesResult, Compared, Surroundings
from reconciler.export.job import ExportJob, SuppressionList
from reconciler.export.polars_engine import PolarsEngine
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.effective import ExportColumn
from reconciler.resources.exclusions import ConsentRule, ExpiryRule
from reconciler.resources.formats import Files, ParquetFormat
from reconciler.resources.secrets import FromEnv
from reconciler.resources.suppression import Match
from tests.export.support import FileSink, files_of

NOW = datetime(2054, 12, 2, 2, tzinfo=UTC)
SCHEMA = {
    "id": pl.String,
    "email": pl.String,
    "seen": pl.Datetime("us", "UTC"),
    "consent": pl.String,
    "score": pl.Int32,
}
OPERATION = "operation"
Removed = Literal["ignore", "tombstone", "folder"]


def declared(**more: Any) -> DatasetSpec:
    kinds = {"id": "string", "email": "string", "seen": "timestamp", "consent": "string", "score": "int"}
    columns = {name: {"type": kind} for name, kind in kinds.items()}
    given = {"location": "data", "format": "parquet", "columns": columns, "primaryKey": ["id"], **more}
    return DatasetSpec.model_validate(given)


COLUMNS = (
    ExportColumn(column="email", name="mail", type="string"),
    ExportColumn(column="id", name="key", type="string"),
    ExportColumn(column="score", name="score", type="int"),
)


@dataclass
class Flow:
    """`folder` is its own. `snapshot`: of the last run."""

    folder: Path
    removed: Removed = "tombstone"
    dataset: DatasetSpec = field(default_factory=declared)
    columns: tuple[ExportColumn, ...] = COLUMNS
    secret: str = "a secret that is long enough"
    salt: str = "5a" * 32
    runs: int = 0
    snapshot: Path | None = None
    previous: Compared | None = None

    def put(self, *files: Sequence[dict[str, Any]]) -> None:
        """What the dataset holds from now on."""
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        for old in data.iterdir():
            old.unlink()
        for at, rows in enumerate(files):
            pl.DataFrame(list(rows), schema=SCHEMA).write_parquet(data / f"{at}.parquet")

    def run(self, *, anew: bool = False, suppressed: Sequence[str] | None = None, **rules: Any) -> Arrived:
        """One run; `rules`: where, consent, expiry, output, nothing_leaves."""
        self.runs += 1
        run_id = f"r{self.runs:016d}"
        lists, accesses = _suppression(self.folder / f"list-{self.runs}", suppressed)
        nothing = rules.pop("nothing_leaves", False)
        export = ExportJob(
            dataset=self.dataset,
            files=files_of(self.folder / "data"),
            where=rules.pop("where", None),
            columns=self.columns,
            format=ParquetFormat(type="parquet"),
            output=rules.pop("output", Files()),
            suppressions=lists,
            **rules,
        )
        job = ChangesJob(
            export=export,
            previous=None if anew else self.previous,
            salt=self.salt,
            secret=FromEnv(from_env="SECRET"),
            run_id=run_id,
            basis="b",
            removed=self.removed,
            operation=None if self.removed == "ignore" else OPERATION,
            nothing_leaves=nothing,
        )
        assert ChangesJob.model_validate_json(job.model_dump_json()) == job
        out, snapshot = self.folder / f"out-{self.runs}", self.folder / f"{run_id}.parquet"
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            around = Surroundings(
                access=LocalFiles(self.folder / "data", "data", "parquet", timedelta(0)).access(),
                lists=accesses,
                open_file=lambda part: FileSink(out / f"{part}.parquet"),
                open_removed=lambda part: FileSink(out / "removed" / f"{part}.parquet"),
                progress=lambda _: None,
                stop=lambda: False,
                folder=Path(folder),
                previous=None if anew else self.snapshot,
                snapshot=snapshot,
            )
            result = PolarsEngine(lambda _: Secret(self.secret)).export_changes(job, around)
        if self.snapshot is not None:
            self.snapshot.unlink()
        self.snapshot, self.previous = snapshot, Compared(run_id=run_id, check=result.check)
        return Arrived(result, _rows(out), _rows(out / "removed"))


@dataclass(frozen=True)
class Arrived:
    """What one run's files hold, by pyarrow alone."""

    result: ChangesResult
    rows: list[dict[str, Any]]
    removed: list[dict[str, Any]]


@dataclass
class Reader:
    """Somebody who does what the files say. `has`: by key."""

    has: dict[str, dict[str, Any]] = field(default_factory=dict)

    def receives(self, arrived: Arrived) -> None:
        """Every operation must make sense for who has what this reader has."""
        for row in arrived.rows:
            key, operation = row["key"], row.pop(OPERATION, None)
            match operation:
                case "removed":
                    assert set(row.values()) == {None, key}
                    del self.has[key]
                case "added":
                    assert key not in self.has
                    self.has[key] = row
                case "changed":
                    assert self.has[key] != row
                    self.has[key] = row
                case _:
                    self.has[key] = row
        for row in arrived.removed:
            del self.has[row["key"]]


def _rows(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob("*.parquet")) for row in pq.ParquetFile(path).read().to_pylist()]


def _suppression(folder: Path, emails: Sequence[str] | None) -> tuple[tuple[SuppressionList, ...], dict[str, Access]]:
    if emails is None:
        return (), {}
    folder.mkdir()
    pl.DataFrame({"email": list(emails)}, schema={"email": pl.String}).write_parquet(folder / "0.parquet")
    spec = DatasetSpec.model_validate({"location": "x", "format": "parquet", "columns": {"email": {"type": "string"}}})
    match = Match.model_validate({"list": "email", "column": "email"})
    listed = SuppressionList(name="out", match=(match,), dataset=spec, files=files_of(folder))
    return (listed,), {"out": LocalFiles(folder, "x", "parquet", timedelta(0)).access()}


def person(number: int | None, **more: Any) -> dict[str, Any]:
    key = None if number is None else f"p{number}"
    return {"id": key, "email": f"{number}@x.de", "seen": NOW, "consent": "yes", "score": 1} | more


def consent() -> ConsentRule:
    return ConsentRule(column="consent", values=("yes",))


def expired_before(days: int) -> ExpiryRule:
    return ExpiryRule(column="seen", before=NOW - timedelta(days=days))


def new_salt() -> str:
    return secrets.token_hex(32)
