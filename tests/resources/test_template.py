"""Name templates: the closed list of macros, what is refused and with which code."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.resources.formats import DEFAULT_FOLDER, DEFAULT_NAME
from reconciler.resources.template import (
    MACROS,
    TemplateError,
    TemplateValues,
    check_folder,
    check_name,
    check_pair,
    check_path,
    parse_template,
)

VALUES = TemplateValues(
    "agency",
    "us",
    "us-id",
    datetime(2026, 12, 2, 3, 4, tzinfo=UTC),
    "r0123456789abcdef",
    7,
    "gz.parquet",
)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        (DEFAULT_FOLDER, "us-id/exportTime=202612020304"),
        (DEFAULT_NAME, "part-00007-r0123456789abcdef-c000.gz.parquet"),
        ("{destination}/{source}/{slot}", "agency/us/202612020304"),
        ("{slot:%Y/%m/%d}", "2026/12/02"),
        ("{slot:%y.%j_%H:%M}", "26.336_03:04"),
        ("plain", "plain"),
        ("größe-{part}", "größe-00007"),
    ],
)
def test_renders(text: str, rendered: str) -> None:
    assert parse_template(text).render(VALUES) == rendered


def test_an_on_demand_slot_is_followed_by_its_run() -> None:
    values = TemplateValues("d", "s", "s", VALUES.slot, VALUES.run_id, on_demand=True)
    assert parse_template(DEFAULT_FOLDER).render(values) == "s/exportTime=202612020304-r0123456789abcdef"


def test_more_parts_than_five_digits_keep_their_number() -> None:
    values = TemplateValues("d", "s", "s", VALUES.slot, VALUES.run_id, part=123456)
    assert parse_template("{part}").render(values) == "123456"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{nope}", "T101"),
        ("{source.__class__}", "T101"),
        ("{source[0]}", "T101"),
        ("{source!r}", "T101"),
        ("{part:05d}", "T101"),
        ("{}", "T101"),
        ("{0}", "T101"),
        ("{ source }", "T101"),
        ("{source", "T102"),
        ("source}", "T102"),
        ("{{source}}", "T102"),
        ("{slot:{part}}", "T102"),
        ("{slot:}", "T103"),
        ("{slot:%s}", "T103"),
        ("{slot:%Y%Z}", "T103"),
        ("{slot:--}", "T103"),
        ("{slot:%Yx}", "T103"),
        ("{slot:%}", "T103"),
    ],
)
def test_refuses_to_parse(text: str, code: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse_template(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("folder", "code"),
    [
        ("{source_id}/{part}", "T104"),
        ("../{source_id}", "T105"),
        ("/{source_id}", "T105"),
        ("{source_id}/", "T105"),
        ("{source_id}//x", "T105"),
        ("{source_id}/./x", "T105"),
        ("a\\b", "T105"),
        ("a\nb", "T105"),
        (".{source_id}", "T105"),
        ("_{source_id}/x", "T105"),
        ("{slot:/%Y}", "T105"),
        ("{slot:..}/{source}", "T103"),
        ("a{slot:/../%Y}", "T105"),
        ("x" * 241, "T105"),
        ("{source}" * 5, "T105"),
    ],
)
def test_refuses_a_folder(folder: str, code: str) -> None:
    with pytest.raises(TemplateError) as caught:
        check_folder(parse_template(folder))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("x.{ext}", "T104"),
        ("{part}", "T104"),
        ("a/{part}.{ext}", "T105"),
        ("{slot:%Y/%m}-{part}.{ext}", "T105"),
        ("_{part}.{ext}", "T105"),
    ],
)
def test_refuses_a_name(name: str, code: str) -> None:
    with pytest.raises(TemplateError) as caught:
        check_name(parse_template(name))
    assert caught.value.code == code


def test_a_pair_tells_runs_and_flows_apart() -> None:
    check_pair(parse_template(DEFAULT_FOLDER), parse_template(DEFAULT_NAME))
    check_pair(parse_template("{source}-{run_id}"), parse_template("{part}.{ext}"))
    for folder, name in (("{source}", "{part}.{ext}"), ("x", "{run_id}-{part}.{ext}")):
        with pytest.raises(TemplateError, match="without it"):
            check_pair(parse_template(folder), parse_template(name))


def test_the_defaults_are_valid() -> None:
    check_folder(parse_template(DEFAULT_FOLDER))
    check_name(parse_template(DEFAULT_NAME))


@given(
    st.lists(
        st.one_of(
            st.sampled_from([f"{{{name}}}" for name in MACROS]),
            st.text(alphabet="ab-=/ü", max_size=4),
        )
    )
)
def test_rendering_equals_naive_replacement(pieces: list[str]) -> None:
    text = "".join(pieces)
    expected = re.sub(
        r"\{(\w+)\}",
        lambda found: {"slot": "202612020304", "part": "00007"}.get(found[1]) or str(getattr(VALUES, found[1])),
        text,
    )
    assert parse_template(text).render(VALUES) == expected


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused_with_a_code(text: str) -> None:
    code = ""
    try:
        check_folder(parse_template(text))
    except TemplateError as error:
        code = error.code
    assert code in {"", "T101", "T102", "T103", "T104", "T105"}


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b.c", "\\", "_x", "\x00"]), max_size=5))
def test_what_passes_as_a_path_stays_below_its_root(segments: list[str]) -> None:
    path = "/".join(segments)
    try:
        check_path(path)
    except TemplateError:
        return
    assert all(segment in ("a", "b.c") for segment in segments)
