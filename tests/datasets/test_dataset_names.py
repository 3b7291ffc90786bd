"""What a path says: data or not, compression, partitions."""

from __future__ import annotations

import pytest

from reconciler.datasets.names import check_name, compression, partitions, visible
from reconciler.errors import SourceError


@pytest.mark.parametrize("path", ["a.parquet", "day=2026-01-01/a.parquet", "a_b/c.d"])
def test_visible(path: str) -> None:
    assert visible(path)


@pytest.mark.parametrize(
    "path", ["_SUCCESS", ".a.parquet", "_temporary/0/a.parquet", "day=1/.a.parquet.crc", "..data/a"]
)
def test_hidden(path: str) -> None:
    assert not visible(path)


@pytest.mark.parametrize(
    ("path", "fmt"),
    [
        ("a.parquet", "parquet"),
        ("x/A.PARQUET", "parquet"),
        ("a.snappy.parquet", "parquet"),
        ("000000_0", "parquet"),
        ("a.csv", "csv"),
        ("a.csv.gz", "csv"),
        ("a.CSV.GZ", "csv"),
        ("a.json", "json"),
        ("a.jsonl.gz", "json"),
        ("a.ndjson.zst", "json"),
    ],
)
def test_names_of_each_format(path: str, fmt: str) -> None:
    check_name(path, fmt)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "fmt"),
    [
        ("README.md", "parquet"),
        ("a.csv", "parquet"),
        ("a.parquet.gz", "parquet"),
        ("a.parquet", "csv"),
        ("a", "csv"),
        ("a.gz", "json"),
    ],
)
def test_other_names_are_refused(path: str, fmt: str) -> None:
    with pytest.raises(SourceError) as caught:
        check_name(path, fmt)  # type: ignore[arg-type]
    assert caught.value.code == "F102"
    assert path in caught.value.detail


def test_compression() -> None:
    assert [compression(name) for name in ("a.csv", "a.csv.gz", "A.JSON.GZ", "a.json.zst")] == [
        "none",
        "gzip",
        "gzip",
        "zstd",
    ]


def test_partitions() -> None:
    assert partitions("day=2026-01-01/city=S%C3%A3o%20Bento%2F1/a.parquet") == {
        "day": "2026-01-01",
        "city": "São Bento/1",
    }
    assert partitions("country=__HIVE_DEFAULT_PARTITION__/a.parquet") == {"country": None}
    assert partitions("a=b=c/x.parquet") == {"a": "b=c"}
    assert partitions("plain/=x/a=1.parquet") == {}
    assert partitions("a=/x.parquet") == {"a": ""}


def test_a_column_twice_in_one_path() -> None:
    with pytest.raises(SourceError, match="F113"):
        partitions("a=1/a=2/x.parquet")
