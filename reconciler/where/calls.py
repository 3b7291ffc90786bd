"""The allow-list's functions and what looks like one: CAST, EXTRACT, DATE_TRUNC, INTERVAL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reconciler.diagnostics import did_you_mean
from reconciler.values.types import Decimal, Flat, FlatName
from reconciler.where import tree as t
from reconciler.where.functions import (
    BY_NAME,
    BY_NODE,
    FARTHEST,
    FUNCTIONS,
    INSTEAD,
    PARTS,
    SHORT_PARTS,
    STEPS,
    UNITS,
    Function,
)  # fmt: skip
from reconciler.where.literals import MAX_DIGITS, day, instant
from reconciler.where.problems import Refused, Span, problem, shown

if TYPE_CHECKING:
    from reconciler.where.allow import Reader

_TYPES: dict[str, FlatName] = {
    "TEXT": "string", "VARCHAR": "string", "BOOLEAN": "boolean", "INT": "int", "BIGINT": "long", "DOUBLE": "double",
    "DATE": "date", "TIMESTAMP": "timestamp", "TIMESTAMPTZ": "timestamp", "DATETIME": "timestamp",
}  # fmt: skip
_KNOWN = "Types: string, boolean, int, long, double, decimal(p,s), date, timestamp."
_WHOLE = re.compile(r"[+-]?\d{1,15}", re.ASCII)


def cast(reader: Reader, node: Any, trying: bool, depth: int) -> t.Tree:
    """CAST, TRY_CAST, `::`; and DATE '…' and TIMESTAMP '…', which the parser takes for conversions of text."""
    reader.only(node, "this", "to", "safe", "requires_string")
    of = _type(reader, node)
    literal = type(node.this).__name__ == "Literal" and node.this.is_string
    if literal and not trying and of in (Flat("date"), Flat("timestamp")):
        return _moment(reader, node, of == Flat("date"))
    operand = reader.tree(node.this, depth + 1)
    return t.Cast(operand, of, trying, at=operand.at)


def extract(reader: Reader, node: Any, depth: int) -> t.Tree:
    """EXTRACT(part FROM x)."""
    reader.only(node, "this", "expression")
    operand = reader.tree(node.expression, depth + 1)
    written = str(node.this.this)
    if (found := PARTS.get(written.upper())) is None:
        hint = did_you_mean(written, PARTS) or f" Parts: {', '.join(PARTS)}."
        at = reader.before(operand.at, written)
        raise Refused(problem("R202", at, f"EXTRACT has no part {shown(written)}.{hint}"))
    return t.Extract(found[0], operand, at=operand.at)


def truncate(reader: Reader, node: Any, depth: int) -> t.Tree:
    """DATE_TRUNC('unit', x)."""
    reader.only(node, "this", "unit")
    operand = reader.tree(node.this, depth + 1)
    written = str(node.args["unit"].this)
    if (found := UNITS.get(written.upper())) is None:
        hint = did_you_mean(written, UNITS.values()) or f" Units: {', '.join(UNITS.values())}."
        at = reader.before(operand.at, written)
        detail = f"DATE_TRUNC has no unit {shown(written.lower())}.{hint} The unit comes first: DATE_TRUNC('month', x)."
        raise Refused(problem("R202", at, detail))
    return t.Truncate(found, operand, at=operand.at)


def interval(reader: Reader, node: Any, operand: t.Tree, sign: int) -> t.Tree:
    """A date or time, moved."""
    at = reader.behind(operand.at, "interval")
    if at == operand.at:  # INTERVAL … + x
        at = reader.before(operand.at, "interval")
    reader.only(node, "this", "unit")
    amount, unit = node.args.get("this"), node.args.get("unit")
    wrong = Refused(problem("R202", at, "INTERVAL takes a whole number, written out, and one unit: INTERVAL '7' DAY."))
    if type(amount).__name__ != "Literal" or type(unit).__name__ != "Var" or not _WHOLE.fullmatch(amount.this):
        raise wrong
    word = unit.this.upper()
    if (found := UNITS.get(word) or UNITS.get(word.removesuffix("S"))) is None:
        hint = did_you_mean(word, UNITS) or f" Units: {', '.join(UNITS)}."
        raise Refused(problem("R202", at, f"INTERVAL has no unit {shown(unit.this)}.{hint}"))
    step, each = STEPS[found]
    count = sign * int(amount.this) * each
    if abs(count) > FARTHEST[step]:
        raise Refused(problem("R205", at, "INTERVAL spans ten thousand years at most."))
    return t.Shift(operand, count, step, at=operand.at.to(at))


def call(reader: Reader, node: Any, depth: int) -> t.Tree:
    """A function, by the name that is written; what the parser has no name for, by its own."""
    at, written = _written(reader, node)
    kind = type(node).__name__
    if (part := SHORT_PARTS.get(kind)) is not None and written.upper() == part:
        reader.only(node, "this")
        operand = reader.tree(node.this, depth + 1)
        return t.Extract(part, operand, at=at.to(operand.at))
    function = BY_NAME.get(written.upper()) if written else BY_NODE.get(kind)
    if function is None:
        place = at if written else reader.before(at, kind)
        raise Refused(problem("R202", place, _unknown(node, written or kind)))
    name = function.name
    if kind == "Trim" and node.args.get("position") in ("LEADING", "TRAILING"):
        name = "LTRIM" if node.args["position"] == "LEADING" else "RTRIM"
    arguments = tuple(reader.tree(each, depth + 1) for each in _arguments(reader, node, function))
    if at == Span(0, len(reader.text)) or not written:  # the parser forgot where the name was
        at = reader.before(arguments[0].at, function.name) if arguments else at
    return t.Call(name, arguments, at=at.to(arguments[-1].at) if arguments else at)


def _arguments(reader: Reader, node: Any, function: Function) -> list[Any]:
    kind = type(node).__name__
    keys = ("expressions",) if kind == "Anonymous" else function.arguments
    ignored = {"Anonymous": ("this",), "Concat": ("safe", "coalesce"), "Trim": ("position",)}.get(kind, ())
    reader.only(node, *keys, *ignored)
    found: list[Any] = []
    for key in keys:
        value = node.args.get(key)
        found += value if isinstance(value, list) else [value] if value is not None else []
    return found


def _written(reader: Reader, node: Any) -> tuple[Span, str]:
    at = reader.at(node)
    if "start" not in node.meta:
        return at, ""
    return at, reader.piece(at)


def _unknown(node: Any, written: str) -> str:
    from sqlglot import exp

    if (instead := INSTEAD.get(written.upper())) is not None:
        return f"{shown(written)} isn't allowed in where. {instead}"
    if not isinstance(node, exp.Func):
        return f"{shown(written)} isn't allowed in where."
    known = sorted({*BY_NAME, *PARTS, "CASE", "CAST", "TRY_CAST", "EXTRACT", "DATE_TRUNC"})
    hint = did_you_mean(written, known) or f" Functions: {', '.join(each.name for each in FUNCTIONS)}."
    return f"The function {shown(written)} isn't allowed in where.{hint}"


def _type(reader: Reader, node: Any) -> Flat | Decimal:
    to = node.args["to"]
    name = str(to.this).rpartition(".")[2]
    given = to.args.get("expressions") or []
    if name == "DECIMAL" and not to.args.get("nested"):
        return _decimal(reader, node, given)
    if name in _TYPES and not given and not to.args.get("nested"):
        return Flat(_TYPES[name])
    written = str(to.args.get("kind") or name).lower()
    hint = did_you_mean(written, ("string", "boolean", "int", "long", "double", "decimal", "date", "timestamp"))
    at = reader.behind(reader.at(node.this), written)
    long = " of a length" if given and name in _TYPES else ""
    raise Refused(problem("R202", at, f"Nothing is converted to {shown(written)}{long}.{hint or ' ' + _KNOWN}"))


def _decimal(reader: Reader, node: Any, given: list[Any]) -> Decimal:
    sizes = [str(each.this) for each in given if type(each.this).__name__ == "Literal"]
    numbers = [int(each) for each in sizes if each.isascii() and each.isdigit() and len(each) <= 3]
    if len(given) in (1, 2) and len(numbers) == len(given):
        precision, scale = numbers[0], numbers[1] if len(numbers) == 2 else 0
        if 1 <= precision <= MAX_DIGITS and scale <= precision:
            return Decimal(precision, scale)
    detail = f"A decimal has 1 to {MAX_DIGITS} digits, and no more of them after the point: decimal(10,2)."
    raise Refused(problem("R202", reader.behind(reader.at(node.this), "decimal"), detail))


def _moment(reader: Reader, node: Any, date: bool) -> t.Tree:
    written, at = node.this.this, reader.at(node.this)
    if date:
        if (found := day(written)) is None:
            raise reader.refused("R204", node.this, f"{shown(written)!r} is no date. Write DATE '2026-12-31'.")
        return t.Date(found, at=at)
    if (moment := instant(written)) is None:
        raise reader.refused(
            "R204", node.this, f"{shown(written)!r} is no time. Write TIMESTAMP '2026-12-31 23:59:59'."
        )
    return t.Timestamp(moment, at=at)
