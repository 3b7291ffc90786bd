"""One filtered export: through the whole product, by hand with Polars, with DuckDB's COPY, pyarrow and dlt.

20 columns in 32 snappy Parquet files; a filter keeps 30 %; 15 columns are written (13 in CSV). The product goes from claim to record,
manifest and hashes included; Polars writes text through isal at level 1, as one would who knows.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import rows as written

FILES = 32
BASE = 100_000
COLUMNS = (
    "prospect_id", "email", "first_name", "last_name", "country", "city", "postcode", "intent_score", "page_views",
    "lifetime_cents",
    "budget", "first_seen", "ingested_at", "tags", "visit",
)  # fmt: skip
FLAT = COLUMNS[:-2]


def generate(folder: Path, options: dict[str, Any]) -> None:
    """Tiles a base of invented prospects with ids, addresses and scores of their own."""
    import polars as pl
    import pyarrow as pa

    from reconciler.samples.files import arrow_schema
    from reconciler.samples.generator import prospects

    rows, files = int(options["rows"]), int(options.get("files", FILES))
    base = pl.from_arrow(pa.Table.from_pylist(list(prospects(min(BASE, rows))), schema=arrow_schema()))
    assert isinstance(base, pl.DataFrame)
    per = -(-rows // files)
    folder.mkdir(parents=True)
    for number in range(files):
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


def declare(folder: Path, source: Path | str, audiences: dict[str, str], form: str, compression: str) -> None:
    """A project that exports audiences, by name and `where`, once a day."""
    from reconciler.samples.generator import COLUMNS as TYPES

    columns = "".join(f'    {name}: {{type: "{TYPES[name]}"}}\n' for name in columns_of(form))
    documents = [
        ("Project", "bench", "{}\n"),
        ("Schedule", "nightly", "{frequency: daily, time: '00:00', startDate: 2020-01-01}\n"),
        (
            "Destination",
            "box",
            f"{{type: local, connection: {{path: out}}, format: {{type: {form}, compression: {compression}}}}}\n",
        ),
        (
            "Dataset",
            "people",
            f"\n  location: {source}\n  format: parquet\n  incremental: {{settle: 0s}}\n  columns:\n{columns}",
        ),
        *(
            ("Audience", name, f'{{dataType: prospects, dataset: people, where: "{where}"}}\n')
            for name, where in audiences.items()
        ),
        (
            "Activation",
            "all",
            f"{{destination: box, schedule: nightly, backfill: full, audiences: [{', '.join(audiences)}]}}\n",
        ),
    ]
    text = "---\n".join(
        f"apiVersion: reconciler/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}"
        for kind, name, spec in documents
    )
    (folder / "reconcile.yaml").write_text(text)


def load() -> None:
    """All of this interpreter's peers pay for the same imports."""
    import duckdb  # noqa: F401
    import polars  # noqa: F401
    import pyarrow.csv
    import pyarrow.dataset
    import pyarrow.parquet  # noqa: F401

    import reconciler.export.polars_engine  # noqa: F401


def load_product() -> None:
    """And this tool's own modules count as little as those of the peers: what an export to a folder uses is imported."""
    load()
    for package in ("api", "apply", "config", "ledger", "plan", "present", "export"):
        for each in pkgutil.iter_modules(importlib.import_module(f"reconciler.{package}").__path__):
            importlib.import_module(f"reconciler.{package}.{each.name}")
    for name in ("destinations.local", "datasets.local", "datasets.open", "stores.folder_blobs"):
        importlib.import_module(f"reconciler.{name}")


def prepare_product(source: Path, out: Path, options: dict[str, Any]) -> None:
    """Declared and applied."""
    from reconciler.api.project import Project

    declare(out, source, {"some": "intent_score >= 0.7"}, options["format"], options["compression"])
    opened = Project.open(out)
    opened.apply(opened.plan(), exports=False)


def by_product(source: Path, out: Path, options: dict[str, Any]) -> list[str]:
    """As a user would: applied before, then exported on demand, from claim to record."""
    from reconciler.api.project import Project

    return [f"{Project.open(out).export('box/some', full=True).location}/part-*"]


def by_hand(source: Path, out: Path, options: dict[str, Any]) -> list[str]:
    """What someone who knows Polars and isal writes."""
    import polars as pl

    form = options["format"]
    rows = pl.scan_parquet(source / "*.parquet").filter(pl.col("intent_score") >= 0.7).select(columns_of(form))
    where = out / f"hand.{form}{'' if form == 'parquet' else '.gz'}"
    if form == "parquet":
        rows.sink_parquet(where, compression=options["compression"])
        return [str(where)]
    sink = rows.sink_ndjson if form == "json" else rows.sink_csv
    from isal import igzip_threaded

    with igzip_threaded.open(where, "wb", compresslevel=1, threads=1) as file:  # type: ignore[no-untyped-call]
        sink(file)
    return [str(where)]


def by_duckdb(source: Path, out: Path, options: dict[str, Any]) -> list[str]:
    """What someone who knows DuckDB writes."""
    import duckdb

    form, compression = options["format"], options["compression"]
    names = ", ".join(columns_of(form))
    query = f"SELECT {names} FROM '{source}/*.parquet' WHERE intent_score >= 0.7"
    where = f"{out}/duck.{form}{'' if form == 'parquet' else '.gz'}"
    duckdb.sql(f"COPY ({query}) TO '{where}' (FORMAT {form}, COMPRESSION {compression})")
    return [where]


def by_pyarrow(source: Path, out: Path, options: dict[str, Any]) -> list[str]:
    """What someone who knows pyarrow writes: a scanner and a writer, text through isal."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.dataset as ds
    import pyarrow.parquet

    form = options["format"]
    kept = ds.dataset(source).scanner(columns=list(columns_of(form)), filter=ds.field("intent_score") >= 0.7)
    batches: Iterator[Any] = kept.to_batches()
    where = out / f"arrow.{form}{'.gz' if form == 'csv' else ''}"
    if form == "parquet":
        with pa.parquet.ParquetWriter(where, kept.projected_schema, compression=options["compression"]) as writer:
            for batch in batches:
                writer.write_batch(batch)
        return [str(where)]
    from isal import igzip_threaded

    with (
        igzip_threaded.open(where, "wb", compresslevel=1, threads=1) as file,  # type: ignore[no-untyped-call]
        pa.csv.CSVWriter(file, kept.projected_schema) as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)
    return [str(where)]


def load_dlt() -> None:
    """It runs in an interpreter of its own, where little else is."""
    import dlt  # type: ignore[import-not-found] # noqa: F401
    import pyarrow.dataset
    import pyarrow.parquet  # noqa: F401


def by_dlt(source: Path, out: Path, options: dict[str, Any]) -> list[str]:
    """A pipeline from pyarrow's batches to a folder."""
    import dlt
    import pyarrow.dataset as ds

    form = options["format"]
    os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", DATA_WRITER__COMPRESSION=options["compression"])
    kept = ds.dataset(source).scanner(columns=list(columns_of(form)), filter=ds.field("intent_score") >= 0.7)

    def batches() -> Iterator[Any]:
        yield from kept.to_batches()

    box = dlt.destinations.filesystem(f"file://{out}/box")
    pipeline = dlt.pipeline("bench", destination=box, dataset_name="out", pipelines_dir=f"{out}/state")
    pipeline.run(batches(), table_name="people", loader_file_format="jsonl" if form == "json" else form)
    return [f"{out}/box/out/people/*"]


def cannot(peer: str, options: dict[str, Any]) -> str:
    """Why a peer can't do the work."""
    return "writes no JSON" if peer == "pyarrow" and options["format"] == "json" else ""


PEERS = {
    "reconcile": (load_product, prepare_product, by_product),
    "Polars by hand": (load, None, by_hand),
    "DuckDB COPY": (load, None, by_duckdb),
    "pyarrow": (load, None, by_pyarrow),
    "dlt": (load_dlt, None, by_dlt),
}
KINDS = (("parquet", "gzip"), ("parquet", "zstd"), ("json", "gzip"), ("csv", "gzip"))


def columns_of(form: str) -> tuple[str, ...]:
    """The columns that are written; CSV holds no nested ones."""
    return FLAT if form == "csv" else COLUMNS


def rows(peer: str, source: Path, where: list[str], options: dict[str, Any]) -> Any:
    """What was written."""
    return written.in_files(where, options["format"])
