"""What expressions mean: rows are the same on both engines, nulls and NaN included, and no constant by accident."""

from __future__ import annotations

import datetime
import decimal
import itertools

import duckdb
import polars as pl
import pytest

from reconciler.datasets.types import polars_type
from reconciler.export.filters import compiled
from reconciler.export.translate.duckdb_tree import sql
from reconciler.export.translate.polars_tree import expression
from reconciler.values.types import parse_type
from reconciler.where import Checked, check

TYPES = {
    "id": "long", "name": "string", "other": "string", "active": "boolean", "age": "int", "big": "long",
    "score": "double", "single": "float", "price": "decimal(10,2)", "born": "date", "seen": "timestamp", "date": "date",
}  # fmt: skip
UTC = datetime.UTC
VALUES: dict[str, list[object]] = {
    "name": ["DE", "AT", "de", " US ", "O'Hara", "", "ä_%\n", None, "50%", "straße", "x.z"],
    "other": ["DE", "x", None, "D", "Hara", "", "%"],
    "active": [True, False, None],
    "age": [0, 1, -5, 2**31 - 1, -(2**31), None, 18],
    "big": [0, 2**63 - 1, -(2**63), None, 18, 2**53 + 1],
    "score": [0.7, 0.1, -1.5, float("nan"), float("inf"), float("-inf"), None, 18.0, 0.30000000000000004],
    "single": [0.1, 0.7, None, 2.0, -1.5],
    "price": [decimal.Decimal("0.10"), decimal.Decimal("-12.50"), None, decimal.Decimal("99999999.99"), decimal.Decimal("18.00")],
    "born": [datetime.date(2026, 1, 1), datetime.date(1969, 12, 31), None, datetime.date(2024, 2, 29)],
    "seen": [datetime.datetime(2026, 1, 1, tzinfo=UTC), datetime.datetime(2025, 12, 31, 23, 59, 59, 999999, UTC), None,
             datetime.datetime(2024, 2, 29, 12, 30, tzinfo=UTC)],
    "date": [datetime.date(2026, 1, 1), None],
}  # fmt: skip

EXPRESSIONS = [
    "TRUE", "FALSE", "active", "NOT active", "active AND age > 0", "active OR age > 0", "NOT (active OR age > 0)",
    "active IS TRUE", "active IS NOT TRUE", "active IS FALSE", "active IS NOT FALSE", "name IS NULL", "NOT name IS NULL",
    "active = FALSE", "active <> (age > 0)", "active = active IS NULL", "name = 'DE'", "name <> 'DE'", "name < 'a'",
    "name >= other", "name IN ('DE', 'AT', '')", "name NOT IN ('DE', 'AT')", "age IN (0, -5, 18)", "age IN (0, 18)",
    "age NOT IN (0, 18)", "big IN (9223372036854775807, 9223372036854775808)",
    "age NOT IN (18, 1.0)",
    "score IN (0.7, 18)", "active IN (TRUE)", "born IN ('2026-01-01')", "age BETWEEN -5 AND 1", "age NOT BETWEEN 0 AND age",
    "name BETWEEN 'A' AND other", "name LIKE '%E'", "name LIKE '_E'", "name NOT LIKE '%_\\%'", "name LIKE '%\\%'",
    "name LIKE 'x.z'", "name LIKE '%.%'", "name LIKE ''", "name ILIKE 'd_'", "name NOT ILIKE '%STRASSE'", "name LIKE 'ä__'",
    "name LIKE 'ä%'", "name = 'O''Hara'", "LOWER(name) = 'de'", "UPPER(name) = 'DE'", "TRIM(name) = 'US'", "TRIM(name) = ''",
    "LENGTH(name) = 4", "LENGTH(name) * 2 > age", "COALESCE(name, other) = 'x'", "COALESCE(name, other, '?') LIKE '%?'",
    "COALESCE(age, 7.5) = 7.5", "STARTS_WITH(name, 'D')", "ENDS_WITH(name, other)", "CONTAINS(name, '%')",
    "CONTAINS(name, other)", "NOT CONTAINS(name, 'ra')", "name || other = 'DED'", "'x' || name = 'xDE'", "ABS(age) = 5",
    "ABS(age) > 2147483647", "ABS(score) = 1.5", "ABS(price) > 12", "-age = 5", "-age > 2147483647", "age + 1 > 2147483647",
    "age * age > 20", "age - 1 < -2147483648", "score > 0.7", "score >= 0.7", "score = score", "score <> 18", "score > 1e10",
    "NOT score > 1e10", "score + 1 > 1.5", "score * -2 = 3", "score = 0.1 + 0.2", "single = 0.1", "single >= 0.7",
    "single = 2", "price = 0.1", "price * 2 = -25", "price * 18.5 = 333", "price + 0.001 > 18", "price - age > 0",
    "price = age", "price > score", "age = big", "big = 9007199254740993", "big > 9007199254740992.5", "big = 18.0",
    "big + age * 2 > 30", "age > 0.5", "born = '2026-01-01'", "born < DATE '2026-01-01'", "born >= seen", "seen = born",
    "seen >= '2026-01-01'", "seen < TIMESTAMP '2025-12-31T23:59:59.999999Z'", "seen > '2025-12-31T23:00:00-01:00'",
    "born < TIMESTAMP '2026-01-01 00:00:01'", "YEAR(born) = 2024", "MONTH(seen) = 12", "DAY(seen) = 29",
    "YEAR(seen) - YEAR(born) > 1", "COALESCE(born, '2020-01-01') < '2021-01-01'", "date IS NOT NULL AND \"date\" = born",
    "seen BETWEEN '2025-01-01' AND born", "age - (big - 1) > 0", "(age + 1) * 2 > 3", "age + 1 * 2 > 3",
    "age / 2 > 1", "COALESCE(age / (age - age), score) > 1", "big % 10 = 8", "big % 10 = -8", "COALESCE(MOD(age, 0), age) = 0",
    "CASE WHEN age > 0 THEN name ELSE other END = 'x'",
    "CASE name WHEN 'DE' THEN 1 WHEN 'AT' THEN 2 END = 2", "name LIKE '50!%' ESCAPE '!'", "name IS DISTINCT FROM other",
    "active IS NOT DISTINCT FROM NULL", "TRY_CAST(score AS int) = 18", "CAST(price AS string) LIKE '%.00'", "price::double > 10",
    "born + INTERVAL '1' MONTH = '2026-02-01'", "EXTRACT(ISODOW FROM seen) = 4", "DATE_TRUNC('year', seen) = '2026-01-01'",
    "born - DATE '2024-02-29' > 7", "ROUND(price, 0) = -13", "FLOOR(score) = -2", "CEIL(score) = -1", "NULLIF(name, '') IS NULL",
    "SPLIT_PART(name, '.', 2) = 'z'", "REGEXP_MATCHES(name, '^[A-Z]{2}$')", "SUBSTRING(name, 2, 1) = 'E'", "CONCAT(name, other) = 'DED'",
    "NOT active AND age > 0 OR name = 'DE'", "NOT (active AND age > 0 OR name = 'DE')", "NOT NOT active",
]  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    cycles = {name: list(itertools.islice(itertools.cycle(values), 770)) for name, values in VALUES.items()}
    # Steps without a common divisor, so that values meet in all combinations.
    cycles["active"] = [VALUES["active"][(each // 11) % 3] for each in range(770)]
    cycles["other"] = [VALUES["other"][(each // 5) % 7] for each in range(770)]
    cycles["date"] = [VALUES["date"][(each // 3) % 2] for each in range(770)]
    data = {"id": list(range(770)), **cycles}
    return pl.DataFrame(
        {name: data[name] for name in TYPES}, schema={name: polars_type(of) for name, of in TYPES.items()}
    )


@pytest.fixture(scope="module")
def duck(rows: pl.DataFrame) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("rows_view", rows.to_arrow())
    connection.execute("CREATE TABLE people AS SELECT * FROM rows_view")
    return connection


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_rows_are_those_of_duckdb(text: str, rows: pl.DataFrame, duck: duckdb.DuckDBPyConnection) -> None:
    found = check(text, {name: parse_type(of) for name, of in TYPES.items()})
    assert isinstance(found, Checked), found
    written = sql(found.tree)
    wanted = duck.execute(f"SELECT id, {written.text} FROM people ORDER BY id", dict(written.parameters)).fetchall()
    chosen = compiled(text, TYPES)
    assert chosen.expression is not None
    assert set(chosen.expression.meta.root_names()) == chosen.columns
    mine = rows.select("id", chosen.expression.alias("x"))
    assert mine.schema["x"] == pl.Boolean
    assert mine.rows() == wanted
    if chosen.columns:
        assert len(set(mine["x"])) > 1, "the table doesn't tell this from a constant"


def test_exact_numbers_stay_exact(rows: pl.DataFrame) -> None:
    def chosen(text: str) -> list[object]:
        expression = compiled(text, TYPES).expression
        assert expression is not None
        return sorted(set(rows.filter(expression).select(text.split()[0]).to_series()))

    assert chosen("price * price = 156.25") == [decimal.Decimal("-12.50")]
    assert chosen("price * price = 9999999998000000.0001") == [decimal.Decimal("99999999.99")]
    assert chosen("big * big = 85070591730234615847396907784232501249") == [2**63 - 1]
    assert chosen("big * 2 = -18446744073709551616") == [-(2**63)]


def test_nan_equals_itself_and_is_greatest(rows: pl.DataFrame) -> None:
    expression = compiled("score > 1e30 AND score = score", TYPES).expression
    assert expression is not None
    assert {str(each) for each in rows.filter(expression)["score"]} == {"nan", "inf"}


def test_whole_numbers_divide_to_fractions_and_by_zero_to_null(rows: pl.DataFrame) -> None:
    def values(text: str) -> set[object]:
        found = check(f"{text} IS NULL OR TRUE", {name: parse_type(of) for name, of in TYPES.items()})
        assert isinstance(found, Checked)
        inner = found.tree.terms[0].operand  # type: ignore[union-attr]
        return set(rows.filter(pl.col("age") == 18).select(expression(inner).alias("x"))["x"])

    assert values("age / 4") == {4.5}
    assert values("1 / 3") == {1 / 3}
    assert values("(0 - age) % 4") == {-2}
    assert values("age / 0") == values("age / (age - age)") == values("age % 0") == values("score / 0") == {None}


def test_thousands_of_terms() -> None:
    text = " OR ".join(f"age = {each}" for each in range(4_500))
    expression = compiled(text, TYPES).expression
    assert expression is not None
    ages = pl.DataFrame({"age": [4_499, 4_500]}, schema={"age": pl.Int32})
    assert ages.filter(expression)["age"].to_list() == [4_499]


def test_columns_that_look_like_patterns() -> None:
    types = {"*": "int", "^a.*$": "int", "a b": "int"}
    expression = compiled('"*" = 1 AND "^a.*$" = 2 AND "a b" = 3', types).expression
    assert expression is not None
    data = pl.DataFrame({"*": [1, 1], "^a.*$": [2, 3], "a b": [3, 3]}, schema=dict.fromkeys(types, pl.Int32))
    assert data.filter(expression).height == 1


def test_what_is_not_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="R203"):
        compiled("agee = 1", TYPES)
