"""Well-typed expressions at random mean the same to both engines, row for row, nulls included."""

from __future__ import annotations

import os

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from reconciler.export.translate.duckdb_tree import sql
from reconciler.export.translate.polars_tree import expression
from reconciler.values.types import parse_type
from reconciler.where import Checked, check
from reconciler.where import tree as t
from reconciler.where.text import canonical
from tests.where import trees

COLUMNS = {name: parse_type(of) for name, of in trees.TYPES.items()}
EXAMPLES = int(os.environ.get("WHERE_EXAMPLES", "40"))
"""More, and others each time, by way of the environment."""


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return trees.rows()


@pytest.fixture(scope="module")
def duck(rows: pl.DataFrame) -> duckdb.DuckDBPyConnection:
    return trees.connected(rows)


def test_the_rows_hold_what_engines_differ_in(rows: pl.DataFrame) -> None:
    assert all(rows[name].null_count() for name in rows.columns)
    assert all(rows[name].is_nan().any() and rows[name].is_infinite().any() for name in ("score", "rate"))
    assert {str(rows[name].dtype) for name in ("price", "wide", "tiny")} == {
        f"Decimal(precision={digits}, scale={scale})" for digits, scale in ((10, 2), (38, 6), (4, 4))
    }
    assert rows["seen"].dtype == pl.Datetime("us", "UTC")
    (zone,) = trees.connected(rows).execute("SELECT current_setting('TimeZone')").fetchall()
    assert zone != ("UTC",)
    text = rows["name"].drop_nulls()
    assert text.str.len_chars().max() >= 50_000
    assert (text.str.len_bytes() > 2 * text.str.len_chars()).any()
    assert {rows[name].dtype.base_type() for name in ("home", "visits", "grid")} == {pl.Struct, pl.List}
    assert all(rows[name].n_unique() > rows.height / 4 for name in ("name", "big", "score", "price", "born", "seen"))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="WHERE_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(trees.conditions(), min_size=6, max_size=10))
def test_both_engines_agree(rows: pl.DataFrame, duck: duckdb.DuckDBPyConnection, made: list[t.Tree]) -> None:
    sound = []
    for tree in made:
        found = check(canonical(tree), COLUMNS)
        if isinstance(found, Checked):
            assert check(found.text, COLUMNS) == found
            sound.append(found)
        else:
            # All that a random tree may have wrong are numbers that grow too long.
            assert {each.code for each in found} <= {"R204", "R205"}, found
            assert all("digits" in each.detail or "too large" in each.detail for each in found), (
                canonical(tree),
                found,
            )
    assume(sound)
    event(f"{len(sound)} sound")
    written = [sql(each.tree, prefix=f"p{at}_") for at, each in enumerate(sound)]
    values = {name: value for each in written for name, value in each.parameters.items()}
    chosen = ", ".join(f"{each.text} AS c{at}" for at, each in enumerate(written))
    theirs = duck.execute(f"SELECT {chosen} FROM people ORDER BY row", values).fetchall()
    # A column beside them, so that constants too are as many as there are rows.
    mine = rows.select(pl.col("name"), *(expression(each.tree).alias(f"c{at}") for at, each in enumerate(sound)))
    for at, each in enumerate(sound):
        column = mine[f"c{at}"]
        assert column.dtype == pl.Boolean
        wanted = pl.Series([row[at] for row in theirs], dtype=pl.Boolean)
        differs = column.ne_missing(wanted).arg_true().to_list()
        assert not differs, (each.text, rows[differs[0]].select(sorted(each.columns)).to_dicts(), column[differs[0]])
