"""Exports through the whole product, by hand with Polars, and with DuckDB's COPY: times, peaks, and that all hold the same rows.

    python bench/exports.py --rows 1000000 --runs 3
    python bench/exports.py --rows 1000000 --format json --compression gzip --peers product "polars by hand"

20 columns in 32 snappy Parquet files; a filter keeps 30 %; 15 columns are written (13 in CSV). In turns, each in a process of its own:
the product (claim to record, manifest and hashes included), `scan_parquet(…).filter(…).select(…).sink_…` (text through isal at
level 1, as one would who knows), and `COPY (SELECT …) TO …`. Prints medians, and medians of the ratios within each turn.
Ratios matter, seconds don't.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

FILES = 32
BASE = 100_000
COLUMNS = (
    "prospect_id", "email", "first_name", "last_name", "country", "city", "postcode", "intent_score", "page_views",
    "lifetime_cents",
    "budget", "first_seen", "ingested_at", "tags", "visit",
)  # fmt: skip
FLAT = COLUMNS[:-2]


class Run(NamedTuple):
    """One run: seconds, peak megabytes, and what was written (rows, a sum over the ids)."""

    seconds: float
    megabytes: float
    rows: tuple[int, int]


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


def project(folder: Path, source: Path, form: str, compression: str) -> None:
    """A project whose one flow exports the data."""
    from reconciler.samples.generator import COLUMNS as TYPES

    names = _columns(form)
    columns = "".join(f'    {name}: {{type: "{TYPES[name]}"}}\n' for name in names)
    documents = {
        "Project": ("bench", "{}\n"),
        "Schedule": ("never", "{frequency: daily, time: '02:00', startDate: 2190-01-01}\n"),
        "Destination": (
            "box",
            f"{{type: local, connection: {{path: out}}, format: {{type: {form}, compression: {compression}}}}}\n",
        ),
        "Dataset": (
            "people",
            f"\n  location: {source}\n  format: parquet\n  incremental: {{settle: 0s}}\n  columns:\n{columns}",
        ),
        "Audience": ("some", "{dataType: prospects, dataset: people, where: intent_score >= 0.7}\n"),
        "Activation": ("all", "{destination: box, schedule: never, audiences: [some]}\n"),
    }
    text = "---\n".join(
        f"apiVersion: reconciler/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}"
        for kind, (name, spec) in documents.items()
    )
    (folder / "reconcile.yaml").write_text(text)


def by_product(source: Path, out: Path, form: str, compression: str) -> str:
    """As a user would: applied before, then exported on demand, from claim to record. Returns where the files are."""
    from reconciler.api.project import Project

    opened = Project.open(out)
    record = opened.export("box/some", full=True)
    return f"{record.location}/part-*"


def prepare(peer: str, source: Path, out: Path, form: str, compression: str) -> None:
    """What isn't measured."""
    if peer == "product":
        from reconciler.api.project import Project

        project(out, source, form, compression)
        opened = Project.open(out)
        opened.apply(opened.plan(), exports=False)


def by_hand(source: Path, out: Path, form: str, compression: str) -> str:
    """What someone who knows Polars and isal writes."""
    import polars as pl

    rows = pl.scan_parquet(source / "*.parquet").filter(pl.col("intent_score") >= 0.7).select(_columns(form))
    plain = {"none": "uncompressed"}.get(compression, compression)
    where = out / f"hand.{form}{'.gz' if form != 'parquet' and compression == 'gzip' else ''}"
    if form == "parquet":
        rows.sink_parquet(where, compression=plain)  # type: ignore[call-overload]
        return str(where)
    sink = rows.sink_ndjson if form == "json" else rows.sink_csv
    if compression == "gzip":
        from isal import igzip_threaded

        with igzip_threaded.open(where, "wb", compresslevel=1, threads=1) as file:
            sink(file)
    else:
        sink(where, compression=plain, check_extension=False)  # type: ignore[arg-type]
    return str(where)


def by_duckdb(source: Path, out: Path, form: str, compression: str) -> str:
    """What someone who knows DuckDB writes."""
    import duckdb

    names = ", ".join(_columns(form))
    query = f"SELECT {names} FROM '{source}/*.parquet' WHERE intent_score >= 0.7"
    kind = (
        compression
        if form == "parquet" and compression != "none"
        else {"none": "uncompressed"}.get(compression, compression)
    )
    where = f"{out}/duck.{form}{'.gz' if form != 'parquet' and compression == 'gzip' else ''}"
    duckdb.sql(f"COPY ({query}) TO '{where}' (FORMAT {form}, COMPRESSION {kind})")
    return where


KINDS = (("parquet", "gzip"), ("parquet", "zstd"), ("json", "gzip"), ("csv", "gzip"))
PEERS = {"product": by_product, "polars by hand": by_hand, "duckdb": by_duckdb}


def _columns(form: str) -> tuple[str, ...]:
    return FLAT if form == "csv" else COLUMNS


def rows_in(where: str, form: str) -> tuple[int, int]:
    """How many rows files hold, and a sum over all their ids: equal for the same rows in any order. Read by DuckDB."""
    import duckdb

    reader = {"parquet": "read_parquet", "json": "read_json", "csv": "read_csv"}[form]
    found = duckdb.sql(f"SELECT count(*), sum(hash(CAST(prospect_id AS VARCHAR))) FROM {reader}('{where}')").fetchall()
    return int(found[0][0]), int(found[0][1] or 0)


def measure(peer: str, source: Path, form: str, compression: str) -> Run:
    """One run in a process of its own, imports not counted."""
    with tempfile.TemporaryDirectory(dir=source.parent) as out:
        command = [sys.executable, __file__, "--one", peer, "--source", str(source), "--out", out]
        environment = {**os.environ, "RECONCILER_CACHE": "off"}
        told = subprocess.run(
            [*command, "--format", form, "--compression", compression], check=True, capture_output=True, env=environment
        ).stdout
        found = json.loads(told)
        return Run(found["seconds"], found["megabytes"], rows_in(found["where"], form))


def one(peer: str, source: Path, out: Path, form: str, compression: str) -> None:
    """In the process of its own."""
    import duckdb  # noqa: F401 - all peers pay for the same imports
    import polars  # noqa: F401

    import reconciler.export.polars_engine  # noqa: F401

    prepare(peer, source, out, form, compression)
    started = time.perf_counter()
    where = PEERS[peer](source, out, form, compression)
    seconds = time.perf_counter() - started
    # Not getrusage: its maximum survives exec, so that a child begins with its parent's.
    peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({"seconds": seconds, "megabytes": peak, "where": where}))


def compare(source: Path, form: str, compression: str, peers: Sequence[str], runs: int) -> None:
    """Prints a line a peer. Peers take turns, so that what else the machine does touches all alike."""
    found = [{peer: measure(peer, source, form, compression) for peer in peers} for _ in range(runs)]
    if len({run.rows for turn in found for run in turn.values()}) != 1:
        raise SystemExit(
            f"the peers wrote different rows: {[{name: run.rows for name, run in turn.items()} for turn in found]}"
        )
    print(f"{compression} {form}, {found[0][peers[0]].rows[0]:,} rows each")
    for peer in peers:
        seconds = statistics.median(turn[peer].seconds for turn in found)
        peak = max(turn[peer].megabytes for turn in found)
        ratio = statistics.median(turn[peers[0]].seconds / turn[peer].seconds for turn in found)
        print(f"  {peer:16} {seconds:7.2f} s  peak {peak:6.0f} MB  {peers[0]} takes {ratio:.2f} x as long")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--format", choices=["parquet", "json", "csv"], help="one of them, with --compression (default: four)"
    )
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
        print(f"{asked.rows:,} rows, {size / 1e6:,.0f} MB of snappy Parquet")
        kinds = [(asked.format, asked.compression)] if asked.format else KINDS
        for form, compression in kinds:
            compare(source, form, compression, asked.peers, asked.runs)


if __name__ == "__main__":
    main()
