"""Sample prospects: invented, the same for the same seed, and what they say they are."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from reconciler.samples.files import arrow_schema, write_csv, write_json, write_parquet
from reconciler.samples.generator import COLUMNS, FLAT_COLUMNS, prospects


def test_same_seed_same_people() -> None:
    assert list(prospects(50, seed=1)) == list(prospects(50, seed=1))
    assert list(prospects(50, seed=1)) != list(prospects(50, seed=2))
    assert list(prospects(5)) == list(islice(prospects(100), 5))


def test_nobody_real() -> None:
    rows = list(prospects(2000))
    emails = [str(row["email"]) for row in rows if row["email"]]
    assert all(email.split("@")[1] in ("example.com", "example.org", "example.net") for email in emails)
    assert all(email.isascii() for email in emails)
    assert len(set(emails)) == len(emails) > 1900
    assert len({row["prospect_id"] for row in rows}) == 2000


def test_ingested_within_the_day_before() -> None:
    day = datetime(2027, 3, 1, tzinfo=UTC)
    times = [row["ingested_at"] for row in prospects(200, day=day)]
    assert all(isinstance(time, datetime) and day - timedelta(days=1) <= time < day for time in times)


def test_files(tmp_path: Path) -> None:
    rows = list(prospects(300))
    assert write_parquet(rows, tmp_path / "x" / "a.parquet") == 300
    assert pq.read_schema(tmp_path / "x" / "a.parquet").equals(arrow_schema())
    assert pq.read_table(tmp_path / "x" / "a.parquet").to_pylist() == rows
    assert list(arrow_schema().names) == list(COLUMNS)
    assert write_json(rows, tmp_path / "a.json.gz") == 300
    with gzip.open(tmp_path / "a.json.gz", "rt") as lines:
        assert [json.loads(line)["prospect_id"] for line in lines] == [row["prospect_id"] for row in rows]
    assert write_csv(rows, tmp_path / "a.csv") == 300
    with (tmp_path / "a.csv").open(newline="") as text:
        read = list(csv.DictReader(text))
    assert list(read[0]) == list(FLAT_COLUMNS)
    assert [row["source"] for row in read] == [row["source"] for row in rows]
