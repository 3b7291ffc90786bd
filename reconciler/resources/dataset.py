"""`Dataset`: prospect profiles as data."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator, model_validator

from reconciler.resources.metadata import Name
from reconciler.resources.policy import LabelName
from reconciler.resources.secrets import SecretRef
from reconciler.values.base import Value

DURATION_PATTERN = r"^(0|[1-9][0-9]{0,5})(s|m|h|d)$"
Duration = Annotated[str, Field(pattern=DURATION_PATTERN, description="A number and s, m, h or d.")]
ColumnName = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
LOCATION_PATTERN = r"^(?!s3://(?![a-z0-9.-]{3,63}(/|$)))"
_LOCATION_RULE = "A local path, or s3://BUCKET/FOLDER/; keys belong into the account."


def _location(text: str) -> str:
    # Here and not in Field(pattern=…): pydantic's own expressions have no look-ahead.
    if not re.match(LOCATION_PATTERN, text):
        raise ValueError(f"not a location: {_LOCATION_RULE}")
    return text


Location = Annotated[
    str,
    Field(min_length=1, max_length=1024),
    AfterValidator(_location),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": 1024,
            "pattern": LOCATION_PATTERN,
            "description": _LOCATION_RULE,
        }
    ),
]


class CatalogLocation(Value):
    """An Apache Iceberg table that a catalogue knows. `table`: database and name."""

    catalog: Literal["glue"]
    table: Annotated[
        str, Field(pattern=r"^[^./ \x00-\x1f]{1,255}\.[^./ \x00-\x1f]{1,255}$", description="DATABASE.TABLE")
    ]


TABLE_FORMATS = ("delta", "iceberg")
"""Formats that are tables: Parquet files, and metadata that says which of them count."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """Reads a `Duration`. Raises ValueError."""
    found = re.match(DURATION_PATTERN, text)
    if not found:
        raise ValueError(f"not a duration: {text!r}")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


class DatasetColumn(Value):
    """`type` in the column type language; `optional: true`: files that lack the column read as null. `labels`: what the data is, or must
    not be used for; whatever is made of the column has them too."""

    type: Annotated[str, Field(min_length=1, max_length=2048)]
    optional: bool = False
    labels: Annotated[tuple[LabelName, ...], Field(max_length=64)] | None = None

    @field_validator("labels", mode="after")
    @classmethod
    def _as_a_set(cls, labels: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Their order says nothing, and none is as if nothing were written."""
        return tuple(sorted(set(labels))) or None if labels is not None else None


class CsvReading(Value):
    """How CSV files of a dataset are written. The first line names the columns."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    null_value: Annotated[str, Field(max_length=64)] = ""


class Changes(Value):
    """What strategy `diff` tells besides the rows that are new or changed.

    `removed`: who left is not told (`ignore`), is a row with the key alone (`tombstone`), or is in files of a folder `_removed/`
    (`folder`). `operationColumn`: a column that says `added`, `changed` or `removed`. `secret`: what keeps the keys in the snapshot
    from being guessed, and encrypts those that a removal repeats.
    """

    removed: Literal["ignore", "tombstone", "folder"] = "ignore"
    operation_column: ColumnName | None = None
    secret: Annotated[SecretRef | None, Field(description="At least 16 characters, always the same ones.")] = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.removed == "tombstone" and self.operation_column is None:
            raise ValueError("a tombstone is told from other rows by its operation: write operationColumn")
        if self.removed != "ignore" and self.secret is None:
            raise ValueError(
                f"removed: {self.removed} keeps the keys that left, encrypted, to repeat them: write secret: {{fromEnv: NAME}}"
            )
        return self

    @property
    def tells_removed(self) -> bool:
        """Whether the recipient learns who left."""
        return self.removed != "ignore"


class Incremental(Value):
    """How the dataset grows. `files`: new data comes in new files. `cursor`: rows get a greater value in `column`, wherever they are.
    `diff`: rows are added, changed and removed; what leaves is compared with what left before, by primary key.

    `overwrites`: of a table under `files`, whether a delete, an update or an overwrite stops its flows (`refuse`), or they export all that
    is there once more (`rebuild`). `settle`: younger files wait. `lag`: how late a row may come; what is younger than that at the slot is
    left for the next.
    `contract`: `evolve` lets columns that aren't declared come, change and go; `freeze` refuses data with columns, or types of columns,
    that neither are declared nor were there at the last export.
    """

    strategy: Literal["files", "cursor", "diff"] = "files"
    settle: Duration = "5m"
    column: ColumnName | None = None
    lag: Duration | None = None
    contract: Literal["evolve", "freeze"] = "evolve"
    overwrites: Literal["refuse", "rebuild"] = "refuse"
    changes: Changes | None = None

    @model_validator(mode="after")
    def _belongs(self) -> Self:
        if self.strategy == "cursor" and self.column is None:
            raise ValueError("strategy cursor follows a column: write column")
        if self.strategy != "cursor" and (self.column is not None or self.lag is not None):
            raise ValueError("column and lag belong to strategy cursor")
        if self.strategy != "diff" and self.changes is not None:
            raise ValueError("changes belongs to strategy diff")
        if self.strategy != "files" and self.overwrites == "rebuild":
            raise ValueError("overwrites belongs to strategy files: the others read what was overwritten as it is")
        return self

    @property
    def told(self) -> Changes:
        """What strategy `diff` tells; with all defaults where nothing is written."""
        return self.changes or Changes()


class Expiry(Value):
    """Rows leave until their `column`, a date or timestamp, is `after` old. A row without a value is expired."""

    column: ColumnName
    after: Duration


class Consent(Value):
    """What people agreed to: for each marketing action the values of `column` that allow it."""

    column: ColumnName
    allow: Annotated[dict[Name, tuple[str | bool, ...]], Field(min_length=1)]


class DatasetSpec(Value):
    """`location`: a folder or file, local or `s3://`; of a table, its folder, or its name in a catalogue.

    `minRows`: a smaller source fails closed. `primaryKey`: of several rows with one key, one leaves. `latestBy`: the newest of
    them is the only one that `where` sees.
    """

    location: Location | CatalogLocation
    format: Literal["parquet", "csv", "json", "delta", "iceberg"]
    account: Name | None = None
    columns: Annotated[dict[ColumnName, DatasetColumn], Field(min_length=1, max_length=10_000)]
    csv: CsvReading | None = None
    primary_key: Annotated[tuple[ColumnName, ...], Field(max_length=16)] = ()
    latest_by: ColumnName | None = None
    expiry: Expiry | None = None
    consent: Consent | None = None
    incremental: Incremental = Incremental()
    min_rows: Annotated[int, Field(ge=0)] = 1

    @property
    def place(self) -> str:
        """The location as one text: what pins and listings call it."""
        match self.location:
            case CatalogLocation(catalog=catalog, table=table):
                return f"{catalog}:{table}"
            case str():
                return self.location

    @property
    def remote(self) -> bool:
        """Whether an account is needed to read it."""
        return isinstance(self.location, CatalogLocation) or self.location.startswith("s3://")
