"""Filters reach engines as expressions made from our own tree, never as text."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import polars as pl
import pytest

from reconciler.export.filters import compiled
from reconciler.export.translate.duckdb_tree import sql
from reconciler.values.types import parse_type
from reconciler.where import Checked, check

ROOT = Path(__file__).parents[2]
TEXT_TO_POLARS = re.compile(r"\bsql_expr\b|\bSQLContext\b|\bpl\.sql\b")
HOSTILE = [
    "x'; DROP TABLE people; --", "' OR 1=1 --", "$w1", "?", "{}", "%s", "\\", '"', "\x00", "\u2028", "'; ATTACH 'x'", "x" * 1_000,
]  # fmt: skip


def test_polars_is_given_no_sql() -> None:
    for path in sorted((ROOT / "reconciler").rglob("*.py")):
        assert not TEXT_TO_POLARS.search(path.read_text("utf-8")), path


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_values_are_bound_and_names_quoted(value: str) -> None:
    name = f'we"ird {value[:20]}'.replace("\x00", "")
    columns = {
        name: parse_type("string"),
        "home": parse_type(f'struct<"{name.replace(chr(34), chr(34) * 2)}": string>'),
    }
    quoted = '"' + name.replace('"', '""') + '"'
    text = f"{quoted} = '{value.replace(chr(39), chr(39) * 2)}' OR home.{quoted} = 'x'"
    found = check(text, columns)
    assert isinstance(found, Checked), found
    written = sql(found.tree)
    assert value in written.parameters.values()
    rows = pl.DataFrame({name: [value, "other", None], "home": [{name: "y"}, {name: "x"}, None]})
    database = duckdb.connect()
    database.register("rows_view", rows.to_arrow())
    theirs = database.execute(f"SELECT {written.text} FROM rows_view", dict(written.parameters)).fetchall()
    types = {each: str(of) for each, of in columns.items()}
    expression = compiled(text, types).expression
    assert expression is not None
    assert rows.select(expression).rows() == theirs == [(True,), (True,), (None,)]


def test_parameters_of_several_filters_go_into_one_query() -> None:
    columns = {"a": parse_type("int")}
    one, two = check("a = 1", columns), check("a > 5", columns)
    assert isinstance(one, Checked)
    assert isinstance(two, Checked)
    first, second = sql(one.tree, prefix="one"), sql(two.tree, prefix="two")
    query = f"SELECT count(*) FILTER ({first.text}), count(*) FILTER ({second.text}) FROM range(10) r(a)"
    assert duckdb.connect().execute(query, {**first.parameters, **second.parameters}).fetchall() == [(1, 4)]
