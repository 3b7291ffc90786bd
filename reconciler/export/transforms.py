"""Transforms as engine expressions. docs/mapping.md says what each does, with the ad platforms' own examples.

Hashes are computed by `polars_hash`, on all cores. A key never becomes part of an expression: engines print those in errors.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from reconciler.accounts.secrets import Secret
from reconciler.datasets.columns import column
from reconciler.datasets.types import polars_type
from reconciler.errors import AccountError
from reconciler.export.keys import hashes
from reconciler.export.plain import as_text
from reconciler.resources.effective import ExportColumn
from reconciler.resources.secrets import SecretRef
from reconciler.resources.suppression import Match
from reconciler.resources.transform import EmailHash, Mask, OneTransform, PhoneHash, TimeText, steps

Resolve = Callable[[SecretRef], Secret]
SHORTEST_KEY = 16
_GOOGLE_MAIL = r"^([^@]*)@(gmail|googlemail)\.com$"


def leaving(of: ExportColumn, kind: str | None, resolve: Resolve) -> pl.Expr:
    """The column as it leaves, under its name. `kind`: its declared type, None for a constant.

    Raises `AccountError` where a key is missing (A101, A102) or short (A107).
    """
    if of.column is None or kind is None:
        return pl.lit(of.constant, dtype=polars_type(of.type)).alias(of.name)
    made, now = column(of.column), polars_type(kind)
    for step in of.transform or ():
        made, now = _applied(step, made, now, resolve), pl.String()
    return made.alias(of.name)


def as_matched(match: Match, kind: str, resolve: Resolve) -> pl.Expr:
    """A dataset's column as text, transformed as a suppression's list was."""
    made, now = column(match.column), polars_type(kind)
    for step in steps(match.transform):
        made, now = _applied(step, made, now, resolve), pl.String()
    return made if now == pl.String else as_text(made, now)


def empty(of: ExportColumn) -> pl.Expr:
    """Whether a required column's value is missing: null, or text without a character."""
    value = column(of.name)
    return value.is_null() | (value == "") if of.type == "string" else value.is_null()


def _applied(step: OneTransform, value: pl.Expr, kind: pl.DataType, resolve: Resolve) -> pl.Expr:
    text = value if kind == pl.String else as_text(value, kind)
    match step:
        case "lower":
            return value.str.to_lowercase()
        case "upper":
            return value.str.to_uppercase()
        case "trim":
            return _trimmed(value)
        case "sha256":
            return _sha256(text)
        case "sha256-email":
            return _email(value, EmailHash())
        case "sha256-phone":
            return _phone(value, PhoneHash())
        case "mask":
            return _masked(value, Mask())
        case _:
            pass
    if step.sha256_email is not None:
        return _email(value, step.sha256_email)
    if step.sha256_phone is not None:
        return _phone(value, step.sha256_phone)
    if step.mask is not None:
        return _masked(value, step.mask)
    if step.hmac is not None:
        return _hmac(text, resolve(step.hmac.secret))
    assert step.time is not None
    return _time(value, kind, step.time)


def _trimmed(value: pl.Expr) -> pl.Expr:
    return value.str.replace_all(r"^\s+|\s+$", "")


def _email(value: pl.Expr, about: EmailHash) -> pl.Expr:
    """Null where there is no address: no hash of nothing may leave as if it were somebody's."""
    address = _trimmed(value).str.to_lowercase()
    if about.rules == "google":
        parts = address.str.extract_groups(_GOOGLE_MAIL)
        local = parts.struct[0].str.replace_all(".", "", literal=True)
        address = pl.when(parts.struct[0].is_not_null()).then(local + "@" + parts.struct[1] + ".com").otherwise(address)
    return _sha256(pl.when(address.str.contains(r"^[^@\s]+@[^@\s]+$")).then(address))


def _phone(value: pl.Expr, about: PhoneHash) -> pl.Expr:
    """Null where no number of 7 to 15 digits with a calling code can be made of it."""
    bare = _trimmed(value).str.replace(r"^00", "+").str.replace(r"\(0\)", "")
    international = bare.str.starts_with("+")
    digits = bare.str.replace_all(r"[^0-9]", "")
    national = digits.str.replace(r"^0+", "")
    if about.country is not None:
        digits = pl.when(international).then(digits).otherwise(about.country + national)
    elif about.rules == "meta":
        digits = national
    else:
        digits = pl.when(international).then(digits)
    sound = bare.str.contains(r"^[+0-9().\-/\s]+$") & digits.str.contains(r"^[1-9][0-9]{6,14}$")
    return _sha256(pl.when(sound).then(digits if about.rules == "meta" else "+" + digits))


def _masked(value: pl.Expr, about: Mask) -> pl.Expr:
    length = value.str.len_chars().cast(pl.Int64)
    inside = (length - about.keep_first - about.keep_last).clip(lower_bound=0)
    # A text too short to hide anything in is hidden whole.
    first = pl.when(inside > 0).then(about.keep_first).otherwise(0)
    last = pl.when(inside > 0).then(about.keep_last).otherwise(0)
    middle = value.str.slice(first, length - first - last).str.replace_all(r"(?s).", about.with_.replace("$", "$$"))
    return value.str.slice(0, first) + middle + value.str.slice(length - last)


def _time(value: pl.Expr, kind: pl.DataType, about: TimeText) -> pl.Expr:
    if kind != pl.Date:
        value = value.dt.convert_time_zone(about.timezone)
    return value.dt.to_string(about.format.replace("%f", "%6f"))


def _sha256(text: pl.Expr) -> pl.Expr:
    hashed: pl.Expr = hashes(text).chash.sha2_256()
    return hashed


def _hmac(text: pl.Expr, key: Secret) -> pl.Expr:
    if len(key.reveal()) < SHORTEST_KEY:
        raise AccountError("A107", "a key is too short", f"A key for hmac has at least {SHORTEST_KEY} characters.")

    def keyed(values: pl.Series) -> pl.Series:
        digests = hashes(pl.col(values.name)).chash.hmac_sha256(key=key.reveal())
        return values.to_frame().select(digests).to_series()

    return text.map_batches(keyed, return_dtype=pl.String, is_elementwise=True)
