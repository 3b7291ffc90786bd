"""What files hold: how many rows, and a sum of hashes over them, equal for the same rows in any order. Read by DuckDB.

Compared are text, whole numbers, floats to six digits, decimals and dates. Times and nested values are left out: peers write them in
different forms.
"""

from __future__ import annotations

import glob
from collections.abc import Sequence

_TEXT = "coalesce(CAST({0} AS VARCHAR), '')"  # CSV doesn't tell an empty text from none
_FORMS = {
    "intent_score": "CAST(round(CAST(intent_score AS DOUBLE), 6) AS VARCHAR)",
    "budget": "coalesce(CAST(CAST(nullif(CAST(budget AS VARCHAR), '') AS DECIMAL(12,2)) AS VARCHAR), '')",
    "first_seen": "coalesce(CAST(first_seen AS VARCHAR)[:10], '')",
}
COMPARED = (
    "prospect_id", "email", "first_name", "last_name", "country", "city", "postcode", "page_views", "lifetime_cents",
    *_FORMS,
)  # fmt: skip


def in_files(patterns: Sequence[str], form: str) -> list[tuple[int, str]]:
    """Of each pattern. Where it matches nothing, there are no rows."""
    return [_in_one(sorted(glob.glob(pattern)), form) for pattern in patterns]


def in_query(relation: str) -> tuple[int, str]:
    """Of what DuckDB reads as `relation`."""
    import duckdb

    hashed = ", ".join(_FORMS.get(name, _TEXT.format(name)) for name in COMPARED)
    found = duckdb.execute(f"SELECT count(*), sum(hash({hashed})) FROM {relation}").fetchall()
    return int(found[0][0]), str(int(found[0][1] or 0))


def _in_one(paths: list[str], form: str) -> tuple[int, str]:
    if not paths:
        return 0, "0"
    files = "[" + ", ".join(f"'{path}'" for path in paths) + "]"
    match form:
        case "parquet":
            return in_query(f"read_parquet({files})")
        case "json":
            columns = ", ".join(f"{name}: 'VARCHAR'" for name in COMPARED)
            return in_query(f"read_json({files}, format='newline_delimited', columns={{{columns}}})")
        case "csv":
            return in_query(f"read_csv({files}, all_varchar=true, header=true)")
        case other:
            raise ValueError(other)
