"""What this machine can do at all: no export is faster than its slowest part."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from bench.exports import COLUMNS

PIECE = 64 * 1024 * 1024


def limits(source: Path) -> dict[str, float]:
    """Megabytes (10⁶ bytes) a second, each the best of three, and seconds to decode the columns of a dataset: the median of three."""
    import isal.isal_zlib
    import polars as pl
    import pyarrow as pa

    paths = sorted(source.iterdir())
    columns = list(COLUMNS)
    piece = b""  # of the data itself: repeated text would flatter what looks far back
    for path in paths:
        if len(piece) < PIECE:
            piece += pl.read_parquet(path, columns=columns).write_ndjson().encode()
    piece = piece[:PIECE]
    plain = sorted(_seconds(lambda: [pl.read_parquet(path, columns=columns) for path in paths]) for _ in range(3))
    return {
        "seconds to decode the 15 columns, all threads": plain[1],
        "MB/s gzip of JSON lines, isal level 1, one thread": _rate(
            len(piece), lambda: isal.isal_zlib.compress(piece, 1)
        ),
        "MB/s gzip of JSON lines, zlib level 6, one thread": _rate(
            len(piece) // 8, lambda: zlib.compress(piece[: len(piece) // 8], 6)
        ),
        "MB/s zstd of JSON lines, level 3, one thread": _rate(len(piece), lambda: pa.Codec("zstd", 3).compress(piece)),
        "MB/s written and synced to this disk": _rate(
            PIECE * 4, lambda: _write(source.parent / "written", bytes(PIECE))
        ),
    }


def _write(path: Path, piece: bytes) -> None:
    with path.open("wb") as file:
        for _ in range(4):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def _rate(size: int, work: Callable[[], object]) -> float:
    return max(size / 1e6 / _seconds(work) for _ in range(3))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
