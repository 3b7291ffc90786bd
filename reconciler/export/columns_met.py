"""Which columns a dataset's files have, declared or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.datasets.csv import header_of
from reconciler.datasets.infer_arrow import type_text
from reconciler.datasets.json import keys_of
from reconciler.datasets.parquet import footers
from reconciler.datasets.wanted import Wanted
from reconciler.export.source import Source, supplied
from reconciler.values.pin import PinnedFile

_NO_TYPE = ("",)


def columns_of(source: Source) -> dict[str, frozenset[str]]:
    """All columns, each with the types that it has. Raises `SourceError` F104, F105, F108-F111, F116."""
    found: dict[str, set[str]] = {}
    for name, types in _met(source):
        found.setdefault(name, set()).update(types)
    return {name: frozenset(types) for name, types in found.items()}


def _declared(source: Source, file: PinnedFile) -> Wanted:
    given = supplied(source, file)
    types = {name: kind for name, kind in source.types.items() if name not in given}
    return Wanted(types, frozenset(types) - source.optional)


def _met(source: Source) -> Iterator[tuple[str, Iterable[str]]]:
    match source.format:
        case "parquet":
            for footer in footers(source.access, source.files, frozenset()):
                for name, kind in footer.there.items():
                    yield name, type_text(kind)
        case "csv":
            for file in source.files:
                for name in header_of(source.access, file, _declared(source, file), source.csv):
                    yield name, _NO_TYPE
        case _:
            for file in source.files:
                for name in keys_of(source.access, file):
                    yield name, _NO_TYPE
