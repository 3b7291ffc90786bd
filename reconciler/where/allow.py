"""The allow-list: the SQL parser's tree to ours. What isn't listed here is refused by name.

A node's arguments are listed too: one that we don't know (say, the characters of TRIM) is refused, never dropped.
"""

from __future__ import annotations

import datetime
import decimal
import re
from typing import TYPE_CHECKING, Any, get_args

from reconciler.diagnostics import did_you_mean
from reconciler.where import tree as t
from reconciler.where.parse import MAX_LEVELS
from reconciler.where.problems import Problem, Refused, Span, WhereCode, problem, shown

if TYPE_CHECKING:
    from sqlglot import exp

MAX_DIGITS = 38
FUNCTIONS: tuple[t.Function, ...] = get_args(t.Function)
_COMPARISONS: dict[str, t.Comparison] = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
_OPERATORS: dict[str, t.Operator] = {"Add": "+", "Sub": "-", "Mul": "*"}
_NUMBER = re.compile(r"(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIMESTAMP = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?) ?(Z|[+-]\d{2}(?::?\d{2})?)?)?", re.ASCII
)


def allowed(root: exp.Expr, text: str) -> t.Tree | list[Problem]:
    """Our tree, or what in it isn't allowed (R202, R204, R205)."""
    reader = _Reader(text)
    try:
        tree = reader.tree(root, 1)
    except Refused as refused:
        reader.problems.append(refused.problem)
        return reader.problems
    return reader.problems or tree


def day(text: str) -> datetime.date | None:
    """Reads YYYY-MM-DD; None if it isn't a day."""
    try:
        return datetime.date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def instant(text: str) -> datetime.datetime | None:
    """Reads an ISO time, UTC where it doesn't say; None if it isn't one."""
    found = _TIMESTAMP.fullmatch(text)
    if not found:
        return None
    try:
        read = datetime.datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}{found[3] or 'Z'}")
        return read.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return None


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.problems: list[Problem] = []

    def tree(self, node: Any, depth: int) -> t.Tree:
        """One node. Raises Refused."""
        if depth > MAX_LEVELS:
            raise self._refused("R205", node, f"More than {MAX_LEVELS} levels. Use IN for many values.")
        kind = type(node).__name__
        if kind == "Paren":
            self._only(node, "this")
            return self.tree(node.this, depth + 1)
        if kind in ("And", "Or"):
            return self._terms(node, depth)
        if kind in _COMPARISONS:
            left, right = self._sides(node, depth)
            return t.Compare(_COMPARISONS[kind], left, right, at=left.at.to(right.at))
        if kind in _OPERATORS:
            left, right = self._sides(node, depth)
            return t.Arithmetic(_OPERATORS[kind], left, right, at=left.at.to(right.at))
        match kind:
            case "DPipe":
                left, right = self._sides(node, depth, "safe")
                return t.Concat(left, right, at=left.at.to(right.at))
            case "Not" | "Neg":
                self._only(node, "this")
                operand = self.tree(node.this, depth + 1)
                return (t.Not if kind == "Not" else t.Negate)(operand, at=operand.at)
            case "Column" | "Literal" | "Boolean" | "Null" | "Cast":
                return self._leaf(node, kind)
            case "In" | "Between" | "Like" | "ILike" | "Is":
                return self._predicate(node, kind, depth)
            case _:
                return self._call(node, depth)

    def _terms(self, node: Any, depth: int) -> t.Tree:
        kind, pending, found = type(node), [node], []
        while pending:  # chains lean to the left, thousands deep
            each = pending.pop()
            if type(each) is kind:
                self._only(each, "this", "expression")
                pending += [each.expression, each.this]
                continue
            try:
                found.append(self.tree(each, depth + 1))
            except Refused as refused:
                self.problems.append(refused.problem)
        if not found:
            raise Refused(self.problems.pop())
        flat = [term for each in found for term in (each.terms if type(each).__name__ == kind.__name__ else (each,))]  # type: ignore[union-attr]
        at = flat[0].at.to(flat[-1].at)
        return t.And(tuple(flat), at=at) if kind.__name__ == "And" else t.Or(tuple(flat), at=at)

    def _sides(self, node: Any, depth: int, *ignored: str) -> tuple[t.Tree, t.Tree]:
        self._only(node, "this", "expression", *ignored)
        return self.tree(node.this, depth + 1), self.tree(node.expression, depth + 1)

    def _leaf(self, node: Any, kind: str) -> t.Tree:
        at = self._at(node)
        match kind:
            case "Column":
                if type(node.this).__name__ != "Identifier" or any(v for k, v in node.args.items() if k != "this"):
                    raise self._refused("R202", node, f"{shown(self._piece(at))} isn't a column's name.")
                return t.Column(node.this.this, bool(node.this.quoted), at=at)
            case "Boolean":
                return t.Boolean(bool(node.this), at=at)
            case "Literal":
                return t.Text(node.this, at=at) if node.is_string else self._number(node, at)
            case "Cast":
                return self._moment(node, at)
            case _:
                raise self._refused("R204", node, "Nothing equals NULL, not even NULL. Write IS NULL or IS NOT NULL.")

    def _number(self, node: Any, at: Span) -> t.Tree:
        written: str = node.this
        if not _NUMBER.fullmatch(written):
            raise self._refused("R202", node, f"{shown(written)} isn't a number that is allowed here.")
        if len(written) > 2 * MAX_DIGITS:
            raise self._refused("R205", node, f"Numbers have {MAX_DIGITS} digits at most.")
        value = decimal.Decimal(written)
        _, digits, exponent = value.as_tuple()
        places = -exponent if isinstance(exponent, int) else 0
        if max(len(digits), len(digits) - places, places) > MAX_DIGITS:
            raise self._refused("R205", node, f"Numbers have {MAX_DIGITS} digits at most.")
        return t.Number(int(value) if places <= 0 else value, at=at)

    def _moment(self, node: Any, at: Span) -> t.Tree:
        target = str(getattr(node.args["to"], "this", "")).rpartition(".")[2]
        if type(node.this).__name__ != "Literal" or not node.this.is_string or target not in ("DATE", "TIMESTAMP"):
            raise self._refused("R202", node, "Conversions aren't allowed in where.")
        written = node.this.this
        if target == "DATE":
            if (found := day(written)) is None:
                raise self._refused("R204", node, f"{shown(written)!r} is no date. Write DATE '2026-12-31'.")
            return t.Date(found, at=at)
        if (moment := instant(written)) is None:
            raise self._refused("R204", node, f"{shown(written)!r} is no time. Write TIMESTAMP '2026-12-31 23:59:59'.")
        return t.Timestamp(moment, at=at)

    def _predicate(self, node: Any, kind: str, depth: int) -> t.Tree:
        operand = self.tree(node.this, depth + 1)
        tree: t.Tree
        match kind:
            case "In":
                self._only(node, "this", "expressions")
                values = tuple(self._value(each, depth) for each in node.expressions)
                if not values:
                    raise self._refused("R201", node, "IN needs a value at least: IN ('DE', 'AT').")
                tree = t.In(operand, values, at=operand.at.to(values[-1].at))
            case "Between":
                self._only(node, "this", "low", "high")
                low, high = self.tree(node.args["low"], depth + 1), self.tree(node.args["high"], depth + 1)
                tree = t.Between(operand, low, high, at=operand.at.to(high.at))
            case "Is":
                self._only(node, "this", "expression")
                what = type(node.expression).__name__
                if what not in ("Null", "Boolean"):
                    raise self._refused("R202", node, "IS takes NULL, TRUE or FALSE, or NOT and one of these.")
                tree = t.Is(operand, None if what == "Null" else bool(node.expression.this), at=operand.at)
            case _:
                self._only(node, "this", "expression", "negate")
                tree = self._like(node, operand, kind == "ILike")
        return t.Not(tree, at=tree.at) if node.args.get("negate") else tree

    def _like(self, node: Any, operand: t.Tree, caseless: bool) -> t.Tree:
        pattern = node.expression
        if type(pattern).__name__ != "Literal" or not pattern.is_string:
            raise self._refused("R202", node, "LIKE takes a pattern in single quotes, as in LIKE 'a%'.")
        if len(pattern.this) > 1000:
            raise self._refused("R205", node, "A pattern of LIKE has 1,000 characters at most.")
        return t.Like(operand, pattern.this, caseless, at=operand.at.to(self._at(pattern)))

    def _value(self, node: Any, depth: int) -> t.Tree:
        if type(node).__name__ == "Null":
            raise self._refused("R204", node, "A NULL in the list makes NOT IN match nothing. Write … OR x IS NULL.")
        found = self.tree(node, depth + 1)
        inner = found.operand if isinstance(found, t.Negate) else found
        plain = (t.Text, t.Number, t.Boolean, t.Date, t.Timestamp)
        if isinstance(inner, t.Column) and inner.quoted:
            name = shown(inner.name)
            detail = f"\"{name}\" in double quotes names a column, and IN takes values. For text, write '{name}'."
            raise Refused(problem("R202", found.at, detail))
        if not isinstance(inner, plain) or (inner is not found and not isinstance(inner, t.Number)):
            raise Refused(problem("R202", found.at, "IN takes values, not columns or calculations. Use = and OR."))
        return found

    def _call(self, node: Any, depth: int) -> t.Tree:
        at = self._at(node)
        mine = node.meta
        written = self._piece(Span(mine["start"], mine["end"] - mine["start"] + 1)) if "start" in mine else ""
        name = (written or type(node).__name__).upper()
        function = next((each for each in FUNCTIONS if each == name), None)
        if function is None:
            raise Refused(problem("R202", at, self._unknown(node, written or name)))
        self._only(node, "this", "expression", "expressions")
        given = [node.args.get("this"), node.args.get("expression"), *(node.args.get("expressions") or [])]
        arguments = tuple(self.tree(each, depth + 1) for each in given if each is not None)
        end = arguments[-1].at if arguments else at
        return t.Call(function, arguments, at=at.to(end))

    def _unknown(self, node: Any, written: str) -> str:
        from sqlglot import exp

        if not isinstance(node, exp.Func):
            return f"{shown(written)} isn't allowed in where."
        hint = did_you_mean(written, FUNCTIONS) or f" Functions: {', '.join(FUNCTIONS)}."
        return f"The function {shown(written)} isn't allowed in where.{hint}"

    def _only(self, node: Any, *names: str) -> None:
        for name, value in node.args.items():
            if name not in names and value is not None and value is not False and value != []:
                called = type(node).__name__.upper()
                raise self._refused("R202", node, f"{called} takes fewer arguments here than are given.")

    def _refused(self, code: WhereCode, node: Any, detail: str) -> Refused:
        return Refused(problem(code, self._at(node), detail))

    def _at(self, node: Any) -> Span:
        """Where it stands; where its parts do, if the parser doesn't say."""
        if "start" in node.meta:
            return Span(node.meta["start"], node.meta["end"] - node.meta["start"] + 1)
        parts = [each.meta for each in node.walk() if "start" in each.meta]
        if not parts:
            return Span(0, len(self.text))
        start = min(each["start"] for each in parts)
        return Span(start, max(each["end"] for each in parts) - start + 1)

    def _piece(self, at: Span) -> str:
        return self.text[at.offset : at.end]
