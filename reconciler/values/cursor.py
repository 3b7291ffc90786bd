"""A cursor: how far a flow's reader has come. It only moves when a run is recorded."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.values.base import Value
from reconciler.values.pin import TableState

Columns = dict[str, tuple[str, ...]]
"""Columns of the data with all types that they were met with. A type that isn't known is nothing: text formats have none."""


class FilesCursor(Value):
    """The `files` strategy: every file of the pin with this digest is done with, exported or left out by `backfill`.

    `table`: the state of a table that has been read; `files` then counts those of the last run. `audience_rows`: rows that
    match in the whole pin, where a guard asked for it. `columns`: what was met, under `contract: freeze`. In `full` mode the cursor
    only documents.
    """

    strategy: Literal["files"] = "files"
    pin: str
    location: str
    files: int
    table: TableState | None = None
    audience_rows: int | None = None
    columns: Columns | None = None


class MarkCursor(Value):
    """The `cursor` strategy: every row whose `column` is at or below `mark` is done with. `mark` None: no row had a value yet."""

    strategy: Literal["cursor"] = "cursor"
    pin: str
    location: str
    files: int
    column: str
    mark: str | None = None
    table: TableState | None = None
    audience_rows: int | None = None
    columns: Columns | None = None


class DiffCursor(Value):
    """The `diff` strategy: the reader has what the snapshot says, a blob of the ledger with this hex SHA-256 and so many `rows`.

    `basis`: what is compared (`reconciler.resources.basis`). `salt`: hex, what digests begin with; it stays with the flow. `check` tells
    whether `changes.secret` is still the same.
    """

    strategy: Literal["diff"] = "diff"
    pin: str
    location: str
    files: int
    table: TableState | None = None
    snapshot: str
    digest: str
    rows: int
    basis: str
    salt: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    check: str
    audience_rows: int | None = None
    columns: Columns | None = None

    @property
    def snapshot_run(self) -> str:
        """The id of the run that made the snapshot."""
        return self.snapshot.rpartition("/")[2]


Cursor = Annotated[FilesCursor | MarkCursor | DiffCursor, Field(discriminator="strategy")]
