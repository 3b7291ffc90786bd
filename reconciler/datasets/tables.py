"""What tables (Delta Lake, Apache Iceberg) have in common: a folder, a schema of their own, and partition values in the metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from reconciler.datasets.base import Access
from reconciler.datasets.fit import Unfit, fit
from reconciler.datasets.infer_arrow import type_text
from reconciler.datasets.problems import ROWS_TAKEN, problem
from reconciler.datasets.types import polars_type
from reconciler.errors import SourceError
from reconciler.resources.dataset import DatasetColumn
from reconciler.values.pin import PinnedFile

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 3


class Folder(Protocol):
    """Where a table lies, locally or in S3; paths are relative to it."""

    @property
    def location(self) -> str:
        """What pins call it."""
        ...

    def read(self, path: str) -> bytes | None:
        """A small file's content; None where there is none. Raises `SourceError` F101, F104."""
        ...

    def found(self, paths: Iterable[str]) -> Mapping[str, PinnedFile | None]:
        """What is at each path by now."""
        ...

    def access(self) -> Access:
        """For engines and libraries."""
        ...


def columns_of(schema: pa.Schema) -> dict[str, frozenset[str]]:
    """All columns of a schema, with their types."""
    return {field.name: frozenset(type_text(field.type)) for field in schema}


def check_declared(location: str, schema: pa.Schema, columns: Mapping[str, DatasetColumn]) -> None:
    """The declared columns against the table's schema. Raises `SourceError` F106, F107."""
    for name, declared in columns.items():
        index = schema.get_field_index(name)
        if index < 0 and declared.optional:
            continue
        if index < 0:
            raise problem("F106", f"The table at {location} has no column {name!r}.")
        try:
            fit(schema.field(index).type, polars_type(declared.type), name)
        except Unfit as unfit:
            if unfit.found is None:
                raise problem("F106", f"The table at {location} has no field {unfit.path!r}.") from None
            detail = f"The table at {location}: {unfit.path!r} is {unfit.found}, declared as {unfit.declared}."
            raise problem("F107", detail) from None


def changed(folder: Folder, files: Iterable[PinnedFile]) -> tuple[str, ...]:
    """Paths whose data file is gone or has another size: a table's files are never rewritten, so that size and name tell."""
    pinned = tuple(files)
    current = folder.found(file.path for file in pinned)
    return tuple(file.path for file in pinned if (now := current.get(file.path)) is None or now.size != file.size)


def gone(folder: Folder, files: Iterable[PinnedFile]) -> None:
    """Raises `SourceError` F133 where a file that is to be read was removed from the store."""
    if missing := changed(folder, files):
        more = f" and {len(missing) - _SHOWN:,} more" if len(missing) > _SHOWN else ""
        raise history_gone(
            folder.location,
            f"data files that came since the last export were removed from the store ({', '.join(missing[:_SHOWN])}{more}), as vacuum "
            "and the expiry of snapshots do after a compaction",
        )


def rows_taken(location: str, state: str, operation: str, files: int) -> SourceError:
    """The error of a state that took rows away."""
    return problem(
        ROWS_TAKEN,
        f"The table at {location}: {state} ({operation}) took rows out of {files:,} {'file' if files == 1 else 'files'}, by deleting, "
        "updating or overwriting. Strategy files can't tell which of them had left. Start over with everything "
        "(reconcile export FLOW --full), as overwrites: rebuild does by itself; write by appending alone; or use strategy diff, which "
        "tells who was changed and removed.",
    )


def history_gone(location: str, why: str) -> SourceError:
    """The error of a table that doesn't tell what is new."""
    return problem(
        "F133",
        f"The table at {location}: {why}. Keep history for longer than the time between two exports, and start over with everything: "
        "reconcile export FLOW --full",
    )


def another_table(location: str, why: str) -> SourceError:
    """The error of a table that isn't the one read before."""
    return problem(
        "F134",
        f"The table at {location}: {why}. What left before can't be told from what is new; start over with everything: "
        "reconcile export FLOW --full",
    )


def unsupported(location: str, what: str) -> SourceError:
    """The error of a table that would be misread."""
    return problem("F131", f"The table at {location} {what}.")


def inside(location: str, path: str) -> str:
    """A data file's path below the table's folder. Raises `SourceError` F131 where it leads out."""
    if path.startswith("/") or "://" in path or "\\" in path or "\0" in path or ".." in path.split("/"):
        raise unsupported(location, "names a data file outside of its folder (a shallow clone does), which isn't read")
    return path


def as_text(location: str, name: str, value: object) -> str | None:
    """A partition value as the text that its declared type is parsed from. Raises `SourceError` F131."""
    match value:
        case None | "":
            return None
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return repr(value)
        case Decimal():
            return f"{value:f}"
        case datetime():
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case _:
            raise unsupported(location, f"is partitioned by {name!r}, whose type can't be read from metadata")


def moment(milliseconds: int) -> datetime:
    """Aware UTC, of milliseconds since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
