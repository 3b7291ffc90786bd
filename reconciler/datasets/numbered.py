"""Columns of Parquet files that are known by number: Apache Iceberg renames, drops and adds columns without touching files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reconciler.datasets.base import Numbered
from reconciler.datasets.problems import problem

if TYPE_CHECKING:
    import pyarrow as pa

_NUMBER = b"PARQUET:field_id"


def names_in(schema: pa.Schema, columns: Mapping[str, Numbered], where: str) -> dict[str, str]:
    """Each column's name in a file, those that it lacks left out. `where`: the file, for messages.

    Raises `SourceError` F131 where a field inside of a struct has another name or number than in the table.
    """
    numbers = {number: each.name for each in schema if (number := _number(each)) is not None}
    found: dict[str, str] = {}
    for name, column in columns.items():
        if numbers:
            written = numbers.get(column.number)
        else:
            written = next((each for each in column.names if schema.get_field_index(each) >= 0), None)
        if written is not None:
            found[name] = written
            if numbers:
                _check_inside(schema.field(written).type, column, name, where)
    return found


def _check_inside(kind: pa.DataType, column: Numbered, path: str, where: str) -> None:
    import pyarrow.types as pat

    while pat.is_list(kind) or pat.is_large_list(kind):
        kind = kind.value_type
    if not pat.is_struct(kind) or not column.inside:
        return
    fields = [kind.field(index) for index in range(kind.num_fields)]
    written = {each.name: _number(each) for each in fields}
    known = {number: each.name for each in fields if (number := _number(each)) is not None}
    for name, inner in column.inside.items():
        if written.get(name, inner.number) != inner.number or known.get(inner.number, name) != name:
            raise problem(
                "F131",
                f"{where}: the field {path}.{name} had another name, or was another field, when the file was written. Renamed columns "
                "are read, renamed fields inside of them aren't. Rewrite the table's older files.",
            )
        if name in written:
            _check_inside(kind.field(name).type, inner, f"{path}.{name}", where)


def _number(field: pa.Field) -> int | None:
    text = (field.metadata or {}).get(_NUMBER)
    return int(text) if text is not None else None
