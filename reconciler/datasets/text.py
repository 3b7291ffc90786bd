"""Text to typed values, by one set of strict rules for CSV and JSON Lines. A text that doesn't fit gives null, and is
found by it.

docs/datasets.md lists the rules for users.
"""

from __future__ import annotations

import polars as pl

from reconciler.datasets.columns import column

_INTEGER = r"^[+-]?[0-9]+$"
_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_NOT_FINITE = r"(?i)^([+-]?inf(inity)?|nan)$"
_TRUE = r"(?i)^(true|t|1)$"
_FALSE = r"(?i)^(false|f|0)$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TIMESTAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?$"
TIMESTAMP = pl.Datetime("us", "UTC")


def parse(text: pl.Series, kind: pl.DataType) -> pl.Series:
    """A text column as `kind`, null where a text isn't one. Same length and name."""
    if kind == pl.String:
        return text
    return text.to_frame().select(typed(column(text.name), kind).alias(text.name)).to_series()


def first_misfit(text: pl.Series, parsed: pl.Series) -> int | None:
    """The index of the first text that didn't become a value."""
    if parsed.null_count() == text.null_count():
        return None
    return (text.is_not_null() & parsed.is_null()).arg_max()


def typed(text: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """An expression of texts as `kind`, null where a text isn't one."""
    match kind:
        case pl.Int32() | pl.Int64():
            return _where(text, _INTEGER, text.str.strip_prefix("+").cast(kind, strict=False))
        case pl.Float32() | pl.Float64():
            return _float(text, kind)
        case pl.Boolean():
            return pl.when(text.str.contains(_TRUE)).then(True).when(text.str.contains(_FALSE)).then(False)
        case pl.Date():
            return _where(text, _DATE, text.str.to_date("%Y-%m-%d", strict=False))
        case pl.Datetime():
            return _where(text, _TIMESTAMP, _timestamp(text))
        case pl.Decimal():
            return _decimal(text, kind)
        case pl.Binary():
            return text.str.decode("base64", strict=False)
        case _:
            raise TypeError(f"no text form of {kind}")


def _where(text: pl.Expr, pattern: str, value: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(pattern)).then(value)


def _float(text: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """Numbers that fit; those too large for the type are misfits, not infinity."""
    value = text.str.strip_prefix("+").cast(kind, strict=False)
    named = text.str.to_lowercase().str.strip_prefix("+").replace({"infinity": "inf", "-infinity": "-inf"})
    special = named.replace_strict(
        {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}, default=None, return_dtype=kind
    )
    finite = pl.when(value.is_finite()).then(value)
    return pl.when(text.str.contains(_NUMBER)).then(finite).when(text.str.contains(_NOT_FINITE)).then(special)


def _timestamp(text: pl.Expr) -> pl.Expr:
    """To microseconds (further digits are cut), in UTC: an offset is applied, none means UTC."""
    minute = text.str.slice(0, 10) + "T" + text.str.slice(11, 5)
    second = text.str.extract(r"^.{16}:([0-9]{2})").fill_null("00")
    fraction = text.str.extract(r"\.([0-9]{1,6})").fill_null("0").str.pad_end(6, "0").cast(pl.Int64)
    whole = (minute + ":" + second).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
    hours = text.str.extract(r"[+-]([0-9]{2}):?[0-9]{2}$").cast(pl.Int64).fill_null(0)
    minutes = text.str.extract(r"[+-][0-9]{2}:?([0-9]{2})$").cast(pl.Int64).fill_null(0)
    sign = pl.when(text.str.contains(r"-[0-9]{2}:?[0-9]{2}$")).then(-1).otherwise(1)
    ahead = pl.duration(minutes=sign * (hours * 60 + minutes), time_unit="us")
    value = whole + pl.duration(microseconds=fraction, time_unit="us") - ahead
    return pl.when((hours < 24) & (minutes < 60)).then(value).dt.replace_time_zone("UTC")


def _decimal(text: pl.Expr, kind: pl.Decimal) -> pl.Expr:
    """Only what the type holds exactly: no digit is rounded away."""
    precision, scale = kind.precision or 38, kind.scale
    fits = rf"^[+-]?0*[0-9]{{0,{precision - scale}}}(\.[0-9]{{0,{scale}}}0*)?$"
    valid = text.str.contains(fits) & text.str.contains("[0-9]")
    return pl.when(valid).then(text.str.strip_prefix("+").cast(kind, strict=False))
