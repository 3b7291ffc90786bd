"""What engines get stays small, however a short text is nested: operands that are needed twice double at each level."""

from __future__ import annotations

import pytest

from reconciler.export.translate.duckdb_tree import sql
from reconciler.export.translate.polars_tree import expression
from reconciler.values.types import parse_type
from reconciler.where import Checked, check
from reconciler.where.allow import allowed
from reconciler.where.parse import parse
from reconciler.where.size import surely_small, too_large
from reconciler.where.tree import Tree
from reconciler.where.typecheck import Checker

COLUMNS = {
    name: parse_type(of)
    for name, of in {
        "a": "int", "l": "long", "d": "double", "p": "decimal(38,6)", "s": "string", "t": "timestamp", "b": "date", "f": "float",
    }.items()
}  # fmt: skip
SIDE = {"s": "'x'", "t": "TIMESTAMP '2020-01-01'"}
FORMS = {
    "ROUND({}, 2)": "d", "ROUND(TRY_CAST({} AS decimal(38,6)), 2)": "d", "ROUND({}, 1)": "p", "UPPER({})": "s",
    "SPLIT_PART({}, 'a', 1)": "s", "NULLIF({}, 1)": "a", "{} / 3": "d", "TRY_CAST({} AS decimal(20,3))": "l", "ABS({}) % 7": "l",
    "CAST(TRY_CAST({} AS int) AS string)": "s", "CAST(TRY_CAST({} AS timestamp) AS string)": "s",
    "CASE WHEN {} BETWEEN 1 AND 5 THEN 1 ELSE 2 END": "a", "CASE {} WHEN 1 THEN 2 WHEN 2 THEN 3 WHEN 4 THEN 5 END": "a",
    "COALESCE(TRY_CAST(ROUND({}) AS decimal(20,3)), d)": "d", "DATE_TRUNC('month', {})": "t", "{} + INTERVAL '1' DAY": "t",
    "CAST(CAST({} AS date) AS timestamp)": "t", "FLOOR({})": "d", "CEIL({})": "p", "ABS({})": "l", "LOWER({})": "s", "-({})": "d",
    "CASE WHEN {} IN (1, 2) THEN 1 END": "a", "CASE WHEN {} IN (1, 2, 3, 4, 5, 6, 7, 8, 9) THEN 1 END": "a", "REPLACE({}, 'a', 'b')": "s",
    "COALESCE({}, d)": "f", "CASE WHEN {} > d THEN 1.5 ELSE 2 END": "p", "CASE WHEN NULLIF({}, 2) IS NULL THEN 3 ELSE 4 END": "a",
    "CASE WHEN {} >= DATE '2020-01-01' THEN b ELSE DATE '2020-01-02' END": "t",
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_deepest_that_is_allowed_is_small(form: str) -> None:
    column = FORMS[form]
    text, deepest = column, None
    for _ in range(60):
        text = form.format(text)
        found = check(f"{text} > {SIDE.get(column, '1')}", COLUMNS)
        if not isinstance(found, Checked):
            assert {each.code for each in found} == {"R205"}, found
            break
        deepest = found
    assert deepest is not None
    assert len(sql(deepest.tree).text) < 200_000
    assert len(str(expression(deepest.tree))) < 1_000_000


@pytest.mark.parametrize(
    "term",
    [
        "b=t",
        "NOT b=t",
        "d IN(1)",
        "a IN(1,2,3,4,5,6,7,8)",
        "b BETWEEN t AND t",
        "t IS NULL",
        "d=f",
        "s LIKE''",
        "d IN(.1,.2)",
    ],
)
def test_a_short_text_of_comparisons_alone_is_never_too_large(term: str) -> None:
    text = term
    while surely_small(longer := f"{text} OR {term}"):
        text = longer
    checker = Checker(COLUMNS)
    tree = checker.condition(_read(text))
    assert (checker.problems, checker.computes, too_large(tree)) == ([], False, False)


@pytest.mark.parametrize("term", ["-a=1", "a+1=2", "LOWER(s)='x'", "CASE WHEN a=1 THEN 2 END=2"])
def test_whatever_is_computed_is_weighed(term: str) -> None:
    checker = Checker(COLUMNS)
    checker.condition(_read(term))
    assert checker.computes


def _read(text: str) -> Tree:
    found = allowed(parse(text, COLUMNS), text)
    assert not isinstance(found, list), found
    return found


def test_what_is_long_because_it_is_written_so_is_allowed() -> None:
    found = check(" OR ".join(f"ROUND(d, 1) = {each}" for each in range(1_000)), COLUMNS)
    assert isinstance(found, Checked), found
    found = check("LOWER(TRIM(s)) IN (" + ", ".join(f"'{each}'" for each in range(5_000)) + ")", COLUMNS)
    assert isinstance(found, Checked), found
