"""Every function, conversion and operator over every column that it takes gives the same values on both engines.

Values, not only conditions: a wrong number hides behind a comparison.
"""

from __future__ import annotations

import decimal
import itertools
from collections.abc import Iterator

import duckdb
import polars as pl
import pytest

from reconciler.export.translate.duckdb_tree import sql
from reconciler.export.translate.polars_tree import expression
from reconciler.values.types import parse_type
from reconciler.where import kinds
from reconciler.where import tree as t
from reconciler.where.allow import allowed
from reconciler.where.kinds import exact, numeric
from reconciler.where.parse import parse
from reconciler.where.typecheck import Checker
from tests.where import trees

COLUMNS = {name: parse_type(of) for name, of in trees.TYPES.items()}
TEXTS = ["name", "other", "home.city"]
WHOLE = ["age", "big", "small", "home.no"]
EXACT = [*WHOLE, "price", "wide", "tiny"]
FLOATS = ["score", "rate", "single", "home.geo.lat"]
DATES = ["born", "joined"]
TIMES = ["seen", '"left"', "home.geo.at"]
PARTS = ["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DOW", "ISODOW", "DOY", "ISOYEAR"]
TARGETS = [
    "int",
    "long",
    "decimal(5,2)",
    "decimal(18,4)",
    "decimal(38,10)",
    "decimal(3,3)",
    "decimal(38,38)",
    "decimal(1,0)",
]


def made() -> Iterator[str]:
    """Texts of expressions."""
    for name, of in itertools.product(["LOWER", "UPPER", "TRIM", "LTRIM", "RTRIM", "LENGTH"], TEXTS):
        yield f"{name}({of})"
    for of, (start, length) in itertools.product(TEXTS, [(1, 0), (1, 1), (2, 3), (5, 100), (100, 1)]):
        yield f"SUBSTRING({of}, {start}, {length})"
        yield f"SUBSTRING({of}, {start})"
        yield f"LEFT({of}, {length})"
        yield f"RIGHT({of}, {length})"
        yield f"SPLIT_PART({of}, '@', {start})"
        yield f"SPLIT_PART({of}, 'aa', {start})"
    for of, (what, by) in itertools.product(TEXTS, [("a", "$1"), ("ß", "\\1"), (".", ""), ("\\", "\\\\"), ("''", "x")]):
        yield f"REPLACE({of}, '{what}', '{by}')"
    for one, two in itertools.product(TEXTS, TEXTS):
        yield from (f"CONCAT({one}, {two})", f"{one} || {two}", f"NULLIF({one}, {two})", f"COALESCE({one}, {two})")
        yield from (
            f"STARTS_WITH({one}, {two})",
            f"ENDS_WITH({one}, {two})",
            f"CONTAINS({one}, {two})",
            f"{one} < {two}",
        )
    for of, to in itertools.product(TEXTS, [*TARGETS, "double", "date", "timestamp", "boolean"]):
        yield f"TRY_CAST({of} AS {to})"
    for of, to in itertools.product([*EXACT, *FLOATS], [*TARGETS, "double"]):
        yield f"TRY_CAST({of} AS {to})"
    for of in [*EXACT, *DATES, *TIMES, "active"]:
        yield f"CAST({of} AS string)"
    for of, to in [*itertools.product(DATES, ["timestamp"]), *itertools.product(TIMES, ["date"]), ("active", "long")]:
        yield f"CAST({of} AS {to})"
    for name, of in itertools.product(["ABS", "ROUND", "FLOOR", "CEIL", "-"], [*EXACT, *FLOATS]):
        yield f"{name}({of})"
    for of, places in itertools.product([*EXACT, *FLOATS], [0, 1, 2, 3, 5, 15]):
        yield f"ROUND({of}, {places})"
    for sign, one, two in itertools.product(
        "+-*/", [*EXACT, *FLOATS, "3", "0.1", "(-2.5)"], [*EXACT, *FLOATS, "3", "0.1", "0"]
    ):
        yield f"{one} {sign} {two}"
    for one, two in itertools.product([*WHOLE, "7", "(-7)"], [*WHOLE, "3", "(-3)", "0", "10"]):
        yield f"{one} % {two}"
    for part, of in itertools.product(PARTS, [*DATES, *TIMES]):
        yield f"EXTRACT({part} FROM {of})"
    for unit, of in itertools.product(["year", "quarter", "month", "week", "day"], [*DATES, *TIMES]):
        yield f"DATE_TRUNC('{unit}', {of})"
    for part, of in itertools.product(["hour", "minute", "second"], TIMES):
        yield from (f"EXTRACT({part} FROM {of})", f"DATE_TRUNC('{part}', {of})")
    steps = [
        "1 MONTH",
        "11 MONTH",
        "120000 MONTH",
        "1 DAY",
        "3652500 DAY",
        "36 HOUR",
        "1 SECOND",
        "315576000000 SECOND",
    ]
    for sign, step, of in itertools.product("+-", steps, [*DATES, *TIMES]):
        amount, unit = step.split()
        yield f"{of} {sign} INTERVAL '{amount}' {unit}"
    yield from (f"{one} - {two}" for one, two in itertools.product([*DATES, "DATE '2024-02-29'"], DATES))
    yield from (
        f"COALESCE({one}, {two})" for one, two in itertools.product([*EXACT, *FLOATS], ["0.5", "price", "score", "big"])
    )
    yield from (f"COALESCE({one}, {two})" for one, two in itertools.product(TIMES, [*DATES, "DATE '2024-02-29'"]))
    yield from (f"LENGTH({of})" for of in ("tags", "sizes", "marks", "home.list", "visits", "grid"))
    yield from (
        "10 / 3",
        "1 / 3",
        "5.0 / 3",
        "score / 3",
        "score / 0.1",
        "price / 3",
        "wide / 7",
        "1 / 0",
        "TRY_CAST('5' AS double) / 3",
    )
    yield from (
        f"CASE WHEN active THEN {one} WHEN sure THEN NULL ELSE {two} END"
        for one, two in itertools.product(EXACT, EXACT)
    )


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return trees.rows(300, seed=11)


@pytest.fixture(scope="module")
def duck(rows: pl.DataFrame) -> duckdb.DuckDBPyConnection:
    return trees.connected(rows)


def typed(text: str) -> t.Tree | None:
    """The checked tree of an expression of any type; None if its numbers grow too long."""
    tree = allowed(parse(text, COLUMNS), text)
    assert not isinstance(tree, list), (text, tree)
    checker = Checker(COLUMNS)
    found = checker.check(tree)
    assert all("digits" in each.detail for each in checker.problems), (text, checker.problems)
    return None if checker.problems else found


def comparable(tree: t.Tree) -> tuple[str, pl.Expr]:
    """Both engines' values in a form in which they can be told apart, NaN from null and -0.0 from nothing."""
    kind, written, mine = tree.of, sql(tree), expression(tree)
    assert kind is not None
    if kind == kinds.DATE:
        return f"{written.text} - DATE '1970-01-01'", mine.to_physical().cast(pl.Int64)
    if kind == kinds.TIMESTAMP:
        return f"epoch_us({written.text})", mine.to_physical()
    return written.text, mine


def plain(value: object, tree: t.Tree, *, units: bool) -> object:
    """A value for comparing: numbers exactly, NaN as text."""
    if value is None or not numeric(tree.of):
        return value
    digits = exact(tree.of)
    if digits is None:
        return "nan" if value != value else value
    number = decimal.Decimal(str(value))
    return number.scaleb(-digits.scale, decimal.Context(prec=80)) if units else number


def test_values_agree(rows: pl.DataFrame, duck: duckdb.DuckDBPyConnection) -> None:
    texts = list(dict.fromkeys(made()))
    assert len(texts) > 900
    sound = [(text, tree) for text in texts if (tree := typed(text)) is not None]
    assert len(sound) > 0.9 * len(texts)
    differing = []
    for start in range(0, len(sound), 40):
        some = sound[start : start + 40]
        forms = [(comparable(tree), sql(tree).parameters, f"p{at}_") for at, (_, tree) in enumerate(some)]
        parts = [text.replace("$w", f"${prefix}") for (text, _), _, prefix in forms]
        values = {name.replace("w", prefix, 1): value for _, given, prefix in forms for name, value in given.items()}
        wanted = duck.execute(f"SELECT {', '.join(parts)} FROM people ORDER BY row", values).fetchall()
        mine = rows.select(
            pl.lit(0).alias("_"), *((each.alias(f"c{at}")) for at, ((_, each), _, _) in enumerate(forms))
        )
        for at, (text, tree) in enumerate(some):
            for row, (theirs, ours) in enumerate(zip(wanted, mine[f"c{at}"], strict=True)):
                one, two = plain(theirs[at], tree, units=False), plain(ours, tree, units=True)
                if one != two:
                    read = sorted({each.split(".")[0] for each in trees.TYPES if each in text})
                    differing.append((text, rows[row].select(read).to_dicts(), f"DuckDB {one!r}, Polars {two!r}"))
                    break
    assert not differing, "\n".join(f"{each[0]}: {str(each[1])[:300]} {each[2][:200]}" for each in differing[:30])
