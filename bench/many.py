"""Fifty audiences over one dataset in one slot: `run`, fifty of DuckDB's COPYs, fifty Polars sinks. Gzipped Parquet.

The audiences are disjoint and hold four fifths of the rows together. The data is that of `bench.exports`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import rows as written
from bench.exports import COLUMNS, declare, generate, load, load_product

__all__ = ["PEERS", "generate", "rows"]


def bounds(count: int) -> dict[str, tuple[float, float]]:
    """The scores of each audience: from the first to below the second."""
    steps = [round(0.8 * number / count, 6) for number in range(count + 1)]
    return {f"a{number:03d}": (steps[number], steps[number + 1]) for number in range(count)}


def prepare_product(source: Path, out: Path, options: dict[str, Any]) -> None:
    """Declared, and applied as if it had been two days ago: a slot is due."""
    from reconciler.api.project import Project

    wheres = {
        name: f"intent_score >= {low} AND intent_score < {high}"
        for name, (low, high) in bounds(options["audiences"]).items()
    }
    declare(out, source, wheres, "parquet", "gzip")
    opened = Project.open(out)
    at = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=2)
    opened.apply(opened.plan(at=at), at=at, exports=False)


def by_product(source: Path, out: Path, options: dict[str, Any]) -> list[str]:
    """All that is due."""
    from reconciler.api.project import Project
    from reconciler.api.runs import Exported

    events = Project.open(out).run()
    made = {event.flow: event.run.location for event in events if isinstance(event, Exported)}
    if len(made) != options["audiences"] or len(made) != len(events):
        raise SystemExit(f"not all audiences were exported: {events}")
    return [f"{made[flow]}/part-*" for flow in sorted(made)]


def by_duckdb(source: Path, out: Path, options: dict[str, Any]) -> list[str]:
    """One COPY after the other, in one process."""
    import duckdb

    paths = []
    for name, (low, high) in bounds(options["audiences"]).items():
        query = f"SELECT {', '.join(COLUMNS)} FROM '{source}/*.parquet' WHERE intent_score >= {low} AND intent_score < {high}"
        duckdb.sql(f"COPY ({query}) TO '{out}/{name}.parquet' (FORMAT parquet, COMPRESSION gzip)")
        paths.append(f"{out}/{name}.parquet")
    return paths


def by_polars(source: Path, out: Path, options: dict[str, Any]) -> list[str]:
    """One sink after the other, in one process."""
    import polars as pl

    paths = []
    for name, (low, high) in bounds(options["audiences"]).items():
        score = pl.col("intent_score")
        kept = pl.scan_parquet(source / "*.parquet").filter((score >= low) & (score < high)).select(COLUMNS)
        kept.sink_parquet(out / f"{name}.parquet", compression="gzip")
        paths.append(str(out / f"{name}.parquet"))
    return paths


def rows(peer: str, source: Path, where: list[str], options: dict[str, Any]) -> Any:
    """What was written, audience by audience."""
    return written.in_files(where, "parquet")


PEERS = {
    "reconcile": (load_product, prepare_product, by_product),
    "DuckDB COPYs": (load, None, by_duckdb),
    "Polars sinks": (load, None, by_polars),
}
