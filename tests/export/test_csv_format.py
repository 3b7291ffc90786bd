"""CSV's options: each means what it says, checked by the csv module and DuckDB."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconciler.errors import SourceError
from reconciler.export.csv_plain import Plain
from reconciler.export.csv_text import fields
from reconciler.resources.formats import CsvFormat
from tests.export.support import dataset, export

Texts = Sequence[tuple[str | None, ...]]


def csv_format(**options: Any) -> CsvFormat:
    return CsvFormat.model_validate({"type": "csv", "compression": "none", "formulas": "raw", **options})


def written(folder: Path, rows: Texts, fmt: CsvFormat, names: Sequence[str] = ("a", "b")) -> bytes:
    (folder / "in").mkdir(parents=True, exist_ok=True)
    columns = {name: pa.array([row[index] for row in rows], pa.string()) for index, name in enumerate(names)}
    pq.write_table(pa.table(columns), folder / "in" / "a.parquet")
    done = export(folder / "in", folder / "out", dataset(columns=dict.fromkeys(names, "string")), fmt)
    return b"".join(path.read_bytes() for path in done.paths)


def test_null_and_empty(tmp_path: Path) -> None:
    rows = [(None, ""), ("", None), ("x", '""')]
    assert written(tmp_path, rows, csv_format()) == b'a,b\n,""\n"",\nx,""""""\n'
    assert written(tmp_path, rows, csv_format(nullValue="NULL", emptyValue="")) == b'a,b\nNULL,\n,NULL\nx,""""""\n'


def test_what_looks_like_null_is_quoted(tmp_path: Path) -> None:
    rows = [(None, "NULL"), ("null", "NULL ")]
    assert written(tmp_path, rows, csv_format(nullValue="NULL")) == b'a,b\nNULL,"NULL"\nnull,"NULL "\n'


def test_duckdb_reads_null_and_empty_apart(tmp_path: Path) -> None:
    rows: Texts = [(None, ""), ("", None), ("a,b", 'q"q'), ("two\nlines", "é")]
    (tmp_path / "x.csv").write_bytes(written(tmp_path, rows, csv_format(lineEnding="crlf")))
    options = "header=true, all_varchar=true, nullstr='', allow_quoted_nulls=false"
    query = f"select * from read_csv('{tmp_path}/x.csv', {options})"
    assert duckdb.connect().execute(query).fetchall() == rows


def test_line_endings_header_and_delimiter(tmp_path: Path) -> None:
    rows = [("1;2", "x,y")]
    assert written(tmp_path, rows, csv_format(delimiter=";", lineEnding="crlf")) == b'a;b\r\n"1;2";x,y\r\n'
    assert written(tmp_path, rows, csv_format(delimiter="\t", header=False)) == b"1;2\tx,y\n"


def test_names_are_quoted(tmp_path: Path) -> None:
    assert written(tmp_path, [("1", "2")], csv_format(), names=('say "a"', "x,y")) == b'"say ""a""","x,y"\n1,2\n'
    assert written(tmp_path, [("1", "2")], csv_format(formulas="neutralise"), names=("=a", "b")) == b"=a,b\n1,2\n"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_formulas(tmp_path: Path, start: str) -> None:
    rows = [(f"{start}1+1", f"x{start}")]
    safe = list(
        csv.reader(io.StringIO(written(tmp_path, rows, csv_format(formulas="neutralise")).decode(), newline=""))
    )
    assert safe[1] == [f"'{start}1+1", f"x{start}"]
    raw = list(csv.reader(io.StringIO(written(tmp_path, rows, csv_format()).decode(), newline="")))
    assert raw[1] == list(rows[0])


def test_numbers_are_not_formulas(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"n": [-1, 2]}), tmp_path / "in" / "a.parquet")
    fmt = csv_format(formulas="neutralise")
    (path,) = export(tmp_path / "in", tmp_path / "out", dataset(columns={"n": "long"}), fmt).paths
    assert path.read_bytes() == b"n\n-1\n2\n"


def test_numbers_are_quoted_where_the_delimiter_is_in_them(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"d": [1.5, None], "n": [-1, 21]}), tmp_path / "in" / "a.parquet")
    spec = dataset(columns={"d": "double", "n": "long"})
    (path,) = export(tmp_path / "in", tmp_path / "out", spec, csv_format(delimiter="1", nullValue="-")).paths
    assert list(csv.reader(path.open(newline=""), delimiter="1")) == [["d", "n"], ["1.5", "-1"], ["-", "21"]]


@pytest.mark.parametrize(
    ("encoding", "codec", "bom"),
    [
        ("utf-8", "utf-8", b""),
        ("utf-8-bom", "utf-8", b"\xef\xbb\xbf"),
        ("utf-16le", "utf-16-le", b""),
        ("iso-8859-1", "iso-8859-1", b""),
        ("windows-1252", "cp1252", b""),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, codec: str, bom: bytes) -> None:
    rows = [("Zoë", "Müller"), ("ÿ", "£")] * 30_000
    got = written(tmp_path, rows, csv_format(encoding=encoding), names=("prénom", "b"))
    assert got == bom + ("prénom,b\n" + "Zoë,Müller\nÿ,£\n" * 30_000).encode(codec)


@pytest.mark.parametrize(
    ("encoding", "char", "fits"),
    [
        ("windows-1252", "€", True),
        ("windows-1252", "Ł", False),
        ("windows-1252", "\x81", False),
        ("iso-8859-1", "€", False),
        ("iso-8859-1", "\x81", True),
        ("iso-8859-1", "😀", False),
        ("utf-16le", "😀", True),
    ],
)
def test_characters_beyond_the_encoding(tmp_path: Path, encoding: str, char: str, fits: bool) -> None:
    fmt = csv_format(encoding=encoding)
    if fits:
        assert char in written(tmp_path, [("ok", f"x{char}")], fmt).decode(
            {"windows-1252": "cp1252", "utf-16le": "utf-16-le"}.get(encoding, encoding)
        )
        return
    with pytest.raises(SourceError) as caught:
        written(tmp_path, [("ok", "fine"), ("ok", f"secret{char}")], fmt)
    assert caught.value.code == "F114"
    assert "'b'" in caught.value.detail
    assert "secret" not in str(caught.value)
    with pytest.raises(SourceError, match="F114"):
        written(tmp_path, [("ok", "fine")], fmt, names=("a", f"b{char}"))


def test_a_single_column_never_loses_a_row(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="F115"):
        written(tmp_path, [("x",), (None,)], csv_format(), names=("a",))
    with pytest.raises(SourceError, match="F115"):
        written(tmp_path, [("x",), ("",)], csv_format(emptyValue="", nullValue="-"), names=("a",))
    assert written(tmp_path, [("x",), (None,), ("",)], csv_format(nullValue="-"), names=("a",)) == b'a\nx\n-\n""\n'


def test_nested_types_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"k": [[1]]}), tmp_path / "in" / "a.parquet")
    with pytest.raises(SourceError, match="F112"):
        export(tmp_path / "in", tmp_path / "out", dataset(columns={"k": "list<long>"}), csv_format())


def test_options_that_contradict() -> None:
    for options in (
        {"delimiter": '"'},
        {"escape": ","},
        {"delimiter": ";", "quote": ";"},
        {"nullValue": "a,b"},
        {"emptyValue": 'x"y'},
    ):
        with pytest.raises(ValueError, match="CSV"):
            csv_format(**options)


texts = (
    st.none()
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
    | st.sampled_from(["", ";", "'", "\\", "\\'", "NULL", "\r", " "])
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(texts, texts), min_size=1, max_size=5),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(['"', "'"]),
    st.sampled_from([None, "\\"]),
    st.sampled_from(["lf", "crlf"]),
)
def test_any_text_by_the_csv_module(
    tmp_path: Path, rows: Texts, delimiter: str, quote: str, escape: str | None, end: str
) -> None:
    fmt = csv_format(
        delimiter=delimiter, quote=quote, escape=escape, lineEnding=end, nullValue="NULL", emptyValue=quote * 2
    )
    text = written(tmp_path, rows, fmt).decode()
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quotechar=quote,
        escapechar=escape,
        doublequote=escape is None,
        strict=True,
    )
    assert list(reader)[1:] == [["NULL" if value is None else value for value in row] for row in rows]


EDGES = [
    *" \t\v\f\x85\xa0\u1680\u2003\u2028\u3000",
    *"=+-@;,|\"'\\\n\r",
    "NULL",
    "é",
    "ab",
    "€",
    "",
    "日本",
    "\U0001f600",
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"formulas": "neutralise"},
    {"delimiter": ";", "quote": "'", "escape": "\\", "nullValue": "NULL"},
    {"delimiter": "|", "nullValue": "é", "emptyValue": "ab", "formulas": "neutralise"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=range(len(OPTIONS)))
@given(st.lists(st.none() | st.lists(st.sampled_from(EDGES), max_size=3).map("".join), min_size=1, max_size=4))
def test_what_is_written_as_it_is_needs_nothing(options: dict[str, Any], values: list[str | None]) -> None:
    fmt = csv_format(**options)
    frame = pl.DataFrame({"a": values}, schema={"a": pl.String})
    quick = Plain.of(fmt).columns(frame)
    if quick:
        assert sunk(quick, fmt) == sunk(frame.select(fields(frame.schema, fmt)), fmt)


def sunk(columns: pl.DataFrame | dict[str, pl.Series], fmt: CsvFormat) -> str:
    return pl.DataFrame(columns).write_csv(
        include_header=False, quote_style="never", separator=fmt.delimiter, null_value=fmt.null_value
    )


MICROSECONDS = st.integers(-62_135_596_800_000_001, 253_402_300_800_000_000) | st.integers(-(2**62), 2**62)
DAYS = st.integers(-800_000, 3_000_000) | st.integers(19_000, 21_000)


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(),
            st.none() | st.floats(width=32),
            st.none() | st.booleans(),
            st.none() | DAYS,
            st.none() | MICROSECONDS,
            st.none() | st.integers(-90_000_000, 90_000_000),
        ),
        max_size=6,
    )
)
@example(
    [
        (1, 1e16, 1e-7, True, 0, 253_402_300_799_999_999, 1),
        (1, -0.0, 0.1, None, 2_932_896, -62_135_596_800_000_000, None),
    ]
)
def test_what_is_no_text_is_written_as_it_is(rows: list[tuple[Any, ...]]) -> None:
    kinds = [pl.Int64(), pl.Float64(), pl.Float32(), pl.Boolean(), pl.Int32(), pl.Int64(), pl.Int32()]
    held = pl.DataFrame(rows, schema={f"c{n}": kind for n, kind in enumerate(kinds)}, orient="row").with_columns(
        pl.col("c4").cast(pl.Date), pl.col("c5").cast(pl.Datetime("us", "UTC")), pl.col("c6").cast(pl.Date)
    )
    fmt = csv_format(nullValue="\\N")
    quick = Plain.of(csv_format()).columns(held)
    assert sorted(quick) == held.columns
    assert sunk({name: quick[name] for name in held.columns}, fmt) == sunk(held.select(fields(held.schema, fmt)), fmt)


@pytest.mark.parametrize("options", [{"delimiter": "-"}, {"nullValue": "2054-12-02"}, {"delimiter": ":"}])
def test_moments_and_numbers_are_quoted_where_a_format_needs_it(options: dict[str, Any]) -> None:
    held = pl.DataFrame({"a": [1], "b": [date(2054, 12, 2)]})
    assert Plain.of(csv_format(**options)).columns(held) == {}


@pytest.mark.parametrize("values", [["x"], ["x", None], [None], ["Zoë", "São Paulo", "o'Neil", "a-b=c"]])
def test_ordinary_text_is_written_as_it_is(values: list[str | None]) -> None:
    whole = pl.Series("a", ["left out, since cut off", *values])
    plain = Plain.of(csv_format(formulas="neutralise"))
    assert list(plain.columns(whole.slice(1).to_frame())) == ["a"]
    assert plain.columns(whole.to_frame()) == {}
