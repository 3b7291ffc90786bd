"""Rows laid aside by the first bits of their key's digest, in files: what follows works on one part of the keys at a time.

The files have no name, so that a process which is killed leaves nothing of them: they may hold keys as they are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import polars as pl

from reconciler.export.changes.digests import A

BUCKET: Final = 500_000
"""Rows of a part, about."""
_MOST: Final = 8
"""Bits: more files at once aren't opened. Beyond, parts are larger."""


def bits_for(rows: int) -> int:
    """How many bits of the digest choose the file."""
    return min(_MOST, max(0, (rows - 1) // BUCKET).bit_length())


class Buckets:
    """`bits`: of the digest that choose the file."""

    def __init__(self, folder: Path, rows: int) -> None:
        """`rows`: how many there may be in all, roughly."""
        self.bits = bits_for(rows)
        self._folder = folder
        self._files: dict[int, IO[bytes]] = {}
        self._writers: dict[int, Any] = {}

    def __enter__(self) -> Buckets:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, frame: pl.DataFrame) -> None:
        """Rows with a digest."""
        if not self.bits:
            self._write(0, frame)
            return
        numbered = frame.with_columns((pl.col(A) // 2 ** (64 - self.bits)).cast(pl.UInt8).alias("\x01bucket"))
        parts = numbered.partition_by("\x01bucket", as_dict=True, include_key=False, maintain_order=True)
        for (number,), part in parts.items():
            self._write(int(number), part)

    def close(self) -> None:
        """The files go."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def parts(self) -> Iterator[tuple[int, Iterator[pl.DataFrame]]]:
        """For each part in order: where the digests end that belong to it, and its rows in the order they came, which are gone once they
        were read. No more may be added."""
        for writer in self._writers.values():
            writer.close()
        for number in range(2**self.bits):
            yield (number + 1) * 2 ** (64 - self.bits), self._read(number)

    def _write(self, number: int, frame: pl.DataFrame) -> None:
        import pyarrow as pa

        table = frame.to_arrow()
        if number not in self._writers:
            self._files[number] = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - see `close`
            self._writers[number] = pa.ipc.new_stream(self._files[number], table.schema)
        self._writers[number].write_table(table)

    def _read(self, number: int) -> Iterator[pl.DataFrame]:
        import pyarrow as pa

        file = self._files.pop(number, None)
        if file is None:
            return
        with file:
            file.seek(0)
            with pa.ipc.open_stream(file) as reader:
                for batch in reader:
                    frame = pl.from_arrow(batch)
                    assert isinstance(frame, pl.DataFrame)
                    yield frame
