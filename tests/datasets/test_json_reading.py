"""JSON Lines: what is read, and that every refusal names file and line but never content."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.datasets import json as json_reading
from reconciler.datasets import streams
from reconciler.datasets.base import Access
from reconciler.datasets.json import count_lines, read_json
from reconciler.datasets.text import TIMESTAMP
from reconciler.datasets.wanted import Wanted
from reconciler.errors import SourceError
from reconciler.values.pin import PinnedFile

NESTED = pl.Struct({"b": pl.Int32(), "c": pl.List(pl.Struct({"at": TIMESTAMP, "n": pl.Decimal(10, 2)}))})


def read(
    folder: Path, content: bytes, name: str = "a.jsonl", required: object = None, **types: pl.DataType
) -> pl.DataFrame:
    (folder / name).write_bytes(content)
    file = PinnedFile(path=name, size=1, version="")
    wanted = Wanted(types, frozenset(types) if required is None else frozenset(required))  # type: ignore[call-overload]
    frames = [frame for frame, _ in read_json(Access(str(folder)), file, wanted)]
    rows = sum(count for count, _ in count_lines(Access(str(folder)), file))
    assert rows == sum(frame.height for frame in frames)
    return pl.concat(frames) if frames else pl.DataFrame(schema=types)


def refused(folder: Path, content: bytes, name: str = "a.jsonl", **types: pl.DataType) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(folder, content, name, **types)
    assert "secret" not in str(caught.value)
    assert name in caught.value.detail
    return caught.value


def test_every_type(tmp_path: Path) -> None:
    line = {
        "s": "é\n😀", "i": -1, "l": 2**62, "f": 0.5, "d": 1, "y": True, "t": "2054-12-02T02:00:00+01:00",
        "day": "2054-12-02", "n": "12.50", "m": 3.25, "bin": "YWI=",
        "x": {"b": 1, "unknown": 5, "c": [{"at": "2054-12-02 02:00", "n": 1}, None]},
    }  # fmt: skip
    got = read(
        tmp_path, json.dumps(line).encode(), s=pl.String(), i=pl.Int32(), l=pl.Int64(), f=pl.Float32(),
        d=pl.Float64(), y=pl.Boolean(), t=TIMESTAMP, day=pl.Date(), n=pl.Decimal(10, 2), m=pl.Decimal(5, 2),
        bin=pl.Binary(), x=NESTED,
    )  # fmt: skip
    assert got.to_dicts() == [
        {
            "s": "é\n😀", "i": -1, "l": 2**62, "f": 0.5, "d": 1.0, "y": True, "t": datetime(2054, 12, 2, 1, tzinfo=UTC),
            "day": date(2054, 12, 2), "n": Decimal("12.50"), "m": Decimal("3.25"), "bin": b"ab",
            "x": {"b": 1, "c": [{"at": datetime(2054, 12, 2, 2, tzinfo=UTC), "n": Decimal("1.00")}, None]},
        }
    ]  # fmt: skip
    assert got.schema["x"] == NESTED


def test_nulls_at_every_depth(tmp_path: Path) -> None:
    lines = [
        {"x": None},
        {"x": {"b": None, "c": None}},
        {},
        {"x": {"b": 2, "c": []}},
        {"x": {"c": [None, {"n": None}]}},
    ]
    got = read(tmp_path, "\n".join(map(json.dumps, lines)).encode(), x=NESTED)
    assert got["x"].to_list() == [
        None,
        {"b": None, "c": None},
        None,
        {"b": 2, "c": []},
        {"b": None, "c": [None, {"at": None, "n": None}]},
    ]


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n  \n"])
def test_blank_lines_and_line_ends(tmp_path: Path, ending: str) -> None:
    content = b"\xef\xbb\xbf\n" + b'{"a":1}\r\n\r\n  \n{"a":2}' + ending.encode()
    assert read(tmp_path, content, a=pl.Int32())["a"].to_list() == [1, 2]


def test_empty_file(tmp_path: Path) -> None:
    assert read(tmp_path, b"", a=pl.Int32()).height == 0
    assert read(tmp_path, b"\n\n", a=pl.Int32()).height == 0


def test_keys_may_be_missing_in_a_line_but_not_in_a_file(tmp_path: Path) -> None:
    assert read(tmp_path, b'{"b":1}\n{"a":1}\n', a=pl.Int32())["a"].to_list() == [None, 1]
    error = refused(tmp_path, b'{"b":1}\n{"b":2}\n', a=pl.Int32())
    assert error.code == "F106"
    assert read(tmp_path, b'{"b":1}\n', required=[], a=pl.Int32())["a"].to_list() == [None]
    kinds: dict[str, Any] = {"é": pl.Int32()}
    assert read(tmp_path, b'{"\\u00e9":null}\n', **kinds)["é"].to_list() == [None]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b'{"a":"secret"}', "F109"),
        (b'{"a":1.5}', "F109"),
        (b'{"a":2147483648}', "F109"),
        (b'{"a":9223372036854775808}', "F109"),
        (b'{"a":true}', "F109"),
        (b'{"a":[1]}', "F109"),
        (b'{"a":1,"t":"secret"}', "F109"),
        (b'{"a":1,"x":[{"n":"secret"}]}', "F109"),
        (b'{"a":1,"x":[{"n":1.505}]}', "F109"),
        (b'{"a":1,"x":[{"day":"secret"}]}', "F109"),
        (b'{"a":1', "F110"),
        (b'{"a":1} {"a":2}', "F110"),
        (b'[{"a":1}]', "F109"),
        (b"secret", "F110"),
        (b'"secret"', "F109"),
        (b'{"a":1,"s":"secret\xff"}', "F110"),
        (b'{"a":1,"s":"secret\x01"}', "F110"),
        (b'{"a":1,"a":2}', "F108"),
        (b'{\n"a":1}', "F110"),
    ],
)
@pytest.mark.parametrize("before", [0, 1, 40_000])
def test_a_bad_line_is_named(tmp_path: Path, bad: bytes, code: str, before: int) -> None:
    good = b'{"a":1,"t":"2054-01-01T00:00:00Z","x":[{"n":1,"day":"2054-01-01"}],"s":"text to fill the blocks %d"}\n'
    content = b"\n" + b"".join(good % row for row in range(before)) + bad + b"\n" + good % 0 * 3
    kinds = pl.List(pl.Struct({"n": pl.Decimal(10, 2), "day": pl.Date()}))
    error = refused(tmp_path, content, a=pl.Int32(), t=TIMESTAMP, x=kinds, s=pl.String())
    assert error.code == code
    assert f"Line {before + 2} of" in error.detail


def test_the_place_of_a_misfit_is_a_declared_name(tmp_path: Path) -> None:
    error = refused(tmp_path, b'{"x":{"b":1,"c":[{"n":"secret"}]}}', x=NESTED)
    assert error.code == "F109"
    error = refused(tmp_path, b'{"x":{"b":1,"c":[{"at":"secret"}]}}', x=NESTED)
    assert "x.c[].at" in error.detail


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_compressed_and_torn(tmp_path: Path, kind: str) -> None:
    plain = b"".join(b'{"a":%d}\n' % row for row in range(100_000))
    half = len(plain) // 2
    squeeze = gzip.compress if kind == "gz" else zstandard.ZstdCompressor().compress
    two = squeeze(plain[:half]) + squeeze(plain[half:])
    assert read(tmp_path, two, f"a.json.{kind}", a=pl.Int32())["a"].to_list() == list(range(100_000))
    assert refused(tmp_path, two[:-5], f"a.json.{kind}", a=pl.Int32()).code == "F105"
    assert refused(tmp_path, plain, f"a.json.{kind}", a=pl.Int32()).code == "F105"


def test_a_line_far_too_long(tmp_path: Path) -> None:
    line = b'{"a":1,"s":"' + b"x" * (streams.LONGEST_LINE + 2**23)
    assert refused(tmp_path, b'{"a":1}\n' + line, a=pl.Int32()).code == "F110"


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_bomb_of_short_lines(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_SUSPICIOUS", 2**24)
    plain = b'{"a":1}\n' * 4_000_000
    squeeze = gzip.compress if kind == "gz" else zstandard.ZstdCompressor().compress
    assert refused(tmp_path, squeeze(plain), f"a.json.{kind}", a=pl.Int32()).code == "F111"


values = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=200)
@given(
    st.lists(
        st.fixed_dictionaries({"s": values, "l": st.none() | st.lists(values, max_size=3)}), min_size=1, max_size=5
    ),
    st.booleans(),
    st.integers(1, 60),
)
def test_reads_what_the_json_module_writes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]], ascii_only: bool, block: int
) -> None:
    content = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows).encode()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_reading, "_BLOCK", block)
        got = read(tmp_path_factory.getbasetemp(), content, s=pl.String(), l=pl.List(pl.String()))
    assert got.to_dicts() == rows
    assert pa.table(got).num_rows == len(rows)
