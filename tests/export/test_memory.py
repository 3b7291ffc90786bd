"""Peak resident memory stays under 1 GiB, whatever the files look like. Measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from isal import isal_zlib

from reconciler.samples.files import write_parquet
from reconciler.samples.generator import FLAT_COLUMNS, prospects

ROOT = Path(__file__).resolve().parents[2]
ROWS = 3_000_000
TEXT_ROWS = 1_000_000


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three million rows three ways: usual row groups, one enormous row group, and a million as gzipped CSV."""
    root = tmp_path_factory.mktemp("large")
    write_parquet(prospects(20_000), root / "base.parquet")
    base = pl.read_parquet(root / "base.parquet")
    copies = pl.scan_parquet([root / "base.parquet"] * (ROWS // 20_000))
    for folder in ("usual", "enormous", "csv"):
        (root / folder).mkdir()
    copies.sink_parquet(root / "usual" / "a.parquet", compression="snappy", row_group_size=1_000_000)
    copies.sink_parquet(root / "enormous" / "a.parquet", compression="snappy", row_group_size=ROWS)
    text = base.select(*FLAT_COLUMNS).with_columns(pl.col("ingested_at").dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ"))
    header = text.head(0).write_csv().encode()
    body = text.write_csv(include_header=False).encode()
    squeeze = subprocess.Popen(["gzip", "-1"], stdin=subprocess.PIPE, stdout=(root / "csv" / "a.csv.gz").open("wb"))
    assert squeeze.stdin
    squeeze.stdin.write(header)
    for _ in range(TEXT_ROWS // 20_000):
        squeeze.stdin.write(body)
    squeeze.stdin.close()
    assert squeeze.wait() == 0
    return root


@pytest.mark.parametrize(
    ("folder", "source", "target", "rows"),
    [
        ("usual", "parquet", "parquet", ROWS),
        ("usual", "parquet", "json", ROWS),
        ("enormous", "parquet", "parquet", ROWS),
        ("csv", "csv", "csv", TEXT_ROWS),
    ],
)
def test_peak(lake: Path, folder: str, source: str, target: str, rows: int) -> None:
    found = probed(lake / folder, source, target)
    assert (found["read"], found["matched"]) == (rows, rows)
    assert found["peak"] < 1024


@pytest.mark.parametrize(
    ("name", "head", "piece", "code"),
    [
        ("a.json.gz", b"", b"\n", "F111"),
        ("a.json.gz", b"", b"0", "F110"),
        ("a.csv.gz", b",".join(name.encode() for name in FLAT_COLUMNS) + b"\n", b"x", "F110"),
        ("a.csv.gz", b",".join(name.encode() for name in FLAT_COLUMNS) + b"\n", b"\n", "F111"),
    ],
    ids=["short lines", "one line", "one record", "empty records"],
)
def test_bombs(tmp_path: Path, name: str, head: bytes, piece: bytes, code: str) -> None:
    """Two gibibytes of text in two megabytes, read as far as it takes to notice."""
    folder = tmp_path / "bomb"
    folder.mkdir()
    squeeze = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
    block = piece * 2**24
    (folder / name).write_bytes(
        squeeze.compress(head) + b"".join(squeeze.compress(block) for _ in range(128)) + squeeze.flush()
    )
    found = probed(folder, "csv" if "csv" in name else "json", "csv")
    assert found["code"] == code
    assert found["peak"] < 1024


def probed(folder: Path, source: str, target: str) -> dict[str, Any]:
    """What `memory_probe` says."""
    command = [sys.executable, "-m", "tests.export.memory_probe", str(folder), source, target]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer: dict[str, Any] = json.loads(
        subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True).stdout
    )
    return answer
