"""What changed since the last export, through the whole product (strategy `diff`) and with DuckDB's joins: times, peaks, the same rows.

    python bench/diff.py --rows 1000000 --runs 3
    python bench/diff.py --rows 20000000 --memory 512MB --peers product duckdb

A dataset of 6 columns in 16 files, of which 1 % of the rows are new since the snapshot, 1 % changed and 1 % gone, spread over all
files. Each peer hashes all rows, compares them with its own snapshot of before, writes who was added, changed and removed to one gz.parquet
file, and writes the next snapshot; in turns, each in a process of its own, its first export not measured. The product does it from claim to
record, looks for duplicates, and keeps the keys that it will have to repeat encrypted. `duckdb` compares keyed MD5 digests and keeps the
ids beside them; `duckdb plain` compares the ids. Both have the memory limit of `--memory`. Ratios matter, seconds don't.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

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


class Run(NamedTuple):
    """One run: seconds, peak megabytes, and what was written: by operation, rows and a sum over the ids."""

    seconds: float
    megabytes: float
    found: tuple[tuple[str, int, int], ...]


def generate(folder: Path, rows: int, *, after: bool) -> None:
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


def project(folder: Path) -> None:
    """A project whose one flow compares."""
    columns = "".join(f"    {name}: {{type: {kind}}}\n" for name, kind in COLUMNS.items())
    told = "{removed: tombstone, operationColumn: operation, secret: {fromEnv: BENCH_SECRET}}"
    documents = {
        "Project": ("bench", "{}\n"),
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


def prepare_product(before: Path, after: Path, out: Path, memory: str) -> None:
    """Applied, and exported once."""
    from reconciler.api.project import Project

    project(out)
    shutil.copytree(before, out / "data", copy_function=os.link)
    opened = Project.open(out)
    opened.apply(opened.plan(), exports=False)
    opened.export("box/people")
    shutil.rmtree(out / "data")
    shutil.copytree(after, out / "data", copy_function=os.link)


def by_product(after: Path, out: Path, memory: str) -> str:
    """From claim to record."""
    from reconciler.api.project import Project

    return f"{Project.open(out).export('box/people').location}/part-*"


_DIGEST = (
    f"SELECT md5_number('salt' || prospect_id) AS key, hash({_ROW}) AS row, * FROM read_parquet('{{source}}/*.parquet')"
)
_PLAIN = f"SELECT prospect_id AS key, hash({_ROW}) AS row, * FROM read_parquet('{{source}}/*.parquet')"


def _snapshot(source: str, out: Path, name: str, memory: str, query: str) -> None:
    rows = query.format(source=source)
    keep = "key, row" if query is _PLAIN else "key, row, prospect_id"
    _duckdb(out, memory, f"COPY (SELECT {keep} FROM ({rows})) TO '{out}/{name}.parquet' (COMPRESSION snappy)")


def _compared(after: Path, out: Path, memory: str, query: str) -> str:
    gone = "p.key" if query is _PLAIN else "p.prospect_id"
    found = (
        f"SELECT coalesce(c.prospect_id, {gone}) AS prospect_id, {', '.join(f'c.{each}' for each in _ROW.split(', '))}, "
        "CASE WHEN p.key IS NULL THEN 'added' WHEN c.key IS NULL THEN 'removed' ELSE 'changed' END AS operation "
        f"FROM ({query.format(source=after)}) c FULL JOIN '{out}/before.parquet' p ON c.key = p.key WHERE c.row IS DISTINCT FROM p.row"
    )
    _duckdb(out, memory, f"COPY ({found}) TO '{out}/part-0.parquet' (COMPRESSION gzip)")
    _snapshot(str(after), out, "after", memory, query)
    return f"{out}/part-*"


def _duckdb(out: Path, memory: str, query: str) -> None:
    import duckdb

    with duckdb.connect(config={"memory_limit": memory, "temp_directory": f"{out}/spill"}) as database:
        database.execute("SET preserve_insertion_order = false")
        database.execute(query)


def prepare_digests(before: Path, after: Path, out: Path, memory: str) -> None:
    """The snapshot of before."""
    _snapshot(str(before), out, "before", memory, _DIGEST)


def prepare_plain(before: Path, after: Path, out: Path, memory: str) -> None:
    """The snapshot of before."""
    _snapshot(str(before), out, "before", memory, _PLAIN)


def by_digests(after: Path, out: Path, memory: str) -> str:
    """By keyed digests."""
    return _compared(after, out, memory, _DIGEST)


def by_ids(after: Path, out: Path, memory: str) -> str:
    """By the ids themselves."""
    return _compared(after, out, memory, _PLAIN)


PEERS = {
    "product": (prepare_product, by_product),
    "duckdb": (prepare_digests, by_digests),
    "duckdb plain": (prepare_plain, by_ids),
}


def rows_in(where: str) -> tuple[tuple[str, int, int], ...]:
    """By operation: how many rows files hold, and a sum over all their ids. Read by DuckDB."""
    import duckdb

    query = f"SELECT operation, count(*), sum(hash(prospect_id)) FROM read_parquet('{where}') GROUP BY 1 ORDER BY 1"
    return tuple((str(name), int(rows), int(ids)) for name, rows, ids in duckdb.sql(query).fetchall())


def measure(peer: str, folder: Path, memory: str) -> Run:
    """One run in a process of its own, imports not counted."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = [sys.executable, __file__, "--one", peer, "--source", str(folder), "--out", out, "--memory", memory]
        environment = {**os.environ, "RECONCILER_CACHE": "off", "BENCH_SECRET": "only for measuring: 0123456789"}
        told = subprocess.run(command, check=True, capture_output=True, env=environment).stdout
        found = json.loads(told)
        return Run(found["seconds"], found["megabytes"], rows_in(found["where"]))


def one(peer: str, source: Path, out: Path, memory: str) -> None:
    """In the process of its own."""
    import duckdb  # noqa: F401 - all peers pay for the same imports
    import polars  # noqa: F401

    import reconciler.export.polars_engine  # noqa: F401

    prepare, work = PEERS[peer]
    if os.fork() == 0:  # so that what preparing takes is no part of the peak
        prepare(source / "before", source / "after", out, memory)
        os._exit(0)
    if os.wait()[1] != 0:
        raise SystemExit(f"{peer} could not be prepared")
    started = time.perf_counter()
    where = work(source / "after", out, memory)
    seconds = time.perf_counter() - started
    # Not getrusage: its maximum survives exec, so that a child begins with its parent's.
    peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({"seconds": seconds, "megabytes": peak, "where": where}))


def compare(folder: Path, peers: Sequence[str], runs: int, memory: str) -> None:
    """Prints a line a peer. Peers take turns, so that what else the machine does touches all alike."""
    found = [{peer: measure(peer, folder, memory) for peer in peers} for _ in range(runs)]
    if len({run.found for turn in found for run in turn.values()}) != 1:
        told = [{name: run.found for name, run in turn.items()} for turn in found]
        raise SystemExit(f"the peers wrote different rows: {told}")
    print(", ".join(f"{rows:,} {name}" for name, rows, _ in found[0][peers[0]].found), f"· DuckDB's limit {memory}")
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
    parser.add_argument("--memory", default="512MB", help="DuckDB's limit (default: 512MB)")
    parser.add_argument("--folder", type=Path, help="where data is kept between calls (default: removed at the end)")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS))
    for hidden in ("--one", "--source", "--out"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one(asked.one, Path(asked.source), Path(asked.out), asked.memory)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = (asked.folder or Path(temporary)) / f"people-{asked.rows}"
        for name in ("before", "after"):
            if not (folder / name).exists():
                generate(folder / name, asked.rows, after=name == "after")
        size = sum(path.stat().st_size for path in (folder / "after").iterdir())
        print(f"{asked.rows:,} rows, {size / 1e6:,.0f} MB of snappy Parquet")
        compare(folder, asked.peers, asked.runs, asked.memory)


if __name__ == "__main__":
    main()
