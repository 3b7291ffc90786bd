"""What data looks like: format, columns and types, from footers, headers and the beginnings of text files.

Reads little, keeps nothing: no value leaves this module. Where every file is looked at, so it is said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from reconciler.datasets.base import Access, Files
from reconciler.datasets.infer_csv import Fields
from reconciler.datasets.infer_json import Objects
from reconciler.datasets.infer_text import Texts
from reconciler.datasets.infer_types import Column, NoType, checked
from reconciler.datasets.names import DataFormat, partitions
from reconciler.datasets.problems import absent, problem
from reconciler.datasets.streams import open_text
from reconciler.errors import MissingExtra, SourceError
from reconciler.values.pin import PinnedFile
from reconciler.values.types import ColumnType, Flat

FORMATS: Final[tuple[DataFormat, ...]] = ("parquet", "csv", "json")
_FOOTERS: Final = 100
_SAMPLED: Final = 10
_SAMPLE: Final = 2**20
_EVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Found:
    """`looked`: how many of the `files` were looked into. `left_out`: columns that can't be declared, and why.

    `size`: bytes of all files. `delimiter`: of CSV, else a comma.
    """

    format: DataFormat
    columns: tuple[Column, ...]
    left_out: Mapping[str, str]
    files: int
    looked: int
    size: int
    delimiter: str = ","


def infer(opened: Callable[[DataFormat], Files]) -> Found:
    """Looks at a location, `opened` as each format in turn until its files' names fit.

    Raises `SourceError`, `AccountError`, and `MissingExtra` where Parquet or compressed files need it.
    """
    form, files = _format(opened)
    listing = files.listing(_EVER)
    pinned = listing.pin.files
    if not pinned:
        raise absent(f"There is no data file at {listing.pin.location}.")
    chosen = _spread(pinned, _FOOTERS if form == "parquet" else _SAMPLED)
    try:
        match form:
            case "parquet":
                types, optional, left_out = _parquet(files.access(), chosen)
                delimiter = ","
            case "csv":
                types, optional, left_out, delimiter = _csv(files.access(), chosen)
            case "json":
                types, optional, left_out = _json(files.access(), chosen)
                delimiter = ","
    except ImportError as error:
        raise MissingExtra("export", f"looking into {form} files") from error
    columns = {name: Column(name, of or Flat("string"), name in optional, of is None) for name, of in types.items()}
    columns |= {each.name: each for each in _from_paths(pinned, columns.keys())}
    left_out = {name: why for name, why in left_out.items() if name not in columns}
    return Found(
        form, tuple(columns.values()), left_out, len(pinned), len(chosen), sum(each.size for each in pinned), delimiter
    )


_Types = dict[str, ColumnType | None]


def _format(opened: Callable[[DataFormat], Files]) -> tuple[DataFormat, Files]:
    refusals = []
    for form in FORMATS:
        files = opened(form)
        try:
            files.listing(_EVER)
        except SourceError as error:
            if error.code != "F102":
                raise
            refusals.append(error)
            continue
        return form, files
    raise problem("F123", f"{refusals[0].detail} Nor are all files CSV, or all JSON Lines.")


def _spread(files: tuple[PinnedFile, ...], most: int) -> tuple[PinnedFile, ...]:
    """At most so many, the first and the last among them, the others evenly between."""
    if len(files) <= most:
        return files
    return tuple(files[index * (len(files) - 1) // (most - 1)] for index in range(most))


def _parquet(access: Access, files: Iterable[PinnedFile]) -> tuple[_Types, set[str], dict[str, str]]:
    from reconciler.datasets.infer_arrow import column_type, widened
    from reconciler.datasets.parquet import footers

    types: _Types = {}
    seen: dict[str, int] = {}
    left_out: dict[str, str] = {}
    looked = 0
    for footer in footers(access, files, frozenset()):
        looked += 1
        for name, of in footer.types.items():
            seen[name] = seen.get(name, 0) + 1
            try:
                found = column_type(of)
                types[name] = widened(types[name], found) if name in types else found
            except NoType as why:
                left_out.setdefault(name, str(why))
    optional = {name for name, count in seen.items() if count < looked}
    return _declarable(types, left_out), optional, left_out


def _csv(access: Access, files: Iterable[PinnedFile]) -> tuple[_Types, set[str], dict[str, str], str]:
    fields = Fields()
    for file in files:
        sample, whole = _beginning(access, file)
        fields.add(sample, whole, file)
    types: _Types = {name: texts.type() for name, texts in fields.columns.items()}
    return types, fields.lacking(), {}, fields.delimiter


def _json(access: Access, files: Iterable[PinnedFile]) -> tuple[_Types, set[str], dict[str, str]]:
    objects = Objects()
    for file in files:
        sample, whole = _beginning(access, file)
        lines = sample.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        objects.add(lines if whole else lines[:-1], file)
    types: _Types = {}
    left_out: dict[str, str] = {}
    for name, values in objects.columns.items():
        try:
            types[name] = values.type()
        except NoType as why:
            left_out[name] = str(why)
    return _declarable(types, left_out), objects.lacking, left_out


def _beginning(access: Access, file: PinnedFile) -> tuple[bytes, bool]:
    """The first MiB of a file's text, and whether that is all of it."""
    parts: list[bytes] = []
    size = 0
    with open_text(access, file) as text:
        while size <= _SAMPLE:
            data = text.read(_SAMPLE)
            if not data:
                return b"".join(parts), True
            parts.append(data)
            size += len(data)
    return b"".join(parts), False


def _from_paths(files: Iterable[PinnedFile], inside: Collection[str]) -> list[Column]:
    """Columns that `column=value` folders supply: for every file, or for some where no file has them `inside`."""
    texts: dict[str, Texts] = {}
    counts: dict[str, int] = {}
    total = 0
    for file in files:
        total += 1
        for name, value in partitions(file.path).items():
            counts[name] = counts.get(name, 0) + 1
            texts.setdefault(name, Texts())
            if value is not None:
                texts[name].add(value)
    return [
        Column(name, found.type() or Flat("string"), counts[name] < total, not found.seen)
        for name, found in texts.items()
        if counts[name] == total or name not in inside
    ]


def _declarable(types: _Types, left_out: dict[str, str]) -> _Types:
    """Those that the type language has; the others are added to `left_out`."""
    found: _Types = {}
    for name, of in types.items():
        if name in left_out:
            continue
        try:
            found[name] = None if of is None else checked(of)
        except NoType as why:
            left_out[name] = str(why)
    return found
