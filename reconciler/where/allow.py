"""The allow-list: the SQL parser's tree to ours. What isn't listed here is refused by name.

A node's arguments are listed too: one that we don't know (say, the characters of TRIM) is refused, never dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.where import tree as t
from reconciler.where.calls import call, cast, extract, interval, truncate
from reconciler.where.literals import MAX_DIGITS, number
from reconciler.where.parse import MAX_LEVELS
from reconciler.where.patterns import pieces
from reconciler.where.problems import Problem, Refused, Span, WhereCode, problem, shown

if TYPE_CHECKING:
    from sqlglot import exp

MAX_PATTERN = 1_000
MAX_WHENS = 500
_COMPARISONS: dict[str, t.Comparison] = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
_OPERATORS: dict[str, t.Operator] = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "Mod": "%"}


def allowed(root: exp.Expr, text: str) -> t.Tree | list[Problem]:
    """Our tree, or what in it isn't allowed (R201, R202, R204, R205)."""
    reader = Reader(text)
    try:
        tree = reader.tree(root, 1)
    except Refused as refused:
        reader.problems.append(refused.problem)
        return reader.problems
    return reader.problems or tree


class Reader:
    """Reads nodes of the parser's tree over its `text`; problems of terms beside each other gather in `problems`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.problems: list[Problem] = []
        self.whens = 0

    def tree(self, node: Any, depth: int) -> t.Tree:
        """One node. Raises Refused."""
        if depth > MAX_LEVELS:
            raise self.refused("R205", node, f"More than {MAX_LEVELS} levels. Use IN for many values.")
        while (kind := type(node).__name__) == "Paren":
            self.only(node, "this")
            node = node.this
        if kind in ("And", "Or"):
            return self._terms(node, depth)
        if kind in _COMPARISONS:
            left, right = self._sides(node, depth)
            return t.Compare(_COMPARISONS[kind], left, right, at=left.at.to(right.at))
        if kind in _OPERATORS:
            return self._arithmetic(node, kind, depth)
        match kind:
            case "DPipe":
                left, right = self._sides(node, depth, "safe")
                return t.Concat(left, right, at=left.at.to(right.at))
            case "Not" | "Neg":
                self.only(node, "this")
                operand = self.tree(node.this, depth + 1)
                return (t.Not if kind == "Not" else t.Negate)(operand, at=operand.at)
            case "Column" | "Dot":
                return self._column(node)
            case "Literal" | "Boolean" | "Null":
                return self._leaf(node, kind)
            case "NullSafeEQ" | "NullSafeNEQ":
                return self._distinct(node, kind == "NullSafeNEQ", depth)
            case "In" | "Between" | "Like" | "ILike" | "Is" | "Escape":
                return self._predicate(node, kind, depth)
            case "Cast" | "TryCast":
                return cast(self, node, kind == "TryCast", depth)
            case "Case":
                return self._case(node, depth)
            case "Extract":
                return extract(self, node, depth)
            case "DateTrunc":
                return truncate(self, node, depth)
            case "Interval":
                raise self.refused("R202", node, "INTERVAL is added to a date or time, or subtracted from one.")
            case _:
                return call(self, node, depth)

    def refused(self, code: WhereCode, node: Any, detail: str) -> Refused:
        """The error of a node."""
        return Refused(problem(code, self.at(node), detail))

    def only(self, node: Any, *names: str) -> None:
        """Raises Refused if the node has other arguments than these."""
        for name, value in node.args.items():
            if name not in names and value is not None and value is not False and value != []:
                called = self.piece(self.at(node)) if "start" in node.meta else type(node).__name__.upper()
                at = self.at(value if hasattr(value, "walk") else node)
                raise Refused(problem("R202", at, f"{shown(called)} takes fewer arguments here than are given."))

    def at(self, node: Any) -> Span:
        """Where it stands; where its parts do, if the parser doesn't say."""
        if "start" in node.meta:
            return Span(node.meta["start"], node.meta["end"] - node.meta["start"] + 1)
        parts = [each.meta for each in node.walk() if "start" in each.meta]
        if not parts:
            return Span(0, len(self.text))
        start = min(each["start"] for each in parts)
        return Span(start, max(each["end"] for each in parts) - start + 1)

    def before(self, at: Span, word: str) -> Span:
        """The last `word` before a place, whatever its case; the place itself if there is none."""
        found = self.text.lower().rfind(word.lower(), 0, at.offset)
        return Span(found, len(word)) if found >= 0 else at

    def behind(self, at: Span, word: str) -> Span:
        """The first `word` behind a place, whatever its case; the place itself if there is none."""
        found = self.text.lower().find(word.lower(), at.end)
        return Span(found, len(word)) if found >= 0 else at

    def piece(self, at: Span) -> str:
        """The text at a place."""
        return self.text[at.offset : at.end]

    def _terms(self, node: Any, depth: int) -> t.Tree:
        kind, pending, found = type(node), [node], []
        while pending:  # chains lean to the left, thousands deep
            each = pending.pop()
            if type(each) is kind:
                self.only(each, "this", "expression")
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
        self.only(node, "this", "expression", *ignored)
        return self.tree(node.this, depth + 1), self.tree(node.expression, depth + 1)

    def _arithmetic(self, node: Any, kind: str, depth: int) -> t.Tree:
        moved, by = node.this, node.expression
        if kind == "Add" and type(moved).__name__ == "Interval":
            moved, by = by, moved
        if kind in ("Add", "Sub") and type(by).__name__ == "Interval":
            self.only(node, "this", "expression")
            operand = self.tree(moved, depth + 1)
            return interval(self, by, operand, -1 if kind == "Sub" else 1)
        left, right = self._sides(node, depth, "typed", "safe")
        return t.Arithmetic(_OPERATORS[kind], left, right, at=left.at.to(right.at))

    def _column(self, node: Any) -> t.Tree:
        names: list[Any] = []
        while type(node).__name__ == "Dot":
            names.insert(0, node.expression)
            node = node.this
        if type(node).__name__ == "Column":
            self.only(node, "this", "table", "db", "catalog")
            keys = ("catalog", "db", "table", "this")
            names = [node.args[key] for key in keys if node.args.get(key) is not None] + names
        else:
            names.insert(0, node)
        for name in names:
            if type(name).__name__ != "Identifier":
                raise self.refused("R202", name, f"{shown(self.piece(self.at(name)))} isn't a column's name.")
        places = tuple(self.at(name) for name in names)
        fields = tuple(name.this for name in names[1:])
        at = places[0].to(places[-1])
        return t.Column(names[0].this, fields, bool(names[0].quoted), places, at=at)

    def _leaf(self, node: Any, kind: str) -> t.Tree:
        at = self.at(node)
        match kind:
            case "Boolean":
                return t.Boolean(bool(node.this), at=at)
            case "Literal":
                return t.Text(node.this, at=at) if node.is_string else self._number(node, at)
            case _:
                raise self.refused("R204", node, "Nothing equals NULL, not even NULL. Write IS NULL or IS NOT NULL.")

    def _number(self, node: Any, at: Span) -> t.Tree:
        try:
            value = number(node.this)
        except OverflowError:
            raise self.refused("R205", node, f"Numbers have {MAX_DIGITS} digits at most.") from None
        if value is None:
            raise self.refused("R202", node, f"{shown(node.this)} isn't a number that is allowed here.")
        return t.Number(value, at=at)

    def _distinct(self, node: Any, differs: bool, depth: int) -> t.Tree:
        self.only(node, "this", "expression")
        left = self.tree(node.this, depth + 1)
        if type(node.expression).__name__ == "Null":
            tree: t.Tree = t.Not(t.Is(left, None, at=left.at), at=left.at)
        else:
            right = self.tree(node.expression, depth + 1)
            tree = t.Distinct(left, right, at=left.at.to(right.at))
        if differs:
            return tree
        return tree.operand if isinstance(tree, t.Not) else t.Not(tree, at=tree.at)

    def _predicate(self, node: Any, kind: str, depth: int) -> t.Tree:
        if kind == "Escape":
            self.only(node, "this", "expression")
            node, escape = node.this, node.expression
            kind = type(node).__name__
            if kind not in ("Like", "ILike"):
                raise self.refused("R201", node, "ESCAPE stands behind the pattern of LIKE.")
        else:
            escape = None
        operand = self.tree(node.this, depth + 1)
        tree: t.Tree
        match kind:
            case "In":
                self.only(node, "this", "expressions")
                values = tuple(self._value(each, depth) for each in node.expressions)
                if not values:
                    raise self.refused("R201", node, "IN needs a value at least: IN ('DE', 'AT').")
                tree = t.In(operand, values, at=operand.at.to(values[-1].at))
            case "Between":
                self.only(node, "this", "low", "high")
                low, high = self.tree(node.args["low"], depth + 1), self.tree(node.args["high"], depth + 1)
                tree = t.Between(operand, low, high, at=operand.at.to(high.at))
            case "Is":
                self.only(node, "this", "expression")
                what = type(node.expression).__name__
                if what not in ("Null", "Boolean"):
                    detail = "IS takes NULL, TRUE, FALSE or DISTINCT FROM, or NOT and one of these."
                    raise self.refused("R202", node, detail)
                tree = t.Is(operand, None if what == "Null" else bool(node.expression.this), at=operand.at)
            case _:
                self.only(node, "this", "expression", "negate")
                tree = self._like(node, operand, kind == "ILike", escape)
        return t.Not(tree, at=tree.at) if node.args.get("negate") else tree

    def _like(self, node: Any, operand: t.Tree, caseless: bool, escape: Any) -> t.Tree:
        pattern = node.expression
        if type(pattern).__name__ != "Literal" or not pattern.is_string:
            raise self.refused("R202", pattern, "LIKE takes a pattern in single quotes, as in LIKE 'a%'.")
        if len(pattern.this) > MAX_PATTERN:
            raise self.refused("R205", pattern, f"A pattern of LIKE has {MAX_PATTERN:,} characters at most.")
        if escape is not None and (not escape.is_string or len(escape.this) != 1 or escape.this in "%_"):
            raise self.refused("R204", escape, "ESCAPE takes one character other than % and _, as in ESCAPE '!'.")
        try:
            read = pieces(pattern.this, escape.this if escape is not None else "")
        except ValueError as error:
            raise self.refused("R204", pattern, str(error)) from None
        return t.Like(operand, read, caseless, at=operand.at.to(self.at(pattern)))

    def _value(self, node: Any, depth: int) -> t.Tree:
        if type(node).__name__ == "Null":
            raise self.refused("R204", node, "A NULL in the list makes NOT IN match nothing. Write … OR x IS NULL.")
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

    def _case(self, node: Any, depth: int) -> t.Tree:
        self.only(node, "this", "ifs", "default")
        operand = self.tree(node.this, depth + 1) if node.args.get("this") is not None else None
        whens = []
        self.whens += len(node.args["ifs"])
        if self.whens > MAX_WHENS:
            raise self.refused(
                "R205", node, f"CASE has {MAX_WHENS} times WHEN at most, in all. Prepare a column in the dataset."
            )
        for each in node.args["ifs"]:
            self.only(each, "this", "true")
            whens.append((self.tree(each.this, depth + 1), self._result(each.args["true"], depth)))
        default = node.args.get("default")
        otherwise = self._result(default, depth) if default is not None else None
        if isinstance(otherwise, t.Null):  # as if it weren't written
            otherwise = None
        last = otherwise or whens[-1][1]
        at = self.before((operand or whens[0][0]).at, "case").to(last.at)
        return t.Case(operand, tuple(whens), otherwise, at=at)

    def _result(self, node: Any, depth: int) -> t.Tree:
        return t.Null(at=self.at(node)) if type(node).__name__ == "Null" else self.tree(node, depth + 1)
