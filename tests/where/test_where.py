"""What `where` takes and what it says of the rest: code, marked text and a part of the detail."""

from __future__ import annotations

import subprocess
import sys

import pytest

from reconciler.export.translate import expression
from reconciler.values.types import parse_type
from reconciler.where import Checked, check

COLUMNS = {
    name: parse_type(of)
    for name, of in {
        "country": "string", "intent_score": "double", "active": "boolean", "age": "int", "id": "long", "born": "date",
        "seen": "timestamp", "date": "date", "price": "decimal(38,2)", "tags": "list<string>", "raw": "binary", "a b": "int",
    }.items()
}  # fmt: skip

CANONICAL = {
    "country='US'": "country = 'US'",
    "(((country) = ('US')))": "country = 'US'",
    "country != 'US'": "country <> 'US'",
    "\"country\" = 'O''Hara'": "country = 'O''Hara'",
    '"a b" = +1': '"a b" = 1',
    "date = '2026-01-01'": "\"date\" = DATE '2026-01-01'",
    "born > '2026-01-01' and seen <= '2026-01-01T00:00:00+02:00'": "born > DATE '2026-01-01' AND seen <= TIMESTAMP '2025-12-31 22:00:00'",
    "'2026-01-01' < born": "DATE '2026-01-01' < born",
    "born between '2026-01-01' and '2026-02-01'": "born BETWEEN DATE '2026-01-01' AND DATE '2026-02-01'",
    "active and (age > 1 and age < 3)": "active AND age > 1 AND age < 3",
    "active and (age > 1 or age < 3)": "active AND (age > 1 OR age < 3)",
    "not (active or active)": "NOT (active OR active)",
    "not active = active": "NOT (active = active)",
    "not (country is null)": "country IS NOT NULL",
    "not country like 'a%'": "country NOT LIKE 'a%'",
    "lower(trim(country)) in ('de','at')": "LOWER(TRIM(country)) IN ('de', 'at')",
    "age - (id - 1) > - (-1)": "age - (id - 1) > -(-1)",
    "(age - id) - 1 > 1e3": "age - id - 1 > 1000",
    "age = 0.50": "age = 0.50",
    "true": "TRUE",
}

REFUSED = {
    # text: ((code, marked text, part of the detail), ...)
    'country = "US" AND intent_scor >= 0.7': (
        (
            "R203",
            '"US"',
            "\"US\" in double quotes names a column, and dataset prospects has none of that name. For text, write 'US'.",
        ),
        ("R203", "intent_scor", "Dataset prospects has no column intent_scor. Did you mean intent_score?"),
    ),
    "zebra = 1": (("R203", "zebra", "Declared: country, intent_score"),),
    "Country = 'US'": (("R203", "Country", "Did you mean country?"),),
    "read_text('/etc/passwd') = 'x'": (("R202", "read_text", "The function read_text isn't allowed"),),
    "active; active": (("R202", ";", "one expression"),),
    "active;": (("R202", ";", "one expression"),),
    "active -- x": (("R201", "active", "Comments"),),
    "active /* x */ AND active": (("R201", "active", "Comments"),),
    "country IN (SELECT 1)": (("R202", "SELECT", "SELECT isn't allowed"),),
    "EXISTS (SELECT 1)": (("R202", "EXISTS", "EXISTS isn't allowed"),),
    "sum(age) OVER () > 1": (("R202", "OVER", "OVER isn't allowed"),),
    "now() > seen": (("R202", "now", "The function now"),),
    "current_date > born": (("R202", "current_date", "isn't allowed"),),
    "random() > 0.5": (("R202", "random", "The function random"),),
    "lowr(country) = 'x'": (("R202", "lowr", "Did you mean LOWER?"),),
    "age::string = 'x'": (("R202", "::", "isn't allowed"),),
    "CAST(age AS string) = 'x'": (("R202", "AS", "isn't allowed"),),
    "age / 2 > 1": (("R202", "/", "isn't allowed"),),
    "prospects.age > 1": (("R202", ".", "isn't allowed"),),
    "tags[1] = 'x'": (("R202", "[", "isn't allowed"),),
    "country LIKE country": (("R202", "country", "pattern in single quotes"),),
    "age IN (id)": (("R202", "id", "not columns"),),
    'country IN ("US")': (("R202", '"US"', "For text, write 'US'."),),
    "age IS 5": (("R202", "age", "IS takes NULL, TRUE or FALSE"),),
    "rand() > 1 AND now() > seen": (("R202", "rand", "rand"), ("R202", "now", "now")),
    "country = NULL": (("R204", "country", "IS NULL"),),
    "country NOT IN ('a', NULL)": (("R204", "", "NULL"),),
    "age = 'x'": (("R204", "'x'", "age is int, 'x' is string. Write the number without quotes."),),
    "country = 5": (("R204", "5", "For text, write '5'."),),
    "active = 1": (("R204", "1", "active IS TRUE"),),
    "active < TRUE": (("R204", "active < TRUE", "no order"),),
    "born = 2026": (("R204", "2026", "DATE '2026-12-31'"),),
    "born = '2026-13-01'": (("R204", "'2026-13-01'", "no date"),),
    "born = DATE '2026-02-30'": (("R204", "'2026-02-30'", "no date"),),
    "seen = 'x'": (("R204", "'x'", "no time"),),
    "seen = '9999-12-31T23:59:59-23:00'": (("R204", "'9999-12-31T23:59:59-23:00'", "no time"),),
    "tags = tags": (("R204", "tags", "can't be compared"),),
    "raw = 'x'": (("R204", "raw", "can't be compared"),),
    "LOWER(age) = 'x'": (("R204", "age", "LOWER takes text"),),
    "YEAR(country) = 1": (("R204", "YEAR(country", "takes a date"),),
    "country + 1 = 2": (("R204", "country", "+ takes numbers"),),
    "LOWER(country, 'x') = 'x'": (("R201", ")", "can't be read"),),
    "TRIM(country, 'x') = 'x'": (("R204", "country, 'x'", "TRIM takes one argument"),),
    "COALESCE(age) = 1": (("R204", "COALESCE(age", "two arguments"),),
    "NOT age": (("R204", "age", "a condition is needed"),),
    "price * price > 1": (("R205", "price * price", "76 digits"),),
    "price = 0.001": (("R204", "0.001", "too many digits"),),
    "age = 1e999": (("R205", "1e999", "38 digits"),),
    "age": (("R206", "age", "age is int, but a condition is needed"),),
    "'x'": (("R206", "'x'", "a condition is needed"),),
    "": (("R201", "", "write TRUE"),),
    "country = ": (("R201", "=", "can't be read"),),
    "country = 'x": (("R201", "country = 'x", "isn't closed"),),
    "(active": (("R201", "active", "can't be read"),),
    "active)": (("R201", ")", "can't be read"),),
    "active active": (("R201", "active", "can't be read"),),
    "(" * 3000 + "active" + ")" * 3000: (("R205", "(", "levels at most"),),
    "(" * 21 + "active" + ")" * 21: (("R205", "(", "levels at most"),),
    "NOT " * 3000 + "active": (("R205", "NOT", "levels at most"),),
    "age" + " + 1" * 3000 + " > 1": (("R205", "age", "More than 60 levels"),),
    "active = " * 5000 + "active": (("R205", "active", "More than 60 levels"),),
    "active OR " * 12_000 + "active": (("R205", "a", "characters"),),
    "a " * 21_000: (("R205", "a", "words and signs"),),
    "x" * 2_000_000: (("R205", "x", "2,000,000 characters"),),
}


@pytest.mark.parametrize("text", CANONICAL)
def test_canonical_text(text: str) -> None:
    found = check(text, COLUMNS)
    assert isinstance(found, Checked), found
    assert found.text == CANONICAL[text]
    assert check(found.text, COLUMNS) == found


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_refused(text: str) -> None:
    found = check(text, COLUMNS, dataset="prospects")
    assert isinstance(found, tuple), found.text
    wanted = REFUSED[text]
    assert [each.code for each in found] == [code for code, _, _ in wanted], found
    for each, (_, marked, part) in zip(found, wanted, strict=True):
        assert part in each.detail
        assert text[each.offset : each.offset + each.length].startswith(marked)
        assert len(each.detail) < 500


def test_columns_are_those_read() -> None:
    found = check("country = 'US' AND (age > 1 OR age < -1)", COLUMNS)
    assert isinstance(found, Checked)
    assert found.columns == {"country", "age"}


@pytest.mark.parametrize(
    "text",
    [
        "(" * 20 + "active" + ")" * 20,
        "NOT (" * 19 + "active" + ")" * 19,
        "LOWER(" * 20 + "country" + ")" * 20 + " = 'x'",
        "NOT " * 20 + "active",
        "intent_score" + " + 1" * 50 + " > 1",
        "country" + " || country" * 50 + " = 'x'",
        " OR ".join(["active", "(active AND age > 1)"] * 1500),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_within_the_limits_is_read(text: str) -> None:
    found = check(text, COLUMNS)
    assert isinstance(found, Checked), found
    assert found.text
    assert expression(found.tree, COLUMNS).meta.root_names()


def test_many_problems_are_cut() -> None:
    found = check(" OR ".join(["zebra = 1"] * 500), COLUMNS)
    assert isinstance(found, tuple)
    assert len(found) == 20


def test_the_parser_is_imported_late() -> None:
    code = "import sys, reconciler.where, reconciler.config.load; sys.exit('sqlglot' in sys.modules or 'polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
