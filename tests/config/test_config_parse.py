"""YAML text to documents: what is refused with which code where, and that places are true."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config import nodes
from reconciler.config.parse import parse
from reconciler.diagnostics import Diagnostic
from tests.config.support import marked


def refused(text: str | bytes) -> list[tuple[str, int, int]]:
    raw = text if isinstance(text, bytes) else text.encode()
    return [(each.code, each.source.line, each.source.column) for each in parse(raw, "x.yaml")[1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"\xef\xbb\xbfa: 1", [("Y102", 1, 1)]),
        ("a: b".encode("utf-16"), [("Y102", 1, 1)]),
        ("a: b".encode("utf-16-le"), [("Y102", 1, 1)]),
        ("a: b".encode("utf-32"), [("Y102", 1, 1)]),
        (b"a: 1\nb: \xff", [("Y102", 2, 4)]),
        (b"a: b\nc: \x00", [("Y103", 2, 4)]),
        ("a: \x1b[31m", [("Y103", 1, 4)]),
        ("a: 1\rb: 2", [("Y103", 1, 5)]),
        ("# note\u2028a: 1", [("Y103", 1, 7)]),
        ("# note\u0085a: 1", [("Y103", 1, 7)]),
        ("a\u200b: 1\n\u202eb: 2", [("Y104", 1, 2), ("Y104", 2, 1)]),
        ("a: x\u200dy", [("Y104", 1, 5)]),
        ('"a\\u200b": 1', [("Y104", 1, 1)]),
        ('a: "\\0"', [("Y103", 1, 4)]),
        ("a: [1", [("Y105", 2, 1)]),
        ("a: b: c", [("Y105", 1, 5)]),
        ("\ta: 1", [("Y105", 1, 1)]),
        ("a: 1\nb: 2\na: 3\na: 4", [("Y106", 3, 1), ("Y106", 4, 1)]),
        ("a: {b: 1, 'b': 2}", [("Y106", 1, 11)]),
        ("1: a", [("Y107", 1, 1)]),
        ("true: a\n~: b\n? [x]\n: c", [("Y107", 1, 1), ("Y107", 2, 1), ("Y107", 3, 3)]),
        ("a: !!str 1", [("Y108", 1, 4)]),
        ("a: !!python/object:os.system x", [("Y108", 1, 4)]),
        ("a: !x {b: 1}", [("Y108", 1, 4)]),
        ("a: *b", [("Y110", 1, 4)]),
        ("a: &a [*a]", [("Y110", 1, 8)]),
        ("a: &a {b: *a}", [("Y110", 1, 11)]),
        ("a: &x 1\nb: &x 2", [("Y110", 2, 4)]),
        ("<<: {a: 1}", [("Y112", 1, 1)]),
        ("a: .nan\nb: 99999999999999999999", [("Y113", 1, 4), ("Y113", 2, 4)]),
        ("- a", [("Y114", 1, 1)]),
        ("just text", [("Y114", 1, 1)]),
        ("--- a\n--- [b]\n", [("Y114", 1, 5), ("Y114", 2, 5)]),
        ("%TAG ! x:\n---\na: 1", [("Y115", 1, 1)]),
        ("%YAML 1.1\n---\na: 1", [("Y115", 1, 1)]),
    ],
)
def test_refused(text: str | bytes, expected: list[tuple[str, int, int]]) -> None:
    assert refused(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment",
        "---\n---\n...\n",
        "%YAML 1.2\n---\na: 1",
        "a: 1\r\nb: 2\r\n",
        "d: \U0001f469\u200d\U0001f4bb",
        '"<<": 1',
    ],
)
def test_accepted(text: str) -> None:
    assert refused(text) == []


def test_every_document_of_a_file_is_read() -> None:
    documents, findings = parse(b"a: 1\n---\n---\nb: 2\n...\n# note\n---\nc: &x [1]\nd: *x\n", "x.yaml")
    assert findings == []
    assert [each.data for each in documents] == [{"a": 1}, {"b": 2}, {"c": [1], "d": [1]}]
    assert [each.top.line for each in documents] == [1, 3, 7]


def test_a_bad_document_does_not_hide_the_others() -> None:
    documents, findings = parse(b"a: 1\na: 2\n---\nb: 2\n---\n- c\n---\nd: 4", "x.yaml")
    assert [each.code for each in findings] == ["Y106", "Y114"]
    assert [each.data for each in documents] == [{"b": 2}, {"d": 4}]


def test_nesting_is_bounded_also_through_aliases() -> None:
    assert refused("a: " + "[" * 31 + "]" * 31) == []
    assert refused("a: " + "[" * 32 + "]" * 32) == [("Y109", 1, 35)]
    deep = "[" * 20 + "]" * 20
    assert refused(f"a: &a {deep}\nb: {'[' * 12}*a{']' * 12}")[0][0] == "Y109"


def test_expansion_is_bounded() -> None:
    few = ", ".join(["*a"] * 1000)
    assert refused(f"a: &a [1]\nb: [{few}]") == []
    assert refused(f"a: &a [{'1, ' * 200}]\nb: [{few}]")[0][0] == "Y111"


def test_problems_of_one_file_are_bounded() -> None:
    assert len(refused("".join(f"{number}: x\n" for number in range(2000)))) == nodes.MAX_PROBLEMS


def test_places_of_paths() -> None:
    text = "# top\na:\n  - b: one two\n    c: {d: 5}\n---\nk: v\nlist: [x, 'y z']\n"
    first, second = parse(text.encode(), "dir/x.yaml")[0]
    for document, path, key, expected in (
        (first, ("a", 0, "b"), False, "one two"),
        (first, ("a", 0, "c", "d"), False, "5"),
        (first, ("a", 0, "c"), True, "c"),
        (first, ("a", 0, "missing"), False, "b: one two"),
        (second, ("k",), False, "v"),
        (second, ("list", 1), False, "'y z'"),
        (second, ("list", 1), True, "'y z'"),
    ):
        source = document.at(path, key=key)
        assert source.path == "dir/x.yaml"
        assert marked(text, Diagnostic(source, "", "", "")) == expected


@pytest.mark.parametrize(
    "written",
    [
        "k: country = 'US' AND needle >= 1",
        "k: \"country = 'US' AND needle >= 1\"",
        "k: 'country = ''US'' AND needle >= 1'",
        "k: |\n  country = 'US'\n  AND needle >= 1",
        "k: |-\n    country = 'US'\n\n      AND needle >= 1",
        "k: >\n  country = 'US'\n  AND\n  needle >= 1",
        "k: country = 'US'\n  AND needle\n  >= 1",
        "k: 'country = ''US''\n\n  AND needle >= 1'",
        "k: {a: 1, b: x, needle: 2}",
        "first: x\n---\nk: >-\n  a\n  needle",
    ],
)
def test_places_inside_of_text(written: str) -> None:
    document = parse(written.encode(), "x.yaml")[0][-1]
    value = document.data["k"]
    if isinstance(value, dict):
        assert document.inside(("k",), 3, 6) == document.at(("k",))
        return
    source = document.inside(("k",), value.index("needle"), len("needle"))
    assert marked(written, Diagnostic(source, "", "", "")) == "needle"


def test_place_inside_of_escaped_text_is_its_start() -> None:
    document = parse(b'k: "a\\tb needle"', "x.yaml")[0][0]
    assert document.inside(("k",), 4, 6) == document.at(("k",))


@given(st.lists(st.text("ab '\n:#-", min_size=1, max_size=8), min_size=1, max_size=4), st.sampled_from(["|", ">", "'"]))
def test_every_visible_character_is_found_where_it_stands(lines: list[str], style: str) -> None:
    body = "\n".join(lines)
    if style == "'":
        written = "k: '" + body.replace("'", "''").replace("\n", "\n\n  ") + "'"
    else:
        written = f"k: {style}2\n" + "\n".join(f"  {line}" for line in body.split("\n"))
    documents, findings = parse(written.encode(), "x.yaml")
    if findings or not documents or not isinstance(documents[0].data["k"], str):
        return
    value = documents[0].data["k"]
    rows = written.split("\n")
    for offset, char in enumerate(value):
        if not char.isspace():
            source = documents[0].inside(("k",), offset, 1)
            assert rows[source.line - 1][source.column - 1] == char


@given(st.binary(max_size=60))
def test_any_bytes_end_in_documents_or_findings(raw: bytes) -> None:
    documents, findings = parse(raw, "x.yaml")
    assert isinstance(documents, list)
    assert all(each.source.line >= 1 and each.source.column >= 1 for each in findings)


@given(st.text("ab:-[]{}&*!|>'\"%#,? \n0.~<", max_size=40))
def test_any_yaml_like_text_ends_in_documents_or_findings(text: str) -> None:
    documents, _ = parse(text.encode(), "x.yaml")
    for document in documents:
        assert document.at(()).line >= document.top.line
