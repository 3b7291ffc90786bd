"""The plain part of the language, read without the SQL parser: a fraction of its time, and it needn't be imported.

It knows no finding. Whatever isn't surely meant as it seems (comments, words of SQL, unusual numbers, chains of
comparisons, deep brackets, anything wrong) gives None, and the SQL parser decides. A tree that is given equals the one
by way of the parser; tests compare them over a corpus and at random. Its nodes have no places.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal
from typing import Final, TypeVar

from reconciler.where import tree as t
from reconciler.where.literals import day, instant
from reconciler.where.patterns import pieces
from reconciler.where.words import SQL_WORDS

_LONGEST: Final = 4_096
_DEEPEST: Final = 5
"""Brackets. With the next limit, a tree has fewer levels than a tree may have."""
_MOST_SIGNS: Final = 8
"""Signs between values, and NOT."""
_DIGITS: Final = 30
_MOST_PATTERN: Final = 1_000
# What follows a token without a blank is part of it, so that it is none of those that are known: 1a, n'x', 'a'b, =-.
_TOKEN: Final = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]*['\"]?|[0-9]+(?:\.[0-9]+)?[A-Za-z_.'\"]?|'[^'\\]*(?:''[^'\\]*)*'[A-Za-z0-9_\"]?"
    r"|\"[^\"\\]+\"[A-Za-z0-9_'\"]?|[-+*|<>=!]+|[^ \t\r\n]"
)
_COMPARISONS: Final[dict[str, t.Comparison]] = {
    "=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
}  # fmt: skip
_FUNCTIONS: Final[dict[str, t.Function]] = {
    "LOWER": "LOWER", "UPPER": "UPPER", "TRIM": "TRIM", "LENGTH": "LENGTH", "ABS": "ABS", "COALESCE": "COALESCE",
    "STARTS_WITH": "STARTS_WITH", "ENDS_WITH": "ENDS_WITH", "CONTAINS": "CONTAINS",
}  # fmt: skip
_PARTS: Final[dict[str, t.Part]] = {"YEAR": "YEAR", "MONTH": "MONTH", "DAY": "DAY"}
_TWO_ARGUMENTS: Final = frozenset({"STARTS_WITH", "ENDS_WITH", "CONTAINS"})
T = TypeVar("T")


class _Unsure(Exception):
    """The parser has to decide."""


def quick_tree(text: str, columns: Collection[str]) -> t.Tree | None:
    """The tree of a condition over `columns`, or None where the SQL parser has to read it."""
    if len(text) > _LONGEST:
        return None
    reader = _Reader(_TOKEN.findall(text), columns)
    try:
        tree = reader.any_of()
    except _Unsure:
        return None
    return tree if reader.raw == "" else None


class _Reader:
    """Reads tokens from left to right. `raw` is the next one, "" at the end; `word` the same in capitals."""

    __slots__ = ("_columns", "_depth", "_next", "_signs", "raw", "word")

    def __init__(self, tokens: list[str], columns: Collection[str]) -> None:
        self._next = iter(tokens)
        self._columns = columns
        self._depth = self._signs = 0
        self._step()

    def any_of(self) -> t.Tree:
        """Terms with OR between them."""
        terms = [self._all_of()]
        while self.word == "OR":
            self._step()
            terms.append(self._all_of())
        return terms[0] if len(terms) == 1 else t.Or(tuple(_flat(terms, t.Or)))

    def _all_of(self) -> t.Tree:
        terms = [self._negated()]
        while self.word == "AND":
            self._step()
            terms.append(self._negated())
        return terms[0] if len(terms) == 1 else t.And(tuple(_flat(terms, t.And)))

    def _negated(self) -> t.Tree:
        if self.word != "NOT":
            return self._predicate()
        self._sign()
        return t.Not(self._negated())

    def _predicate(self) -> t.Tree:
        operand = self._joined()
        if (comparison := _COMPARISONS.get(self.raw)) is not None:
            self._step()
            return t.Compare(comparison, operand, self._joined())
        if self.word == "IS":
            self._step()
            negative = self._skip("NOT")
            tree: t.Tree = t.Is(operand, self._truth())
        else:
            negative = self._skip("NOT")
            tree = self._range(operand, negative)
        return t.Not(tree) if negative else tree

    def _range(self, operand: t.Tree, negative: bool) -> t.Tree:
        match self.word:
            case "IN":
                self._step()
                return t.In(operand, self._values())
            case "BETWEEN":
                self._step()
                low = self._joined()
                self._expect("AND")
                return t.Between(operand, low, self._joined())
            case "LIKE" | "ILIKE" as word:
                self._step()
                pattern = self._string()
                if len(pattern) > _MOST_PATTERN:
                    raise _Unsure
                return t.Like(operand, pieces(pattern, ""), word == "ILIKE")
            case _ if negative:
                raise _Unsure
            case _:
                return operand

    def _truth(self) -> bool | None:
        word = self.word
        if word not in ("NULL", "TRUE", "FALSE"):
            raise _Unsure
        self._step()
        return None if word == "NULL" else word == "TRUE"

    def _values(self) -> tuple[t.Tree, ...]:
        """The list of IN: values only."""
        self._expect("(")
        found: list[t.Tree] = []
        while True:
            value = self._atom()
            if isinstance(value, t.Column | t.Call | t.Extract) or self.raw not in (",", ")"):
                raise _Unsure
            found.append(value)
            if not self._skip(","):
                self._expect(")")
                return tuple(found)

    def _joined(self) -> t.Tree:
        left = self._sum()
        while self.raw == "||":
            self._sign()
            left = t.Concat(left, self._sum())
        return left

    def _sum(self) -> t.Tree:
        left = self._product()
        while self.raw == "+" or self.raw == "-":
            sign: t.Operator = "+" if self.raw == "+" else "-"
            self._sign()
            left = t.Arithmetic(sign, left, self._product())
        return left

    def _product(self) -> t.Tree:
        left = self._atom()
        while self.raw == "*":
            self._sign()
            left = t.Arithmetic("*", left, self._atom())
        return left

    def _atom(self) -> t.Tree:
        raw, word = self.raw, self.word
        match raw[:1]:
            case "'":
                return t.Text(self._string())
            case "(":
                return self._bracketed()
            case "-":
                self._expect("-")
                return t.Negate(self._number())
            case digit if "0" <= digit <= "9":
                return self._number()
            case '"':
                return self._column(raw[1:-1], quoted=True)
        self._step()
        if self.raw == "(":
            return self._call(word)
        if word in SQL_WORDS:
            return self._word(word)
        if raw in self._columns and raw.isidentifier():
            return t.Column(raw)
        raise _Unsure

    def _bracketed(self) -> t.Tree:
        self._open()
        tree = self.any_of()
        self._close()
        return tree

    def _call(self, word: str) -> t.Tree:
        if (part := _PARTS.get(word)) is not None:
            self._open()
            operand = self._joined()
            self._close()
            return t.Extract(part, operand)
        function = _FUNCTIONS.get(word)
        if function is None:
            raise _Unsure
        self._open()
        arguments = [self._joined()]
        while self._skip(","):
            arguments.append(self._joined())
        self._close()
        given, wanted = len(arguments), 2 if function in _TWO_ARGUMENTS else 1
        if given < 2 if function == "COALESCE" else given != wanted:
            raise _Unsure
        return t.Call(function, tuple(arguments))

    def _word(self, word: str) -> t.Tree:
        """What follows a word of SQL that begins a value; the word itself is passed."""
        if word in ("TRUE", "FALSE"):
            return t.Boolean(word == "TRUE")
        if word == "DATE" and (date := day(self._string())) is not None:
            return t.Date(date)
        if word == "TIMESTAMP" and (moment := instant(self._string())) is not None:
            return t.Timestamp(moment)
        raise _Unsure

    def _column(self, name: str, *, quoted: bool) -> t.Tree:
        if name not in self._columns or self.raw != f'"{name}"':
            raise _Unsure
        self._step()
        if self.raw == "(":
            raise _Unsure
        return t.Column(name, quoted=quoted)

    def _number(self) -> t.Tree:
        raw = self.raw
        if not ("0" <= raw[:1] <= "9" and "0" <= raw[-1] <= "9") or len(raw) > _DIGITS:
            raise _Unsure
        self._step()
        return t.Number(int(raw) if raw.isdecimal() else Decimal(raw))

    def _string(self) -> str:
        raw = self.raw
        if len(raw) < 2 or raw[0] != "'" or raw[-1] != "'":
            raise _Unsure
        self._step()
        return raw[1:-1].replace("''", "'")

    def _open(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _Unsure
        self._step()

    def _close(self) -> None:
        self._depth -= 1
        self._expect(")")

    def _sign(self) -> None:
        self._signs += 1
        if self._signs > _MOST_SIGNS:
            raise _Unsure
        self._step()

    def _skip(self, word: str) -> bool:
        if self.word != word:
            return False
        self._step()
        return True

    def _expect(self, word: str) -> None:
        if self.word != word:
            raise _Unsure
        self._step()

    def _step(self) -> None:
        self.raw = raw = next(self._next, "")
        self.word = raw.upper()


def _flat(terms: list[t.Tree], kind: type[t.And] | type[t.Or]) -> list[t.Tree]:
    """Brackets around terms of the same kind mean nothing."""
    return [each for term in terms for each in (term.terms if isinstance(term, kind) else (term,))]
