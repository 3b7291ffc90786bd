"""Rows to data files, as a lake would hold them: Parquet, CSV or JSON Lines, compressed or not."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.samples.generator import COLUMNS, FLAT_COLUMNS, Row

if TYPE_CHECKING:
    import pyarrow as pa


def write_parquet(rows: Iterable[Row], path: Path) -> int:
    """Writes `COLUMNS` as snappy Parquet; returns the number of rows. Needs pyarrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(list(rows), schema=arrow_schema())
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="snappy", row_group_size=100_000)
    return int(table.num_rows)


def write_csv(rows: Iterable[Row], path: Path, columns: Iterable[str] = tuple(FLAT_COLUMNS)) -> int:
    """Writes CSV with a header, gzip by the name (`.gz`). Null is empty, an empty text is `""`. Needs no extra."""
    names = tuple(columns)
    text = io.StringIO()
    text.write(",".join(_quoted(name) for name in names) + "\n")
    count = 0
    for row in rows:
        text.write(",".join(_field(row.get(name)) for name in names) + "\n")
        count += 1
    _write(path, text.getvalue().encode())
    return count


def write_json(rows: Iterable[Row], path: Path) -> int:
    """Writes JSON Lines, gzip by the name (`.gz`). Needs no extra."""
    lines = [json.dumps(row, default=_plain, ensure_ascii=False) for row in rows]
    _write(path, "".join(f"{line}\n" for line in lines).encode())
    return len(lines)


def arrow_schema() -> pa.Schema:
    """`COLUMNS` as Arrow types."""
    import pyarrow as pa

    referrer = pa.struct({"host": pa.string(), "paid": pa.bool_()})
    special: Mapping[str, pa.DataType] = {
        "intent_score": pa.float64(),
        "page_views": pa.int32(),
        "lifetime_cents": pa.int64(),
        "budget": pa.decimal128(12, 2),
        "newsletter": pa.bool_(),
        "first_seen": pa.date32(),
        "ingested_at": pa.timestamp("us", tz="UTC"),
        "tags": pa.list_(pa.string()),
        "visit": pa.struct({"page": pa.string(), "seconds": pa.int32(), "referrer": referrer}),
    }
    return pa.schema({name: special.get(name, pa.string()) for name in COLUMNS})


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, 6, mtime=0) if path.suffix == ".gz" else data)


def _field(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str():
            return _quoted(value)
        case _:
            return _quoted(_plain(value) if isinstance(value, datetime | date | Decimal) else str(value))


def _quoted(text: str) -> str:
    if text == "":
        return '""'
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([text])
    return line.getvalue()


def _plain(value: object) -> str:
    match value:
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case _:
            raise TypeError(type(value).__name__)
