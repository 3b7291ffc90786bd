"""Regular expressions: what is allowed means the same to both engines and to Python's; the rest is refused."""

from __future__ import annotations

import re

import duckdb
import polars as pl
import pytest

from reconciler.where.regex import portable

# fmt: off
TEXTS = [
    "", "a", "abc", "a\nb", "ä", "e\u0301", "\u00e9", "123", "a-b_c", "\U0001f600", "x.y@z.com", "aaa", "\u017f", "\u212a",
    "a\r\n", "\u2028", "\u0663", "_", "[", "\\",
]
ALLOWED = [
    "a", "^a$", "a.b", "^.$", r"\d+", r"^\w+$", "[^a]", "[a-c]{2,3}", "(a|b)+?", r"^(?:[^@]+@[^@]+\.)[a-z]{2,}$", r"\D", r"\S\s",
    "", "|a", "()", r"[\d\-a]", "a{0}", r"^[^\W]$", r"[a\]]", "$^", "(((a)))*", r"[\W]", r"[^\s\S]", "a{1,}", r"\[", r"[\\]",
    r"\n", "[a-]", "[-a]",
]
REFUSED = {
    "a**": "behind another", "a{2}{3}": "behind another", "(": "isn't closed", "(a": "isn't closed", ")": "no ( before it",
    "[": "isn't closed", "[]": "is empty", "[^]": "is empty", "[a": "isn't closed", "a\\": "isn't allowed", r"\b": r"\b isn't allowed",
    r"\p{L}": r"\p isn't allowed", "(?i)a": "flags", "(?=a)": "looking ahead", "(?<n>a)": "names", "[[:alpha:]]": "Sets in sets",
    "[z-a]": "to a later one", "*": "nothing before", "{2}": "nothing before", "a{x}": "{3,5}", "a{5,2}": "smaller to a larger",
    "a{501}": "500 at most", "(a{500}){3}": "1,000 characters", "(?:(?:){500}){500}": "1,000 characters", "(" * 21: "20 levels",
    "a" * 1001: "1,000 characters", r"\1": r"\1 isn't allowed", r"\x41": r"\x isn't allowed", "^*": "can't be repeated",
    r"[a-\d]": "to a later one", "a{": "{3,5}",
}
# fmt: on


@pytest.mark.parametrize("pattern", ALLOWED)
def test_engines_agree(pattern: str) -> None:
    rows = pl.DataFrame({"text": TEXTS})
    engine = portable(pattern)
    mine = rows.select(pl.col("text").str.contains(engine)).to_series().to_list()
    connection = duckdb.connect()
    connection.register("rows_view", rows.to_arrow())
    theirs = connection.execute("SELECT regexp_matches(text, $p) FROM rows_view", {"p": engine}).fetchall()
    assert mine == [each for (each,) in theirs]
    # Python's $ also matches before a last line break.
    wanted = re.compile(pattern.replace("$", "\\Z"), re.ASCII)
    assert mine == [bool(wanted.search(text)) for text in TEXTS]


@pytest.mark.parametrize("pattern", REFUSED, ids=lambda text: text[:20])
def test_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        portable(pattern)
    assert REFUSED[pattern] in str(caught.value)


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|a)*b", "(.*)*x", "(?:[^b]{100}){9}c"])
def test_no_pattern_takes_more_than_linear_time(pattern: str) -> None:
    # Where engines backtrack, one of these would not come back.
    rows = pl.DataFrame({"text": ["a" * 200_000 + "!"]})
    assert rows.select(pl.col("text").str.contains(portable(pattern))).item() is False
    connection = duckdb.connect()
    connection.register("rows_view", rows.to_arrow())
    found = connection.execute("SELECT regexp_matches(text, $p) FROM rows_view", {"p": portable(pattern)}).fetchone()
    assert found == (False,)
