"""Files that are small on disk and enormous once read: refused or streamed through the command line, in bounded memory.

Measured by the kernel, for a process of its own.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as papq
import pytest
import zstandard
from isal import isal_zlib

from tests.hostile.shop import LOCAL, Shop

MEGABYTES = 1024
FORM = LOCAL.replace("compression: none", "compression: gzip")


def squeezed(name: str, head: bytes, piece: bytes) -> bytes:
    """A gibibyte and a half of text."""
    block = piece * (2**24 // len(piece))
    if name.endswith(".zst"):
        squeeze = zstandard.ZstdCompressor().compressobj()
        return b"".join([squeeze.compress(head), *(squeeze.compress(block) for _ in range(96)), squeeze.flush()])
    zipper = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
    return zipper.compress(head) + b"".join(zipper.compress(block) for _ in range(96)) + zipper.flush()


def parquet(ids: pa.Array, **options: object) -> bytes:
    sink = io.BytesIO()
    table = pa.table({"prospect_id": ids, "country": ["US"] * len(ids), "score": [0.5] * len(ids)})
    papq.write_table(table, sink, write_statistics=False, store_schema=False, **options)
    return sink.getvalue()


def plain(sizes: list[int]) -> bytes:
    """Values of these sizes, of one letter each, in pages without a dictionary."""
    ids = pa.concat_arrays([pa.array(["x" * each], pa.large_string()) for each in sizes])
    return parquet(ids, compression="zstd", use_dictionary=False)


def dictionary(rows: int, size: int) -> bytes:
    """One long value, named by every row."""
    ids = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * size]))
    return parquet(ids, dictionary_pagesize_limit=2**30)


BOMBS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "gzip, one record of CSV": ("a.csv.gz", lambda: squeezed("gz", b"prospect_id,country,score\n", b"x"), "F110"),
    "gzip, empty records": ("a.csv.gz", lambda: squeezed("gz", b"prospect_id,country,score\n", b"\n"), "F111"),
    "gzip, one line of JSON": ("a.json.gz", lambda: squeezed("gz", b"", b"0"), "F110"),
    "zstd, empty lines": ("a.json.zst", lambda: squeezed("a.zst", b"", b"\n"), "F111"),
    "zstd, one line": ("a.json.zst", lambda: squeezed("a.zst", b"", b"0"), "F110"),
    "parquet, one value of 600 MiB": ("a.parquet", lambda: plain([600 * 2**20]), "F111"),
    "parquet, one value of 150 MiB": ("a.parquet", lambda: plain([150 * 2**20]), "F110"),
    "parquet, 100 values of 3 MiB": ("a.parquet", lambda: plain([3 * 2**20] * 100), "F111"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused(bomb: str, tmp_path: Path) -> None:
    name, made, code = BOMBS[bomb]
    shop = Shop(tmp_path / "shop").declare(form=name.split(".")[1], destination=FORM)
    content = made()
    assert len(content) < 8 * 2**20
    (shop.root / "data" / name).write_bytes(content)
    shop.apply()
    found = shop.night(1)
    assert (found.code, found.codes(), name in found.err) == (1, {code}, True), found.said
    assert found.megabytes < MEGABYTES
    assert shop.received() == []


def test_what_many_rows_name_is_streamed(tmp_path: Path) -> None:
    """A kilobyte or two on disk, 300 MB as CSV: each row may be meant, so that all leave, a few at a time."""
    shop = Shop(tmp_path / "shop").declare(form="parquet", destination=FORM)
    (shop.root / "data/a.parquet").write_bytes(dictionary(300, 10**6))
    shop.apply()
    found = shop.night(1)
    assert (found.code, "300 rows" in found.out) == (0, True), found.said
    assert found.megabytes < MEGABYTES
