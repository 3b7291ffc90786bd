"""CSV files: what is read, and that every refusal names file and place but never content."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.datasets import csv as csv_reading
from reconciler.datasets import streams
from reconciler.datasets.base import Access
from reconciler.datasets.csv import count_records, read_csv
from reconciler.datasets.wanted import Wanted
from reconciler.errors import SourceError
from reconciler.resources.dataset import CsvReading
from reconciler.values.pin import PinnedFile

PLAIN = CsvReading()
FILE = PinnedFile(path="a.csv", size=1, version="")


def read(
    folder: Path,
    content: bytes,
    name: str = "a.csv",
    reading: CsvReading = PLAIN,
    required: object = None,
    **types: pl.DataType,
) -> pl.DataFrame:
    (folder / name).write_bytes(content)
    wanted = Wanted(types, frozenset(types) if required is None else frozenset(required))  # type: ignore[call-overload]
    frames = [
        frame for frame, _ in read_csv(Access(str(folder)), PinnedFile(path=name, size=1, version=""), wanted, reading)
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=types)


def refused(folder: Path, content: bytes, name: str = "a.csv", **types: pl.DataType) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(folder, content, name, PLAIN, None, **types)
    assert caught.value.__cause__ is None or "secret" not in str(caught.value.__cause__)
    assert "secret" not in str(caught.value)
    assert name in caught.value.detail
    return caught.value


def test_null_and_empty_are_told_apart(tmp_path: Path) -> None:
    got = read(tmp_path, b'a,b\n,""\n"",\nx,y\n', a=pl.String(), b=pl.String())
    assert got.rows() == [(None, ""), ("", None), ("x", "y")]


def test_another_null_value(tmp_path: Path) -> None:
    got = read(
        tmp_path, b'a,b\nNULL,1\n"NULL",NULL\n,\n', reading=CsvReading(null_value="NULL"), a=pl.String(), b=pl.Int32()
    )
    assert got.rows() == [(None, 1), ("NULL", None), ("", None)]


def test_quoted_numbers_and_nothing_in_quotes(tmp_path: Path) -> None:
    assert read(tmp_path, b'"a"\n"1"\n""\n', a=pl.Int32()).rows() == [(1,), (None,)]


def test_other_delimiter_quote_and_line_ends(tmp_path: Path) -> None:
    reading = CsvReading(delimiter=";", quote="'")
    got = read(tmp_path, b"\xef\xbb\xbfa;b\r\n'x;y';'it''s'\r\n1;\"\r\n", reading=reading, a=pl.String(), b=pl.String())
    assert got.rows() == [("x;y", "it's"), ("1", '"')]


def test_only_what_is_asked_for_and_in_that_order(tmp_path: Path) -> None:
    got = read(tmp_path, b"c,a,b\n1,2,not a number\n", b=pl.String(), c=pl.Int64())
    assert got.to_dicts() == [{"b": "not a number", "c": 1}]


def test_optional_column_reads_as_null(tmp_path: Path) -> None:
    got = read(tmp_path, b"a\n1\n2\n", required=["a"], z=pl.Date(), a=pl.Int32())
    assert got.to_dicts() == [{"z": None, "a": 1}, {"z": None, "a": 2}]
    assert read(tmp_path, b"a\n1\n2\n", required=[], z=pl.Date()).height == 2


def test_header_only(tmp_path: Path) -> None:
    assert read(tmp_path, b"a,b", a=pl.Int32()).height == 0
    assert read(tmp_path, b"a,b\r\n", a=pl.Int32()).height == 0


def test_multi_member_gzip(tmp_path: Path) -> None:
    assert read(tmp_path, gzip.compress(b"a\n1\n") + gzip.compress(b"2\n"), "a.csv.gz", a=pl.Int32()).rows() == [
        (1,),
        (2,),
    ]


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        (b"", "F105", "empty"),
        (b"b\n1\n", "F106", "'a'"),
        (b"a,a\n1,2\n", "F108", "'a'"),
        (b"a,b\n1,2\n3\n", "F110", "Row 3"),
        (b"a,b\n1,2\n3,secret,x\n", "F110", "Row 3"),
        (b"a,b\n1,2\nsecret,2\n", "F109", "Row 3"),
        (b'a,b\n1,2\n2,"secret\n', "F110", "quote"),
        (b'a,b\n1,2\n2,se"cret\n', "F110", "quote"),
        (b"a,b\n1,2\n2,secret\xff\n", "F110", "UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "F105", "UTF-8"),
        (b'"a\n' + b"x" * 2**21, "F110", "quote"),
        (b"a" + b"x" * 2**21 + b"\n1\n", "F110", "header"),
        (b"a,b\r1,2\r", "F110", "header"),
        (b"\na,b\n1,2\n", "F110", "header"),
    ],
)
def test_refusals(tmp_path: Path, content: bytes, code: str, place: str) -> None:
    b: dict[str, Any] = {} if b"b" not in content.split(b"\n")[0] or content.startswith(b"b") else {"b": pl.String()}
    error = refused(tmp_path, content, a=pl.Int32(), **b)
    assert error.code == code
    assert place in error.detail


def test_torn_gzip(tmp_path: Path) -> None:
    whole = gzip.compress(b"a\n" + b"1\n" * 100_000)
    assert refused(tmp_path, whole[:-20], "a.csv.gz", a=pl.Int32()).code == "F105"
    assert refused(tmp_path, whole[:-8] + b"\0" * 8, "a.csv.gz", a=pl.Int32()).code == "F105"
    noise = whole[:20] + bytes(range(256)) * 2 + whole[20:]
    assert refused(tmp_path, noise, "a.csv.gz", a=pl.Int32()).code in ("F105", "F109", "F110")
    assert refused(tmp_path, b"a\n1\n", "a.csv.gz", a=pl.Int32()).code == "F105"


def test_a_row_far_too_long(tmp_path: Path) -> None:
    assert refused(tmp_path, b"a\n1\n" + b"x" * (streams.LONGEST_LINE * 2 + 1), a=pl.String()).code == "F110"


def test_a_place_far_into_a_file(tmp_path: Path) -> None:
    rows = b"".join(b"%d,text\n" % row for row in range(2_000_000))
    error = refused(tmp_path, b"a,b\n" + rows + b"secret,text\n" + rows, a=pl.Int32())
    assert "Row 2000002 " in error.detail


def test_gone(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="F116"):
        count_records(Access(str(tmp_path)), FILE, Wanted({}, frozenset()), PLAIN)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(texts, texts), min_size=1, max_size=6),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 60),
    st.booleans(),
)
def test_reads_what_the_csv_module_writes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], end: str, block: int, quoted: bool
) -> None:
    # The csv module leaves a carriage return without quotes, which then ends a line.
    assume(quoted or not any("\r" in text for row in rows for text in row))
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, lineterminator=end)
    writer.writerows([("a", "b"), *rows])
    folder = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(csv_reading, "_BLOCK", block)
        got = read(folder, out.getvalue().encode(), a=pl.String(), b=pl.String())
        counted = count_records(Access(str(folder)), FILE, Wanted({}, frozenset()), PLAIN)
    assert counted == len(rows)
    if quoted:
        assert got.rows() == rows
    else:
        assert [tuple(value or "" for value in row) for row in got.rows()] == rows
