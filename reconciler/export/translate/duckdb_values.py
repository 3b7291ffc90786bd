"""Numbers, text, dates and times in DuckDB's SQL: pieces of it, made of pieces.

Exact numbers are decimals of exactly the digits that the check has found. Times are without a zone and in UTC, so that
nothing here needs the extension for time zones.
"""

from __future__ import annotations

import functools

from reconciler.values.types import ColumnType, Decimal, ListOf
from reconciler.where import kinds
from reconciler.where import tree as t
from reconciler.where.kinds import bounds, exact

_EXACT_DIGITS = 15
_NAMES = {
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
_DATES = ("DATE '0001-01-01'", "DATE '9999-12-31'")
_TIMES = ("TIMESTAMP '0001-01-01 00:00:00'", "TIMESTAMP '9999-12-31 23:59:59.999999'")
_NUMBER = r"\A[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\z"
_TIME = (
    r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:([0-5][0-9]|60)(\.[0-9]{1,9})?)?"
    r"(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?\z"
)


def name(kind: ColumnType) -> str:
    """A type's name."""
    if (digits := exact(kind)) is not None:
        return f"DECIMAL({digits.precision},{digits.scale})"
    if isinstance(kind, ListOf):
        return f"{name(kind.item)}[]"
    return _NAMES[str(kind)]


def text(value: str) -> str:
    """A constant of this module in quotes."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name in quotes."""
    return '"' + name.replace('"', '""') + '"'


def cast(sql: str, kind: ColumnType) -> str:
    """Converted; an error where that can't be."""
    return f"CAST({sql} AS {name(kind)})"


def held(sql: str, kind: ColumnType) -> str:
    """A dataset's values as they are computed with."""
    if exact(kind) is not None:
        return cast(sql, kind)
    if kind == kinds.TIMESTAMP:
        return f"make_timestamp(epoch_us({sql}))"
    return sql


def floating(sql: str, kind: Decimal) -> str:
    """The nearest doubles: by way of text where there are more digits than a double has."""
    return f"CAST({sql if kind.precision <= _EXACT_DIGITS else f'CAST({sql} AS VARCHAR)'} AS DOUBLE)"


def rounded(sql: str, places: int) -> str:
    """Doubles to so many places, halves away from zero."""
    if not places:
        return f"round({sql})"
    moved = f"({sql}) * 1e{places}"
    return f"CASE WHEN isfinite({moved}) THEN round({moved}) / 1e{places} ELSE {sql} END"


def fitted(sql: str, to: ColumnType) -> str:
    """Exact numbers in a type that may be too small: rounded, and null where they don't fit."""
    digits = exact(to)
    assert digits is not None
    tried = f"TRY_CAST({sql} AS {name(digits)})"
    return _within(tried, to, "DECIMAL(38,0)") if to in (kinds.INT, kinds.LONG) else tried


def fitted_floating(sql: str, to: ColumnType) -> str:
    """Doubles in an exact type: rounded, and null where they don't fit or aren't numbers."""
    digits = exact(to)
    assert digits is not None
    units = _within(f"TRY_CAST(round(({sql}) * 1e{digits.scale}) AS HUGEINT)", to, "HUGEINT")
    step = Decimal(max(digits.scale, 1), digits.scale)
    # Multiplied exactly: the digits are those of the units.
    wide = f"CAST(CAST({units} AS VARCHAR) AS DECIMAL(38,0))"
    return cast(f"{wide} * CAST({text(_unit(digits.scale))} AS {name(step)})", to) if digits.scale else cast(wide, to)


def digits(sql: str, kind: Decimal) -> str:
    """Exact numbers as text, with all their places and a digit before the point."""
    written = f"CAST({sql} AS VARCHAR)"
    return written if kind.precision > kind.scale else f"regexp_replace({written}, '^(-?)[.]', '\\10.')"


def usable(sql: str, kind: ColumnType) -> str:
    """Null outside of the years that are computed with."""
    least, most = _DATES if kind == kinds.DATE else _TIMES
    return f"CASE WHEN {sql} BETWEEN {least} AND {most} THEN {sql} END"


def as_time(sql: str) -> str:
    """Dates as their first instant."""
    return f"CAST({usable(sql, kinds.DATE)} AS TIMESTAMP)"


def as_date(sql: str) -> str:
    """Times as the day that they lie in."""
    return f"CAST({usable(sql, kinds.TIMESTAMP)} AS DATE)"


def as_text(sql: str, kind: ColumnType) -> str:
    """In the form in which exports have them."""
    form = "%Y-%m-%d" if kind == kinds.DATE else "%Y-%m-%dT%H:%M:%S.%fZ"
    return f"strftime({usable(sql, kind)}, '{form}')"


def shifted(sql: str, kind: ColumnType, count: int, step: t.Step) -> str:
    """Moved; from a day that the month doesn't have to its last one."""
    span = {"MONTH": "to_months", "DAY": "to_days", "SECOND": "to_seconds"}[step]
    moved = f"({usable(sql, kind)}) + {span}({count})"
    return f"CAST({moved} AS DATE)" if kind == kinds.DATE and step != "SECOND" else f"({moved})"


def truncated(sql: str, kind: ColumnType, unit: t.Unit) -> str:
    """The start of the unit."""
    return cast(f"date_trunc('{unit}', {usable(sql, kind)})", kind)


def part(sql: str, kind: ColumnType, name: t.Part) -> str:
    """A part as a whole number."""
    return f"CAST(extract({name} FROM {usable(sql, kind)}) AS DECIMAL(4,0))"


def upper(sql: str) -> str:
    """As the full mapping has it: letters that become several (`ß`) go by a table, where a text has one."""
    several = _several()
    table = f"MAP([{', '.join(map(text, several))}], [{', '.join(text(each.upper()) for each in several)}])"
    letters = f"list_transform(string_split({sql}, ''), lambda e: COALESCE(map_extract_value({table}, e), upper(e)))"
    rare = f"regexp_matches({sql}, {text(f'[{several}]')})"
    return f"CASE WHEN {rare} THEN array_to_string({letters}, '') ELSE upper({sql}) END"


def parsed(sql: str, to: ColumnType) -> str:
    """Text by the rules of datasets' texts (`reconciler.datasets.text`), null where it isn't of the type."""
    plain = f"CASE WHEN starts_with({sql}, '+') THEN substring({sql}, 2) ELSE {sql} END"
    match to:
        case kinds.BOOLEAN:
            low = f"lower({sql})"
            return f"CASE WHEN {low} IN ('true', 't', '1') THEN TRUE WHEN {low} IN ('false', 'f', '0') THEN FALSE END"
        case kinds.DOUBLE:
            return _parsed_double(sql, plain)
        case kinds.DATE:
            return _when(sql, r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\z", f"TRY_CAST({sql} AS DATE)")
        case kinds.TIMESTAMP:
            return _when(sql, _TIME, _parsed_time(sql))
        case Decimal(precision, scale):
            fits = rf"\A[+-]?0*[0-9]{{0,{precision - scale}}}(\.[0-9]{{0,{scale}}}0*)?\z"
            valid = f"regexp_matches({sql}, {text(fits)}) AND regexp_matches({sql}, '[0-9]')"
            return f"CASE WHEN {valid} THEN TRY_CAST({plain} AS {name(to)}) END"
        case _:
            whole = "INTEGER" if to == kinds.INT else "BIGINT"
            return cast(_when(sql, r"\A[+-]?[0-9]+\z", f"TRY_CAST({plain} AS {whole})"), to)


def _when(sql: str, pattern: str, value: str) -> str:
    return f"CASE WHEN regexp_matches({sql}, {text(pattern)}) THEN {value} END"


def _parsed_double(sql: str, plain: str) -> str:
    number = f"TRY_CAST({plain} AS DOUBLE)"
    low = f"lower({sql})"
    return (
        f"CASE WHEN regexp_matches({sql}, {text(_NUMBER)}) THEN CASE WHEN isfinite({number}) THEN {number} END "
        f"WHEN regexp_matches({low}, '\\A[+]?inf(inity)?\\z') THEN CAST('inf' AS DOUBLE) "
        f"WHEN regexp_matches({low}, '\\A-inf(inity)?\\z') THEN CAST('-inf' AS DOUBLE) "
        f"WHEN {low} = 'nan' THEN CAST('nan' AS DOUBLE) END"
    )


def _parsed_time(sql: str) -> str:
    """Seconds and offset may be missing; digits behind the sixth are cut; second 60 is the next minute's first."""
    second = f"CASE WHEN substring({sql}, 17, 1) = ':' THEN CAST(substring({sql}, 18, 2) AS BIGINT) ELSE 0 END"
    whole = f"TRY_CAST(substring({sql}, 1, 10) || ' ' || substring({sql}, 12, 5) || ':00' AS TIMESTAMP)"
    fraction = f"CAST(rpad(regexp_extract({sql}, '[.]([0-9]{{1,6}})', 1), 6, '0') AS BIGINT)"
    offset = f"regexp_extract({sql}, '[+-][0-9]{{2}}:?[0-9]{{2}}\\z')"
    ahead = f"CAST(left({offset}, 1) || '1' AS BIGINT)"
    minutes = f"(CAST(substring({offset}, 2, 2) AS BIGINT) * 60 + CAST(right({offset}, 2) AS BIGINT))"
    moved = f"CASE WHEN {offset} = '' THEN 0 ELSE {ahead} * {minutes} END"
    return f"{whole} + to_seconds({second}) + to_microseconds({fraction}) - to_minutes({moved})"


def _within(sql: str, to: ColumnType, held: str) -> str:
    least, most = (f"CAST('{each}' AS {held})" for each in bounds(to))
    return f"CASE WHEN {sql} BETWEEN {least} AND {most} THEN {sql} END"


def _unit(scale: int) -> str:
    return "0." + "0" * (scale - 1) + "1" if scale else "1"


@functools.cache
def _several() -> str:
    """The letters that become several in capitals; Unicode adds none."""
    return "".join(char for char in map(chr, range(0x80, 0xFB18)) if len(char.upper()) > 1)
