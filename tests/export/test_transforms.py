"""Transforms against the ad platforms' published examples, and against hashlib and hmac."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from reconciler.accounts.secrets import Secret
from reconciler.datasets.types import polars_type
from reconciler.errors import AccountError
from reconciler.export.transforms import leaving
from reconciler.resources.effective import ExportColumn
from reconciler.resources.transform import Transform, steps

KEY = "0123456789abcdef-key"
TRANSFORM: TypeAdapter[Any] = TypeAdapter(Transform)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def run(values: list[Any], transform: Any, kind: str = "string", key: str = KEY) -> list[Any]:
    """The values after a transform, as an engine gives them."""
    of = ExportColumn(column="a", name="b", type="string", transform=steps(TRANSFORM.validate_python(transform)))
    frame = pl.DataFrame({"a": pl.Series(values, dtype=polars_type(kind))})
    out = frame.lazy().select(leaving(of, kind, lambda _: Secret(key))).collect(engine="streaming")
    assert out.columns == ["b"]
    return out["b"].to_list()


@pytest.mark.parametrize(
    ("text", "transform", "digest"),
    [
        # Meta, customer information parameters
        ("John_Smith@gmail.com", "sha256-email", "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"),
        (
            "(650)555-1212",
            {"sha256-phone": {"rules": "meta", "country": "1"}},
            "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176",
        ),
        (
            "16505551212",
            {"sha256-phone": {"rules": "meta"}},
            "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176",
        ),
        ("Mary", ["lower", "sha256"], "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"),
        ("정", ["lower", "sha256"], "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14"),
        ("Valéry", ["lower", "sha256"], "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
        # TikTok, customer files: a number without its plus sign
        (
            "+37493828222",
            {"sha256-phone": {"rules": "meta"}},
            "65b7e6dcf6f4310f8d7cbfbd78289a753062fb054d6664fb9aaac5df66a422d4",
        ),
        # Unified ID 2.0, phone numbers in E.164
        ("+12345678901", "sha256-phone", "10e6f0b47054a83359477dcb35231db6de5c69fb1816e1a6b98e192de9e5b9ee"),
    ],
)
def test_the_platforms_own_examples(text: str, transform: Any, digest: str) -> None:
    assert run([text], transform) == [digest]


@pytest.mark.parametrize(
    ("rules", "text", "normal"),
    [
        ("google", " Jane.Q.Doe@GoogleMail.com\t", "janeqdoe@googlemail.com"),
        ("google", "j.doe@example.com", "j.doe@example.com"),
        ("google", "j.doe@notgmail.com", "j.doe@notgmail.com"),
        ("common", "J.Doe@gmail.com ", "j.doe@gmail.com"),
        ("common", "\u00a0Ünal@Example.COM", "ünal@example.com"),
    ],
)
def test_addresses_are_normalised_before_they_are_hashed(rules: str, text: str, normal: str) -> None:
    assert run([text], {"sha256-email": {"rules": rules}}) == [sha(normal)]


@pytest.mark.parametrize("text", [None, "", "   ", "nobody", "@", "a@", "@b", "a@b@c", "a b@c.de"])
def test_what_is_no_address_has_no_hash(text: str | None) -> None:
    assert run([text], "sha256-email") == [None]


@pytest.mark.parametrize(
    ("text", "settings", "normal"),
    [
        ("+49 (0)30 1234567", {}, "+49301234567"),
        ("0049-30/123.4567", {}, "+49301234567"),
        ("030 1234567", {"country": "49"}, "+49301234567"),
        ("+1 657 777 0000", {"country": "49"}, "+16577770000"),
        ("0049 30 1234567", {"rules": "meta"}, "49301234567"),
        ("030 1234567", {}, None),
        ("call me", {"country": "49"}, None),
        ("12", {"country": "1"}, None),
        ("+1234567890123456", {}, None),
        ("+49 30 123 ext 5", {}, None),
        ("", {"country": "1"}, None),
    ],
)
def test_numbers_are_normalised_or_have_no_hash(text: str, settings: dict[str, str], normal: str | None) -> None:
    assert run([text], {"sha256-phone": settings}) == [sha(normal) if normal else None]


@given(st.lists(st.none() | st.text(max_size=40), max_size=8))
def test_hashes_are_those_of_hashlib_and_hmac(values: list[str | None]) -> None:
    assert run(values, "sha256") == [None if each is None else sha(each) for each in values]
    keyed = [None if each is None else hmac.new(KEY.encode(), each.encode(), "sha256").hexdigest() for each in values]
    assert run(values, {"hmac": {"secret": {"fromEnv": "K"}}}) == keyed


def test_other_types_are_hashed_as_they_are_written() -> None:
    assert run([12, None], "sha256", "long") == [sha("12"), None]
    assert run([date(2026, 12, 2)], "sha256", "date") == [sha("2026-12-02")]
    assert run([datetime(2026, 12, 2, 1, tzinfo=UTC)], "sha256", "timestamp") == [sha("2026-12-02T01:00:00.000000Z")]


def test_a_short_key_is_refused_and_not_shown() -> None:
    with pytest.raises(AccountError) as caught:
        run(["a"], {"hmac": {"secret": {"fromEnv": "K"}}}, key="short-key")
    assert caught.value.code == "A107"
    assert "short-key" not in str(caught.value)


def test_a_key_is_not_part_of_the_expression() -> None:
    of = ExportColumn(
        column="a",
        name="b",
        type="string",
        transform=steps(TRANSFORM.validate_python({"hmac": {"secret": {"fromEnv": "K"}}})),
    )
    made = leaving(of, "string", lambda _: Secret(KEY))
    assert KEY not in str(made)
    assert KEY not in pl.LazyFrame({"a": ["x"]}).select(made).explain()


@pytest.mark.parametrize(
    ("settings", "text", "masked"),
    [
        ({}, "secret", "******"),
        ({"keepFirst": 2}, "SW1A 1AA", "SW******"),
        ({"keepFirst": 1, "keepLast": 4, "with": "x"}, "4111111111111111", "4xxxxxxxxxxx1111"),
        ({"keepFirst": 2, "keepLast": 2}, "abcd", "****"),
        ({"keepLast": 1}, "aé\n😀", "***😀"),
        ({"with": "$"}, "ab", "$$"),
        ({}, "", ""),
    ],
)
def test_masks_keep_the_ends_and_never_all(settings: dict[str, Any], text: str, masked: str) -> None:
    assert run([text, None], {"mask": settings}) == [masked, None]


def test_times_are_written_in_their_zone() -> None:
    at = [datetime(2026, 12, 31, 23, 30, 5, 42, tzinfo=UTC), None]
    assert run(at, {"time": {"format": "%d.%m.%Y %H:%M", "timezone": "Europe/Berlin"}}, "timestamp") == [
        "01.01.2027 00:30",
        None,
    ]
    assert run(at, {"time": {"format": "%S.%f %z %s %%"}}, "timestamp") == ["05.000042 +0000 1798759805 %", None]
    assert run([date(2026, 1, 2)], {"time": {"format": "%j/%y"}}, "date") == ["002/26"]


def test_steps_are_taken_in_order() -> None:
    assert run([" A.B@C.de "], ["trim", "lower", {"mask": {"keepFirst": 1}}]) == ["a*******"]


def test_rows_without_a_required_value_stay_and_are_counted(tmp_path: Path) -> None:
    from reconciler.datasets.base import Access
    from reconciler.export.job import ExportJob
    from reconciler.export.polars_engine import PolarsEngine
    from reconciler.resources.formats import Files, ParquetFormat
    from tests.export.support import FileSink, dataset, files_of, rows_of

    rows = {"id": ["a", "b", "c", "d"], "email": ["A@b.de", "nothing", None, "d@e.fr"], "score": [1.0, 1.0, 1.0, 0.0]}
    (tmp_path / "lake").mkdir()
    pl.DataFrame(rows).write_parquet(tmp_path / "lake" / "a.parquet")
    job = ExportJob(
        dataset=dataset(columns={"id": "string", "email": "string", "score": "double"}),
        files=files_of(tmp_path / "lake"),
        where="score > 0.5",
        columns=(
            ExportColumn(column="id", name="id", type="string"),
            ExportColumn(column="email", name="hash", type="string", transform=("sha256-email",), required=True),
            ExportColumn(name="campaign", type="string", constant="x"),
        ),
        format=ParquetFormat(type="parquet"),
        output=Files(),
    )
    out = tmp_path / "out.parquet"
    result = PolarsEngine().export(
        job, Access(str(tmp_path / "lake")), lambda _: FileSink(out), lambda _: None, lambda: False
    )
    assert (result.read, result.matched, result.exported, dict(result.excluded)) == (4, 3, 1, {"missing": 2})
    assert rows_of([out]) == [{"id": "a", "hash": sha("a@b.de"), "campaign": "x"}]


def test_constants_alone_leave_once_a_row(tmp_path: Path) -> None:
    from reconciler.datasets.base import Access
    from reconciler.export.job import ExportJob
    from reconciler.export.polars_engine import PolarsEngine
    from reconciler.resources.formats import Files, JsonFormat
    from tests.export.support import FileSink, dataset, files_of

    (tmp_path / "lake").mkdir()
    pl.DataFrame({"id": ["a", None, "c"]}).write_parquet(tmp_path / "lake" / "a.parquet")
    job = ExportJob(
        dataset=dataset(columns={"id": "string"}),
        files=files_of(tmp_path / "lake"),
        where=None,
        columns=(
            ExportColumn(name="n", type="long", constant=7),
            ExportColumn(name="y", type="boolean", constant=True),
        ),
        format=JsonFormat(type="json", compression="none"),
        output=Files(),
    )
    out = tmp_path / "out.json"
    PolarsEngine().export(job, Access(str(tmp_path / "lake")), lambda _: FileSink(out), lambda _: None, lambda: False)
    assert out.read_text().splitlines() == ['{"n":7,"y":true}'] * 3
