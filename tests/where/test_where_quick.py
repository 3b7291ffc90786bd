"""Reading without the SQL parser: whatever it gives is what the parser gives."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot.parser import Parser
from sqlglot.tokens import Tokenizer

from reconciler.where import Checked, Tree, check
from reconciler.where.allow import allowed
from reconciler.where.functions import BY_NAME
from reconciler.where.parse import parse
from reconciler.where.problems import Refused
from reconciler.where.quick import quick_tree
from reconciler.where.words import SQL_WORDS
from tests.where.test_where import CANONICAL, COLUMNS, REFUSED

WORDS = {word.upper() for phrase in Tokenizer.KEYWORDS for word in re.findall(r"[A-Za-z_]\w*", phrase)}
SPECIAL = {*Parser.FUNCTIONS, *Parser.FUNCTION_PARSERS, *Parser.NO_PAREN_FUNCTION_PARSERS, *BY_NAME}
PIECES = (
    "country", "active", "age", "id", "born", "seen", "date", "price", '"a b"', '"country"', "Country", "a", "e", "n",
    "'US'", "'it''s'", "''", "'2026-01-01'", "'a", "1", "0", "007", "1.50", ".5", "1.", "1e3", "0x1F", "1_0", "TRUE", "false",
    "NULL", "null", "date '2026-01-01'", "DATE", "TIMESTAMP", "timestamp '2026-01-01 10:00:00'", "IN", "in (1, 2)", "IN ('a')",
    "IN (-1)", "BETWEEN", "between 1 and 2", "LIKE", "like 'a%'", "ilike 'b_'", "ESCAPE 'x'", "IS", "is null", "IS NOT TRUE",
    "NOT", "not", "AND", "OR", "and", "or", "=", "<>", "!=", "<", "<=", ">", ">=", "==", "<=>", "->", "<-", "+", "-", "*",
    "--", "/", "%", "||", "|", "(", ")", ",", ".", ";", ":", "::", "?", "@", "[", "]", "{", "}", "#", "/* x */", "-- x\n", "\n",
    "LOWER(", "lower(country)", "YEAR(born)", "COALESCE(country, 'x')", "CONTAINS(country, 'x')", "ABS(-1)", "rand()", "if",
    "case", "when", "then", "any", "exists", "select", "interval", "interval '1' day", "cast(", "as int)", "as", "end",
    "distinct from", "home", ".city", "int", "é", "\u00a0", "\t", "\\", "$1", "`x`",
)  # fmt: skip


def by_parser(text: str) -> Tree | None:
    try:
        found = allowed(parse(text, COLUMNS), text)
    except Refused:
        return None
    return None if isinstance(found, list) else found


def agrees(text: str) -> bool:
    """Whether the quick reader knew it; if so, the parser said the same."""
    found = quick_tree(text, COLUMNS)
    if found is not None:
        assert found == by_parser(text), text
        assert repr(found) == repr(by_parser(text)), text  # 1 == True
    return found is not None


def test_the_corpus() -> None:
    assert sum(agrees(text) for text in CANONICAL) > 15
    assert sum(agrees(text) for text in CANONICAL.values()) > 15
    for text in REFUSED:
        agrees(text)


def test_every_word_that_the_parser_knows_is_left_to_it() -> None:
    assert WORDS <= SQL_WORDS
    for word in sorted(WORDS | SPECIAL):
        columns = {word: COLUMNS["country"], word.lower(): COLUMNS["country"]}
        for text in (f"{word} = 'x'", f"{word.lower()} = 'x' AND {word} IS NOT NULL", f"{word}"):
            found = quick_tree(text, columns)
            assert found is None or found == allowed(parse(text, columns), text), text


@pytest.mark.parametrize(
    "text",
    [
        "country = 'US' AND intent_score >= 0.7",
        "NOT active OR (age + 1) * 2 - id > -3 AND born BETWEEN DATE '2026-01-01' AND '2026-12-31'",
        "lower(trim(country)) || 'x' NOT IN ('de', 'at') AND seen >= TIMESTAMP '2026-01-01T00:00:00Z'",
        "active IS NOT TRUE AND country NOT LIKE 'a%' AND NOT (country ILIKE 'b%' OR (age IS NULL AND id IS NOT NULL))",
        "\"a b\" = 1 AND COALESCE(age, id, 0) <> 7 AND contains(country, 'it''s') AND YEAR(born) = 2026",
    ],
)
def test_what_people_write_is_plain(text: str) -> None:
    assert agrees(text)


@pytest.mark.parametrize(
    "text",
    [
        "1a = 1", "age = 1AND active", "country = 'a'AND active", "DATE'2026-01-01' = born", "n'x' = country",
        "age = 1 = active", "age < id < 3", "country LIKE 'a' ESCAPE 'b'", "age IN (1, id)", "age IN (NULL)", "age IN ()",
        "country = NULL", "age = - id", "age = +1", "age = - -1", "age=-1", "age--1\n = 1", "(age, id) = (1, 2)", "active -- x",
        "country = 'a' 'b'", "country = 'a\\'b'", "age.id = 1", "LOWER(country, 'x') = 'y'", "COALESCE(age) = 1", "if = 1",
        "(((((((active)))))))", "NOT " * 9 + "active", "age" + " + 1" * 9 + " = 1", "active\u00a0AND active", "caf\u00e9 = 1",
        "active OR " * 500 + "active", "born = DATE '2026-02-30'", "age = " + "1" * 31, "country = '", "", " ", "active;",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_the_parser(text: str) -> None:
    columns = {**COLUMNS, "if": COLUMNS["age"]}
    assert quick_tree(text, columns) is None


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(("", " ", " ", " ", "\n"))), max_size=14))
def test_any_row_of_pieces(pieces: list[tuple[str, str]]) -> None:
    agrees("".join(piece + gap for piece, gap in pieces))


values = st.sampled_from(
    ("age", "id", "1", "2.50", "-1", "ABS(age)", "(age + id)", "age * 2", "id - 1", "age + 1 * id", "LENGTH(country)")
)
texts = st.sampled_from(
    ("country", "'US'", "''", "LOWER(country)", "country || 'x' || country", "(country)", "UPPER('a')")
)
predicates = st.one_of(
    st.builds("{} {} {}".format, values, st.sampled_from(("=", "<>", "!=", "<", "<=", ">", ">=")), values),
    st.builds(
        "{} {} {}".format, texts, st.sampled_from(("=", "<>", "IS NOT NULL AND 'a' <", "ILIKE 'x%' OR 'b' >=")), texts
    ),
    st.builds("{} {}".format, texts, st.sampled_from(("IS NULL", "is not null", "LIKE 'a%'", "NOT IN ('a', 'b')"))),
    st.builds("{} {} {} AND {}".format, values, st.sampled_from(("BETWEEN", "not between")), values, values),
    st.builds("{} {}".format, values, st.sampled_from(("IN (1)", "NOT IN (-1, 2.5)", "IS NULL"))),
    st.sampled_from(("active", "TRUE", "active IS NOT FALSE", "born < DATE '2026-01-01'", "MONTH(seen) = 2")),
)
conditions = st.recursive(
    predicates,
    lambda inner: st.one_of(
        st.builds("{} AND {}".format, inner, inner),
        st.builds("{} OR {}".format, inner, inner),
        st.builds("NOT {}".format, inner),
        st.builds("({})".format, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=250, deadline=None)
@given(conditions)
def test_any_sound_condition(text: str) -> None:
    agrees(text)
    found = check(text, COLUMNS)
    if isinstance(found, Checked):
        assert quick_tree(found.text, COLUMNS) in (None, by_parser(found.text))


def test_findings_are_the_parsers(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = {text: check(text, COLUMNS, dataset="prospects") for text in (*REFUSED, *CANONICAL)}
    monkeypatch.setattr("reconciler.where.quick.quick_tree", lambda text, columns: None)
    for text, found in quick.items():
        assert check(text, COLUMNS, dataset="prospects") == found, text


def test_a_plain_expression_needs_no_parser() -> None:
    code = (
        "import sys; from reconciler.where import check; from reconciler.values.types import Flat\n"
        "assert check(\"a = 'x'\", {'a': Flat('string')}).text == \"a = 'x'\"\n"
        "sys.exit('sqlglot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
