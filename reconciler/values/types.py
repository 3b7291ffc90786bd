"""The column type language: `string`, `decimal(10,2)`, `list<struct<name: string, at: timestamp>>`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias, get_args

MAX_DEPTH = 16
MAX_DIGITS = 38
FlatName = Literal[
    "string", "boolean", "int", "long", "float", "double", "date", "timestamp", "binary"
]  # fmt: skip
FLAT: tuple[FlatName, ...] = get_args(FlatName)
_ALIASES = {
    "str": "string", "text": "string", "varchar": "string", "bool": "boolean", "integer": "int", "int32": "int",
    "bigint": "long", "int64": "long", "real": "float", "float32": "float", "float64": "double", "datetime": "timestamp",
    "bytes": "binary", "numeric": "decimal(10,2)", "number": "double", "array": "list<string>",
    "decimal": "decimal(10,2)", "list": "list<string>", "struct": "struct<name: string>", "map": "list<struct<…>>",
}  # fmt: skip
_TOKEN = re.compile(r"\s*([A-Za-z_]\w*|\d+|[^\s\w])")
_NAME = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^\s:,<>"()]+))\s*:')
_PLAIN_NAME = re.compile(r'[^\s:,<>"()]+')


@dataclass(frozen=True, slots=True)
class Flat:
    """A type without parameters. `timestamp` is an instant in microseconds, UTC."""

    name: FlatName

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Decimal:
    """`precision` digits (1 to 38), `scale` of them after the point."""

    precision: int
    scale: int

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one type."""

    item: ColumnType

    def __str__(self) -> str:
        return f"list<{self.item}>"


@dataclass(frozen=True, slots=True)
class Struct:
    """Named fields in order, names distinct."""

    fields: tuple[tuple[str, ColumnType], ...]

    def __str__(self) -> str:
        return f"struct<{', '.join(f'{_written(name)}: {of}' for name, of in self.fields)}>"


ColumnType: TypeAlias = Flat | Decimal | ListOf | Struct


def parse_type(text: str) -> ColumnType:
    """Reads a type. Raises ValueError with what is wrong and the mend."""
    reader = _Reader(text)
    found = reader.type(1)
    if (rest := reader.peek()) is not None:
        raise ValueError(f"nothing may follow {found}, but {rest[:40]!r} does")
    return found


def is_nested(of: ColumnType) -> bool:
    """Whether it is a list or a struct, for which CSV has no form."""
    return isinstance(of, ListOf | Struct)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> str | None:
        found = _TOKEN.match(self.text, self.at)
        return found[1] if found else None

    def take(self) -> str:
        found = _TOKEN.match(self.text, self.at)
        if not found:
            raise ValueError("the type ends too early: a bracket isn't closed or a name is missing")
        self.at = found.end()
        return found[1]

    def expect(self, wanted: str) -> None:
        if (found := self.take()) != wanted:
            raise ValueError(f"{wanted!r} belongs where {found[:40]!r} stands")

    def type(self, depth: int) -> ColumnType:
        if depth > MAX_DEPTH:
            raise ValueError(f"types nest {MAX_DEPTH} levels at most")
        name = self.take()
        for flat in FLAT:
            if name == flat:
                return Flat(flat)
        if name == "decimal" and self.peek() == "(":
            return self._decimal()
        if name == "list" and self.peek() == "<":
            self.take()
            item = self.type(depth + 1)
            self.expect(">")
            return ListOf(item)
        if name == "struct" and self.peek() == "<":
            self.take()
            return self._struct(depth)
        raise ValueError(f"{name[:40]!r} is no type.{_hint(name)}")

    def _decimal(self) -> Decimal:
        self.expect("(")
        precision = self._number()
        self.expect(",")
        scale = self._number()
        self.expect(")")
        if not (1 <= precision <= MAX_DIGITS and scale <= precision):
            raise ValueError(
                f"decimal(precision,scale) has 1 to {MAX_DIGITS} digits, and no more of them after the point"
            )
        return Decimal(precision, scale)

    def _number(self) -> int:
        found = self.take()
        if not (found.isascii() and found.isdigit() and len(found) <= 4):
            raise ValueError(f"a number belongs where {found[:40]!r} stands. Write decimal(10,2)")
        return int(found)

    def _struct(self, depth: int) -> Struct:
        fields: dict[str, ColumnType] = {}
        while True:
            found = _NAME.match(self.text, self.at)
            if not found:
                raise ValueError("a struct's field is written name: type, as in struct<name: string>")
            self.at = found.end()
            name = found[2] if found[1] is None else found[1].replace('""', '"')
            _check_name(name)
            if name in fields:
                raise ValueError(f"a struct has two fields {name[:40]!r}")
            fields[name] = self.type(depth + 1)
            match self.take():
                case ">":
                    return Struct(tuple(fields.items()))
                case ",":
                    continue
                case other:
                    raise ValueError(f"',' or '>' belongs where {other[:40]!r} stands")


def _check_name(name: str) -> None:
    # Engines take these for patterns that match several fields.
    if not name or name == "*" or (name.startswith("^") and name.endswith("$")):
        raise ValueError(f"a struct's field can't be named {name[:40]!r}")


def _written(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _hint(name: str) -> str:
    word = name.lower()
    if word in FLAT:
        return f" Did you mean {word}?"
    if word in _ALIASES:
        return f" Did you mean {_ALIASES[word]}?"
    near = get_close_matches(word[:40], FLAT, n=1, cutoff=0.7)
    known = f" Types: {', '.join(FLAT)}, decimal(p,s), list<T>, struct<name: T>."
    return f" Did you mean {near[0]}?" if near else known
