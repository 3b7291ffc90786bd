"""Damaged files, by the thousand: each is read whole or refused. None is read in part or ends in a traceback."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import zstandard

from reconciler.datasets.base import Access
from reconciler.datasets.csv import read_csv
from reconciler.datasets.json import read_json
from reconciler.datasets.local import LocalFiles
from reconciler.datasets.wanted import Wanted
from reconciler.errors import SourceError
from reconciler.export.polars_engine import PolarsEngine
from reconciler.resources.dataset import CsvReading
from reconciler.samples.files import write_parquet
from reconciler.samples.generator import prospects
from reconciler.values.pin import PinnedFile
from tests.export.support import dataset, files_of

ROWS = 3000
WANTED = Wanted({"a": pl.Int32()}, frozenset({"a"}))


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Some bits flipped, some bytes lost, some added."""
    data = bytearray(content)
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[place] ^= 1 << chance.randrange(8)
            case 1:
                del data[place : place + chance.randrange(50)]
            case _:
                data[place:place] = chance.randbytes(chance.randrange(50))
    return bytes(data)


def frames(folder: Path, name: str) -> Iterator[pl.DataFrame]:
    file, access = PinnedFile(path=name, size=1, version=""), Access(str(folder))
    opened = read_csv(access, file, WANTED, CsvReading()) if "csv" in name else read_json(access, file, WANTED)
    return (frame for frame, _ in opened)


@pytest.mark.parametrize("name", ["x.csv.gz", "x.json.gz", "x.json.zst"])
def test_compressed_text(tmp_path: Path, name: str) -> None:
    chance = random.Random(name)
    values = [chance.randrange(10**6) for _ in range(ROWS)]
    plain = b"".join((b"%d\n" if "csv" in name else b'{"a":%d}\n') % value for value in values)
    plain = b"a\n" + plain if "csv" in name else plain
    squeeze = gzip.compress if name.endswith("gz") else zstandard.ZstdCompressor(write_checksum=True).compress
    whole = squeeze(plain)
    refused = 0
    for _ in range(700):
        (tmp_path / name).write_bytes(damaged(whole, chance))
        try:
            read = [value for frame in frames(tmp_path, name) for value in frame["a"]]
        except SourceError as error:
            refused += error.code in ("F105", "F106", "F108", "F109", "F110")
            continue
        # What isn't covered by the checksum: the header's time and flags.
        assert read == values
    assert refused > 500


def test_parquet(tmp_path: Path) -> None:
    chance = random.Random(5)
    write_parquet(prospects(200), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    access = LocalFiles(tmp_path, "", "parquet", timedelta(0)).access()
    spec = dataset()
    refused = 0
    for _ in range(150):
        (tmp_path / "a.parquet").write_bytes(damaged(whole, chance))
        try:
            assert PolarsEngine().count(spec, access, files_of(tmp_path), "country = 'US' OR tags IS NULL")[0] == 200
        except SourceError as error:
            refused += error.code in ("F105", "F106", "F107", "F108")
    assert refused > 20
