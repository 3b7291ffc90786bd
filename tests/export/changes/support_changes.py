"""A flow under strategy `diff` at engine level: run after run over data files, and a reader who follows what arrives."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pyarrow.parquet as pq

from reconciler.accounts.secrets import Secret
from reconciler.datasets.base import Access
from reconciler.datasets.local import LocalFiles
from reconciler.export.changes.job import ChangesJob, ChangesResult, ChangesTask, Compared, Surroundings
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
    """`folder` is its own. `snapshot`: of the last run. `shared`: where the dataset is, if it isn't its own."""

    folder: Path
    removed: Removed = "tombstone"
    dataset: DatasetSpec = field(default_factory=declared)
    columns: tuple[ExportColumn, ...] = COLUMNS
    secret: str = "a secret that is long enough"
    salt: str = "5a" * 32
    runs: int = 0
    snapshot: Path | None = None
    previous: Compared | None = None
    shared: Path | None = None

    def put(self, *files: Sequence[dict[str, Any]]) -> None:
        """What the dataset holds from now on."""
        data = self.data
        data.mkdir(parents=True, exist_ok=True)
        for old in data.iterdir():
            old.unlink()
        for at, rows in enumerate(files):
            pl.DataFrame(list(rows), schema=SCHEMA).write_parquet(data / f"{at}.parquet")

    def run(self, *, anew: bool = False, suppressed: Sequence[str] | None = None, **rules: Any) -> Arrived:
        """One run; `rules`: where, consent, expiry, output, nothing_leaves."""
        with self.begun(anew=anew, suppressed=suppressed, **rules) as task:
            result = PolarsEngine(lambda _: Secret(self.secret)).export_changes(task.job, task.around)
        return self.ended(result)

    @contextmanager
    def begun(
        self, *, anew: bool = False, suppressed: Sequence[str] | None = None, fail: int | None = None, **rules: Any
    ) -> Iterator[ChangesTask]:
        """What a run is to do. `fail`: after so many bytes its destination is down."""
        self.runs += 1
        run_id = f"r{self.runs:016d}"
        lists, accesses = _suppression(self.folder / f"list-{self.runs}", suppressed)
        nothing, stop = rules.pop("nothing_leaves", False), rules.pop("stop", lambda: False)
        export = ExportJob(
            dataset=self.dataset,
            files=files_of(self.data),
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
        out = self.folder / f"out-{self.runs}"
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            yield ChangesTask(
                job,
                Surroundings(
                    access=self.access(),
                    lists=accesses,
                    open_file=lambda part: FileSink(out / f"{part}.parquet", fail),
                    open_removed=lambda part: FileSink(out / "removed" / f"{part}.parquet", fail),
                    progress=lambda _: None,
                    stop=stop,
                    folder=Path(folder),
                    previous=None if anew else self.snapshot,
                    snapshot=self.folder / f"{run_id}.parquet",
                ),
            )

    def ended(self, result: ChangesResult) -> Arrived:
        """What came of it, which the next run goes on from."""
        if self.snapshot is not None:
            self.snapshot.unlink()
        run_id = f"r{self.runs:016d}"
        self.snapshot, self.previous = (
            self.folder / f"{run_id}.parquet",
            Compared(run_id=run_id, check=result.check),
        )
        return Arrived(result, _rows(self.out), _rows(self.out / "removed"))

    @property
    def out(self) -> Path:
        """Where the last run's files are."""
        return self.folder / f"out-{self.runs}"

    @property
    def data(self) -> Path:
        """Where the dataset is."""
        return self.shared or self.folder / "data"

    def access(self) -> Access:
        """How the dataset is read."""
        return LocalFiles(self.data, "data", "parquet", timedelta(0)).access()


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
