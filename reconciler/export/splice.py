"""Parquet files put together from row groups that were encoded one by one, on several cores, each as a small file of its own.

Polars' own sink (2.1) encodes as it reads, without a bound that holds over many files at once and without saying in time how much it
wrote. So row groups are encoded here and there, and their bytes are joined; the footers' offsets move along. Page indexes aren't taken
over: they are optional, and point to offsets too.
"""

from __future__ import annotations

from typing import Any

from reconciler.export.thrift import I16, I64, LIST, STRUCT, Struct, read_struct, struct_bytes

_MAGIC = b"PAR1"
_ROWS, _GROUPS = 3, 4
"""Fields of FileMetaData."""
_COLUMNS, _GROUP_OFFSET, _ORDINAL = 1, 5, 7
"""Fields of RowGroup."""
_META, _CHUNK_OFFSET, _INDEXES = 3, 2, (4, 5, 6, 7)
"""Fields of ColumnChunk. Its own offset was of a copy of the metadata, and is 0 by today's specification."""
_STORED, _OFFSETS = 7, (9, 10, 11, 14)
"""Fields of ColumnMetaData: bytes of all pages; where data, index and dictionary pages and the bloom filter begin."""
_FILTERS = (14, 15)


class Splice:
    """One file. Files of the same schema are added in order; what each call returns is written in order."""

    def __init__(self) -> None:
        self._footer: Struct | None = None
        self._groups: list[Struct] = []
        self._rows = 0
        self._at = len(_MAGIC)

    @property
    def empty(self) -> bool:
        """Whether nothing was added."""
        return self._footer is None

    def add(self, file: bytes) -> memoryview:
        """Takes over a small file's row groups, uncopied. Raises ValueError where it isn't one, or has another schema."""
        if file[:4] != _MAGIC or file[-4:] != _MAGIC:
            raise ValueError("this isn't a Parquet file")
        length = int.from_bytes(file[-8:-4], "little")
        footer = read_struct(file[-8 - length : -8])
        begin = len(_MAGIC)
        if self._footer is None:
            self._footer, begin = footer, 0
        elif footer[2] != self._footer[2]:
            raise ValueError("row groups of one file have one schema")
        end = max((_end(group) for group in _items(footer, _GROUPS)), default=len(_MAGIC))
        for group in _items(footer, _GROUPS):
            self._groups.append(_moved(group, self._at - len(_MAGIC), len(self._groups)))
        self._rows += footer[_ROWS][1]
        self._at += end - len(_MAGIC)
        return memoryview(file)[begin:end]

    def end(self) -> bytes:
        """The footer."""
        assert self._footer is not None
        footer = {**self._footer, _ROWS: (I64, self._rows), _GROUPS: (LIST, (STRUCT, self._groups))}
        text = struct_bytes(footer)
        return text + len(text).to_bytes(4, "little") + _MAGIC


def _items(struct: Struct, field: int) -> list[Any]:
    found: list[Any] = struct[field][1][1]
    return found


def _end(group: Struct) -> int:
    """Where a row group's last page ends."""
    ends: list[int] = []
    for chunk in _items(group, _COLUMNS):
        meta = chunk[_META][1]
        ends.append(min(meta[field][1] for field in (9, 11) if field in meta and meta[field][1]) + meta[_STORED][1])
    return max(ends)


def _moved(group: Struct, by: int, ordinal: int) -> Struct:
    """A row group `by` bytes further back."""
    columns = []
    for chunk in _items(group, _COLUMNS):
        meta = {number: each for number, each in chunk[_META][1].items() if number not in _FILTERS}
        for field in _OFFSETS:
            if field in meta and meta[field][1]:
                meta[field] = (I64, meta[field][1] + by)
        kept = {number: each for number, each in chunk.items() if number not in _INDEXES}
        columns.append({**kept, _CHUNK_OFFSET: (I64, 0), _META: (STRUCT, meta)})
    moved = {**group, _COLUMNS: (LIST, (STRUCT, columns))}
    if _GROUP_OFFSET in moved:
        moved[_GROUP_OFFSET] = (I64, moved[_GROUP_OFFSET][1] + by)
    if _ORDINAL in moved:
        moved[_ORDINAL] = (I16, ordinal)
    return moved
