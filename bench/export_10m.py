"""Exports N rows through the engine, by hand with Polars and with DuckDB's COPY, each in a process of its own, and
prints times and peaks.

    python bench/export_10m.py --rows 1000000 --format parquet --compression gzip --runs 3

20 columns in 32 snappy Parquet files; a filter keeps 30 %; 15 columns are written. What is compared: the engine (sink
to a local file, SHA-256 included), `scan_parquet(…).filter(…).select(…).sink_…` and `COPY (SELECT …) TO …`. Ratios
matter, seconds don't.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

FILES = 32
BASE = 100_000
COLUMNS = (
    "prospect_id", "email", "first_name", "last_name", "country", "city", "postcode", "intent_score", "page_views",
    "lifetime_cents",
    "budget", "first_seen", "ingested_at", "tags", "visit",
)  # fmt: skip
FLAT = COLUMNS[:-2]


def generate(folder: Path, rows: int) -> None:
    """Tiles a base of invented prospects with ids, addresses and scores of their own."""
    import polars as pl
    import pyarrow as pa

    from reconciler.samples.files import arrow_schema
    from reconciler.samples.generator import prospects

    base = pl.from_arrow(pa.Table.from_pylist(list(prospects(min(BASE, rows))), schema=arrow_schema()))
    assert isinstance(base, pl.DataFrame)
    per = -(-rows // FILES)
    folder.mkdir(parents=True)
    for number in range(FILES):
        count = min(per, rows - number * per)
        if count <= 0:
            break
        first = number * per
        mixed = (pl.int_range(first, first + count) * 2654435761) % 1_000_003
        part = pl.concat([base] * (count // base.height + 1)).head(count)
        part.with_columns(
            prospect_id=pl.format("p-{}", pl.int_range(first, first + count)),
            email=pl.format("u{}@example.com", mixed),
            intent_score=mixed / 1_000_003,
            extra_1=mixed.cast(pl.String),
            extra_2=mixed,
        ).write_parquet(folder / f"part-{number:03d}.parquet", compression="snappy")


def by_engine(source: Path, out: Path, form: str, compression: str) -> int:
    """Through the engine, to staged files of a local destination. Returns rows written, as the others do."""
    from datetime import UTC, datetime, timedelta

    from reconciler.datasets.local import LocalFiles
    from reconciler.destinations.local import LocalDestination
    from reconciler.export.job import ExportJob
    from reconciler.export.polars_engine import PolarsEngine
    from reconciler.resources.dataset import DatasetSpec
    from reconciler.samples.generator import COLUMNS as TYPES

    names = _columns(form)
    files = LocalFiles(source, "bench", "parquet", timedelta(0))
    spec = {"location": "bench", "format": "parquet", "columns": {name: {"type": kind} for name, kind in TYPES.items()}}
    job = ExportJob.model_validate(
        {
            "dataset": DatasetSpec.model_validate(spec),
            "files": files.listing(datetime.now(UTC)).pin.files,
            "where": "intent_score >= 0.7",
            "columns": [{"column": name, "name": name, "type": TYPES[name]} for name in names],
            "format": {"type": form, "compression": compression},
            "output": {},
        }
    )
    (out / "destination").mkdir()
    destination = LocalDestination(out / "destination")
    done = PolarsEngine().export(
        job, files.access(), lambda part: destination.stage("run", f"{part}-run"), lambda _: None, lambda: False
    )
    return done.matched


def by_hand(source: Path, out: Path, form: str, compression: str) -> int:
    """What someone who knows Polars writes."""
    import polars as pl

    rows = pl.scan_parquet(source / "*.parquet").filter(pl.col("intent_score") >= 0.7).select(_columns(form))
    plain = {"none": "uncompressed"}.get(compression, compression)
    match form:
        case "parquet":
            rows.sink_parquet(out / "hand.parquet", compression=plain)  # type: ignore[call-overload]
        case "json":
            rows.sink_ndjson(out / "hand.json", compression=plain, check_extension=False)  # type: ignore[call-overload]
        case _:
            rows.sink_csv(out / "hand.csv", compression=plain, check_extension=False)  # type: ignore[call-overload]
    return 0


def by_duckdb(source: Path, out: Path, form: str, compression: str) -> int:
    """What someone who knows DuckDB writes."""
    import duckdb

    names = ", ".join(_columns(form))
    query = f"SELECT {names} FROM '{source}/*.parquet' WHERE intent_score >= 0.7"
    kind = (
        compression
        if form == "parquet" and compression != "none"
        else {"none": "uncompressed"}.get(compression, compression)
    )
    duckdb.sql(f"COPY ({query}) TO '{out}/duck.{form}' (FORMAT {form}, COMPRESSION {kind})")
    return 0


PEERS = {"engine": by_engine, "polars by hand": by_hand, "duckdb": by_duckdb}


def _columns(form: str) -> tuple[str, ...]:
    return FLAT if form == "csv" else COLUMNS


def measure(peer: str, source: Path, form: str, compression: str) -> dict[str, float]:
    """Seconds and peak megabytes of one run in a process of its own, imports not counted."""
    with tempfile.TemporaryDirectory(dir=source.parent) as out:
        command = [sys.executable, __file__, "--one", peer, "--source", str(source), "--out", out]
        text = subprocess.run(
            [*command, "--format", form, "--compression", compression], check=True, capture_output=True
        ).stdout
    found: dict[str, float] = json.loads(text)
    return found


def one(peer: str, source: Path, out: Path, form: str, compression: str) -> None:
    """In the process of its own."""
    import duckdb  # noqa: F401 - all peers pay for the same imports
    import polars  # noqa: F401

    import reconciler.export.polars_engine  # noqa: F401

    started = time.perf_counter()
    PEERS[peer](source, out, form, compression)
    seconds = time.perf_counter() - started
    # Not getrusage: its maximum survives exec, so that a child begins with its parent's.
    peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({"seconds": seconds, "megabytes": peak}))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--format", default="parquet", choices=["parquet", "json", "csv"])
    parser.add_argument("--compression", default="gzip")
    parser.add_argument("--folder", type=Path, help="where data is kept between calls (default: removed at the end)")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS))
    for hidden in ("--one", "--source", "--out"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one(asked.one, Path(asked.source), Path(asked.out), asked.format, asked.compression)
        return
    with tempfile.TemporaryDirectory() as temporary:
        source = (asked.folder or Path(temporary)) / f"rows-{asked.rows}"
        if not source.exists():
            generate(source, asked.rows)
        size = sum(path.stat().st_size for path in source.iterdir())
        print(f"{asked.rows:,} rows, {size / 1e6:,.0f} MB of snappy Parquet, to {asked.compression} {asked.format}")
        # Peers take turns, so that what else the machine does touches all alike.
        found = [
            {peer: measure(peer, source, asked.format, asked.compression) for peer in asked.peers}
            for _ in range(asked.runs)
        ]
    middle = {peer: statistics.median(run[peer]["seconds"] for run in found) for peer in asked.peers}
    for peer in asked.peers:
        peak = max(run[peer]["megabytes"] for run in found)
        ratio = f"{middle[peer] / middle['polars by hand']:.2f} x by hand" if "polars by hand" in middle else ""
        print(f"{peer:16} {middle[peer]:7.2f} s  peak {peak:6.0f} MB  {ratio}")


if __name__ == "__main__":
    main()
