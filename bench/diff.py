"""What changed since the last export, through the whole product (strategy `diff`) and with DuckDB's joins.

A dataset of 6 columns in 16 files, of which 1 % of the rows are new since the snapshot, 1 % changed and 1 % gone, spread
over all files. Each peer hashes all rows, compares them with its own snapshot of before, writes who was added, changed and
removed to one gz.parquet file, and writes the next snapshot; its first export isn't measured. The product does it from
claim to record, looks for duplicates, and keeps the keys that it will have to repeat encrypted. One join compares keyed
MD5 digests and keeps the ids beside them; the plain one compares the ids. All have the same memory limit.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from bench.exports import load, load_product
from bench.measuring import copy

FILES = 16
COLUMNS = {
    "prospect_id": "string",
    "email": "string",
    "country": "string",
    "score": "double",
    "visits": "int",
    "seen": "timestamp",
}
_ROW = ", ".join(name for name in COLUMNS if name != "prospect_id")


def generate(folder: Path, options: dict[str, Any]) -> None:
    """The data as it was and as it is."""
    for name in ("before", "after"):
        _people(folder / name, int(options["rows"]), after=name == "after")


def _people(folder: Path, rows: int, *, after: bool) -> None:
    """People with invented values; `after`: as they are at the second export."""
    import polars as pl

    folder.mkdir(parents=True)
    per = -(-rows // FILES)
    for number in range(FILES):
        first = number * per
        ids = pl.select(n=pl.int_range(first, min(first + per, rows), dtype=pl.Int64)).lazy()
        if after:
            ids = ids.with_columns(n=pl.when(pl.col("n") % 100 == 7).then(pl.col("n") + rows).otherwise("n"))
        mixed = (pl.col("n") * 2654435761) % 1_000_003
        changed = (pl.col("n") % 100 == 3).cast(pl.Int32) if after else 0
        ids.select(
            prospect_id=pl.format("p-{}", "n"),
            email=pl.format("u{}@example.com", mixed),
            country=pl.when(pl.col("n") % 3 == 0).then(pl.lit("US")).otherwise(pl.lit("DE")),
            score=mixed / 1_000_003,
            visits=(mixed % 1000).cast(pl.Int32) + changed,
            seen=pl.datetime(2026, 1, 1, time_zone="UTC", time_unit="us") + pl.duration(seconds=mixed),
        ).sink_parquet(folder / f"part-{number:03d}.parquet", compression="snappy")


def declare(folder: Path, memory: str) -> None:
    """A project whose one flow compares."""
    columns = "".join(f"    {name}: {{type: {kind}}}\n" for name, kind in COLUMNS.items())
    told = "{removed: tombstone, operationColumn: operation, secret: {fromEnv: BENCH_SECRET}}"
    documents = {
        "Project": ("bench", f"{{engine: {{memory: {memory}}}}}\n"),
        "Schedule": ("never", "{frequency: daily, time: '02:00', startDate: 2190-01-01}\n"),
        "Destination": (
            "box",
            "{type: local, connection: {path: out}, format: {type: parquet, compression: gzip}, files: {single: true}}\n",
        ),
        "Dataset": (
            "people",
            "\n  location: data\n  format: parquet\n  primaryKey: [prospect_id]\n"
            f"  incremental: {{strategy: diff, settle: 0s, changes: {told}}}\n  columns:\n{columns}",
        ),
        "Activation": ("all", "{destination: box, schedule: never, datasets: [people], backfill: none}\n"),
    }
    text = "---\n".join(
        f"apiVersion: reconciler/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}"
        for kind, (name, spec) in documents.items()
    )
    (folder / "reconcile.yaml").write_text(text)


def prepare_product(source: Path, out: Path, options: dict[str, Any]) -> None:
    """Applied, and exported once."""
    from reconciler.api.project import Project

    declare(out, options["memory"])
    copy(source / "before", out / "data")
    opened = Project.open(out)
    opened.apply(opened.plan(), exports=False)
    opened.export("box/people")
    shutil.rmtree(out / "data")
    copy(source / "after", out / "data")


def by_product(source: Path, out: Path, options: dict[str, Any]) -> list[str]:
    """From claim to record."""
    from reconciler.api.project import Project

    return [f"{Project.open(out).export('box/people').location}/part-*"]


_DIGEST = (
    f"SELECT md5_number('salt' || prospect_id) AS key, hash({_ROW}) AS row, * FROM read_parquet('{{source}}/*.parquet')"
)
_PLAIN = f"SELECT prospect_id AS key, hash({_ROW}) AS row, * FROM read_parquet('{{source}}/*.parquet')"


def _snapshot(source: Path, out: Path, name: str, memory: str, query: str) -> None:
    rows = query.format(source=source)
    keep = "key, row" if query is _PLAIN else "key, row, prospect_id"
    _duckdb(out, memory, f"COPY (SELECT {keep} FROM ({rows})) TO '{out}/{name}.parquet' (COMPRESSION snappy)")


def _compared(after: Path, out: Path, memory: str, query: str) -> list[str]:
    gone = "p.key" if query is _PLAIN else "p.prospect_id"
    found = (
        f"SELECT coalesce(c.prospect_id, {gone}) AS prospect_id, {', '.join(f'c.{each}' for each in _ROW.split(', '))}, "
        "CASE WHEN p.key IS NULL THEN 'added' WHEN c.key IS NULL THEN 'removed' ELSE 'changed' END AS operation "
        f"FROM ({query.format(source=after)}) c FULL JOIN '{out}/before.parquet' p ON c.key = p.key WHERE c.row IS DISTINCT FROM p.row"
    )
    _duckdb(out, memory, f"COPY ({found}) TO '{out}/part-0.parquet' (COMPRESSION gzip)")
    _snapshot(after, out, "after", memory, query)
    return [f"{out}/part-*"]


def _duckdb(out: Path, memory: str, query: str) -> None:
    import duckdb

    with duckdb.connect(config={"memory_limit": memory, "temp_directory": f"{out}/spill"}) as database:
        database.execute("SET preserve_insertion_order = false")
        database.execute(query)


def rows(peer: str, source: Path, where: list[str], options: dict[str, Any]) -> Any:
    """What was written, by operation: how many rows, and a sum over all their ids. Read by DuckDB."""
    import duckdb

    query = f"SELECT operation, count(*), sum(hash(prospect_id)) FROM read_parquet('{where[0]}') GROUP BY 1 ORDER BY 1"
    return [(str(name), int(count), str(int(ids))) for name, count, ids in duckdb.execute(query).fetchall()]


def prepare_digests(source: Path, out: Path, options: dict[str, Any]) -> None:
    """The snapshot of before."""
    _snapshot(source / "before", out, "before", options["memory"], _DIGEST)


def prepare_ids(source: Path, out: Path, options: dict[str, Any]) -> None:
    """The snapshot of before."""
    _snapshot(source / "before", out, "before", options["memory"], _PLAIN)


def by_digests(source: Path, out: Path, options: dict[str, Any]) -> list[str]:
    """By keyed digests."""
    return _compared(source / "after", out, options["memory"], _DIGEST)


def by_ids(source: Path, out: Path, options: dict[str, Any]) -> list[str]:
    """By the ids themselves."""
    return _compared(source / "after", out, options["memory"], _PLAIN)


PEERS = {
    "reconcile": (load_product, prepare_product, by_product),
    "DuckDB join of digests": (load, prepare_digests, by_digests),
    "DuckDB join of ids": (load, prepare_ids, by_ids),
}
