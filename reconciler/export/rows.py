"""A dataset's files as frames that all look as declared: the rows that match, the columns that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from reconciler.datasets.base import Access
from reconciler.datasets.csv import read_csv
from reconciler.datasets.json import read_json
from reconciler.datasets.names import partitions
from reconciler.datasets.parquet import Footer, footers, large_batches, steps, torn
from reconciler.datasets.problems import named, problem
from reconciler.datasets.text import parse
from reconciler.datasets.wanted import Wanted
from reconciler.resources.dataset import CsvReading
from reconciler.values.pin import PinnedFile

_SECTION_FILES = 1024
_SECTION_GROUPS = 64
_SECTION_BYTES = 2**30
Supplied = tuple[tuple[str, str | None], ...]
_Entry = tuple[Footer, Supplied]


@dataclass(frozen=True, slots=True)
class Source:
    """What is read: `types`: all declared columns; `optional`: those that a file may lack; `read`: those that are needed, at least one."""

    format: str
    access: Access
    files: tuple[PinnedFile, ...]
    types: Mapping[str, pl.DataType]
    optional: frozenset[str]
    read: tuple[str, ...]
    csv: CsvReading = CsvReading()


@dataclass(slots=True)
class Counts:
    """What was read so far: rows, and bytes of the files."""

    rows: int = 0
    size: int = 0
    total: int = field(default=0)


Choose = Callable[[pl.LazyFrame], pl.LazyFrame]


def frames(source: Source, choose: Choose, counts: Counts) -> Iterator[pl.DataFrame]:
    """`choose` (filter, select) applied to all files in their order, a part at a time. Raises `SourceError` F104-F113, F116."""
    counts.total = sum(file.size for file in source.files)
    if source.format == "parquet":
        yield from _parquet(source, choose, counts)
        return
    done = 0
    for file in source.files:
        for frame, consumed in text_frames(source, file):
            counts.rows += frame.height
            counts.size = done + consumed
            yield choose(frame.lazy()).collect()
        done += file.size
        counts.size = done


def text_frames(source: Source, file: PinnedFile) -> Iterator[tuple[pl.DataFrame, int]]:
    """One CSV or JSON Lines file, columns supplied by its path included, with the bytes read so far."""
    supplied = _supplied(source, file)
    inside = {name: source.types[name] for name in source.read if name not in supplied}
    required = frozenset(source.types) - source.optional - set(supplied)
    # Rows count even where all that is asked for stands in the path.
    types = inside or {name: kind for name, kind in source.types.items() if name not in supplied}
    wanted = Wanted(types, required)
    opened = (
        read_csv(source.access, file, wanted, source.csv)
        if source.format == "csv"
        else read_json(source.access, file, wanted)
    )
    constants = _constants(source, file, tuple(supplied.items()))
    for frame, consumed in opened:
        yield frame.with_columns(constants).select(source.read), consumed


def check_parquet(source: Source) -> Iterator[_Entry]:
    """Footers in order, all declared columns checked. Raises `SourceError` F104-F108, F113, F116."""
    for footer in footers(source.access, source.files, frozenset(source.read)):
        supplied = _supplied(source, footer.file)
        inside = {name: kind for name, kind in source.types.items() if name not in supplied}
        steps(footer, inside, source.optional)
        _constants(source, footer.file, tuple(supplied.items()))
        yield footer, tuple(supplied.items())


class _Section:
    """Files that one query reads: neighbours with the same types and the same columns in their paths form a group."""

    def __init__(self) -> None:
        self.groups: list[list[_Entry]] = []
        self.files = self.size = self.rows = 0

    def add(self, entry: _Entry) -> None:
        footer, supplied = entry
        last = self.groups[-1][0] if self.groups else None
        if last is not None and last[1] == supplied and last[0].types == footer.types:
            self.groups[-1].append(entry)
        else:
            self.groups.append([entry])
        self.files += 1
        self.size += footer.file.size
        self.rows += footer.rows

    def full(self) -> bool:
        return self.size >= _SECTION_BYTES or self.files >= _SECTION_FILES or len(self.groups) >= _SECTION_GROUPS


def _parquet(source: Source, choose: Choose, counts: Counts) -> Iterator[pl.DataFrame]:
    section = _Section()
    for entry in check_parquet(source):
        if section.files and (entry[0].large or section.full()):
            yield from _read(source, section, choose, counts)
            section = _Section()
        section.add(entry)
        if entry[0].large:
            yield from _read(source, section, choose, counts)
            section = _Section()
    if section.files:
        yield from _read(source, section, choose, counts)


def _read(source: Source, section: _Section, choose: Choose, counts: Counts) -> Iterator[pl.DataFrame]:
    """One query over a section; a file with large row groups is a section of its own."""
    first = section.groups[0][0]
    try:
        if first[0].large:
            yield from _large(source, first, choose)
        else:
            scans = [_scan(source, group) for group in section.groups]
            query = choose(scans[0] if len(scans) == 1 else pl.concat(scans))
            yield from query.collect_batches(maintain_order=True, engine="streaming")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise _blamed(source, section, error) from error
    counts.rows += section.rows
    counts.size += section.size


def _scan(source: Source, group: list[_Entry]) -> pl.LazyFrame:
    scan = pl.scan_parquet(
        [source.access.uri(footer.file.path) for footer, _ in group],
        glob=False,
        hive_partitioning=False,
        extra_columns="ignore",
        cache=False,
        storage_options=_storage(source.access),
        credential_provider=None,
    )
    return _as_declared(source, group[0], scan)


def _large(source: Source, entry: _Entry, choose: Choose) -> Iterator[pl.DataFrame]:
    footer, supplied = entry
    inside = [name for name in source.read if name in footer.types and name not in dict(supplied)]
    for frame in large_batches(source.access, footer.file, inside or list(footer.types)[:1]):
        yield choose(_as_declared(source, entry, frame.lazy())).collect()


def _as_declared(source: Source, entry: _Entry, scan: pl.LazyFrame) -> pl.LazyFrame:
    """The columns to read, with the declared names and types, in their order."""
    footer, supplied = entry
    inside = {name: source.types[name] for name in source.read if name not in dict(supplied)}
    made = steps(footer, inside, source.optional)
    columns = {name: (step(pl.col(name)) if step else pl.col(name)).alias(name) for name, step in made.items()}
    constants = {value.meta.output_name(): value for value in _constants(source, footer.file, supplied)}
    absent = {name: pl.lit(None, dtype=source.types[name]).alias(name) for name in inside if name not in made}
    if columns:
        return scan.select((columns | absent | constants)[name] for name in source.read)
    # Literals alone would be one row, however many the file has.
    height = pl.col(next(iter(footer.types))).is_null()
    return scan.select(pl.when(height).then(value).otherwise(value).alias(name) for name, value in (absent | constants).items()).select(source.read)


def _supplied(source: Source, file: PinnedFile) -> Mapping[str, str | None]:
    return {name: value for name, value in partitions(file.path).items() if name in source.types}


def _constants(source: Source, file: PinnedFile, supplied: Supplied) -> list[pl.Expr]:
    """Columns that the path supplies. Raises `SourceError` F113."""
    made = []
    for name, value in supplied:
        kind = source.types[name]
        if kind.is_nested():
            raise problem("F113", f"{named(file.path)}: {name!r} is declared as a nested type, which no path can hold.")
        typed = parse(pl.Series(name, [value], dtype=pl.String), kind)
        if value is not None and typed.null_count():
            raise problem("F113", f"{named(file.path)}: what the path says of {name!r} isn't of the declared type.")
        made.append(pl.lit(typed.to_list()[0], dtype=kind).alias(name))
    return made


def _blamed(source: Source, section: _Section, error: BaseException) -> Exception:
    """The error of the first file of a section that can't be read by itself; Polars doesn't say which it was."""
    for footer, supplied in (entry for group in section.groups for entry in group):
        try:
            for _ in _scan(source, [(footer, supplied)]).collect_batches(engine="streaming"):
                pass
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as found:
            return torn(footer.file, found if isinstance(found, Exception) else ValueError("panic"))
    return error if isinstance(error, Exception) else RuntimeError(str(error))


def _storage(access: Access) -> dict[str, str] | None:
    """The engine-neutral settings in Polars' words."""
    if not access.s3:
        return None
    names = {"access_key_id": "aws_access_key_id", "secret_access_key": "aws_secret_access_key", "session_token": "aws_session_token"}
    options = {names.get(name, f"aws_{name}"): value for name, value in access.s3.items()}
    if access.s3.get("endpoint_url", "").startswith("http://"):
        options["aws_allow_http"] = "true"
    return options
