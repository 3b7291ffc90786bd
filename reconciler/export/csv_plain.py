"""Which columns of a frame go into CSV as they are. Text is judged by all its bytes at once, ten times as fast as value by value."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from reconciler.export.csv_text import bare
from reconciler.export.plain import moments_as_text
from reconciler.resources.formats import CsvFormat

_SPACE = frozenset(b"\t\n\v\f\r ")
_SPACE_BEGINS = _SPACE | {0xC2, 0xE1, 0xE2, 0xE3}
"""First bytes of what Unicode calls white space, in UTF-8."""
_SPACE_ENDS = _SPACE | {*range(0x80, 0x8B), 0x9F, 0xA0, 0xA8, 0xA9, 0xAF}
"""And last bytes."""
_FORMULA = frozenset(b"=+@\t\r-")


@dataclass(frozen=True, slots=True)
class Plain:
    """What makes a text need more than being written. Errs to the safe side: a column that only seems to need it isn't plain.

    `anywhere`: pieces of it; `first`, `last`: bytes there. `bare`: numbers, moments and booleans never need more.
    """

    anywhere: tuple[bytes, ...]
    first: frozenset[int]
    last: frozenset[int]
    bare: bool

    @classmethod
    def of(cls, fmt: CsvFormat) -> Plain:
        """By a format's options."""
        ends = {fmt.delimiter, fmt.quote, fmt.escape or fmt.quote, "\r", "\n"}
        reserved = {fmt.null_value, fmt.empty_value} - {""}
        pieces = {each.encode() for each in ends | reserved}
        shortest = sorted(each for each in pieces if not any(other in each for other in pieces - {each}))
        neutralised = _FORMULA if fmt.formulas == "neutralise" else frozenset[int]()
        return cls(tuple(shortest), _SPACE_BEGINS | neutralised, _SPACE_ENDS, bare(fmt))

    def columns(self, frame: pl.DataFrame) -> dict[str, pl.Series]:
        """What the writer may be given as it is, moments as text: nothing in it is empty or needs quotes, escapes or an apostrophe."""
        found = [each for each in frame if self._goes(each)]
        if self.bare:
            found += moments_as_text(frame)
        return {each.name: each for each in found}

    def _goes(self, values: pl.Series) -> bool:
        kind = values.dtype
        if kind == pl.String:
            return self._holds(values.drop_nulls())
        return self.bare and (kind.is_integer() or kind.is_float() or kind == pl.Boolean)

    def _holds(self, values: pl.Series) -> bool:
        if not len(values):
            return True
        array = values.to_arrow(compat_level=pl.CompatLevel.oldest())
        _, ends, held = array.buffers()
        if held is None or ends is None:
            return False
        limits = pa.Array.from_buffers(pa.int64(), len(array) + 1, [None, ends], offset=array.offset)
        starts, ends = limits.slice(0, len(array)), limits.slice(1)
        if pc.min(pc.subtract(ends, starts)).as_py() == 0:
            return False
        text = held.to_pybytes()
        if any(each in text for each in self.anywhere):
            return False
        each_byte = pa.Array.from_buffers(pa.uint8(), held.size, [None, held])
        return not (self.first & _bytes(each_byte, starts) or self.last & _bytes(each_byte, pc.subtract(ends, 1)))


def _bytes(held: pa.Array, at: pa.Array) -> frozenset[int]:
    return frozenset(pc.unique(pc.take(held, at, boundscheck=False)).to_pylist())
