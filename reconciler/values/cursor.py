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


Cursor = Annotated[FilesCursor | MarkCursor, Field(discriminator="strategy")]
