"""The types of JSON Lines: objects merged into one shape, key by key."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from reconciler.datasets.infer_text import Texts
from reconciler.datasets.infer_types import NoType
from reconciler.datasets.problems import named, problem
from reconciler.values.pin import PinnedFile
from reconciler.values.types import ColumnType, Flat, ListOf, Struct

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_STRINGS: Final = ("date", "timestamp")


class Values:
    """What was seen at one place of the objects: kinds of value, and the shapes inside lists and objects."""

    def __init__(self) -> None:
        self._kinds: set[str] = set()
        self._texts = Texts(_STRINGS)
        self._items: Values | None = None
        self._fields: dict[str, Values] = {}

    def add(self, value: Any) -> None:
        """One value, as `json` reads it."""
        match value:
            case None:
                return
            case bool():
                self._kinds.add("boolean")
            case int():
                self._kinds.add("long" if _SMALLEST <= value <= _LARGEST else "larger number")
            case float():
                self._kinds.add("double" if abs(value) < float("inf") else "larger number")
            case str():
                self._kinds.add("string")
                self._texts.add(value)
            case list():
                self._kinds.add("list")
                self._items = self._items or Values()
                for item in value:
                    self._items.add(item)
            case _:
                self._kinds.add("object")
                for name, field in value.items():
                    self._fields.setdefault(name, Values()).add(field)

    def type(self) -> ColumnType | None:
        """The type; None where only nulls were seen. Raises `NoType`."""
        if not self._kinds:
            return None
        if self._kinds <= {"long", "double"}:
            return Flat("double" if "double" in self._kinds else "long")
        if len(self._kinds) > 1:
            raise NoType(f"it is {' and '.join(f'a {kind}' for kind in sorted(self._kinds))}, row by row")
        match next(iter(self._kinds)):
            case "boolean":
                return Flat("boolean")
            case "string":
                return self._texts.type()
            case "list":
                return ListOf((self._items.type() if self._items else None) or Flat("string"))
            case "object":
                return self._struct()
            case kind:
                raise NoType(f"it holds a {kind} than any type")

    def _struct(self) -> Struct:
        if not self._fields:
            raise NoType("it holds empty objects")
        return Struct(tuple((name, field.type() or Flat("string")) for name, field in self._fields.items()))


class Objects:
    """Objects merged: `columns` by key, and `lacking`, the keys that some object doesn't have."""

    def __init__(self) -> None:
        self.columns: dict[str, Values] = {}
        self.lacking: set[str] = set()
        self.count = 0

    def add(self, lines: Iterable[bytes], file: PinnedFile) -> None:
        """Adds a file's lines. Raises `SourceError` F108, F110, with the line."""
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            found = _object(line, f"Line {number} of {named(file.path)}")
            new = found.keys() - self.columns.keys()
            if self.count:
                self.lacking |= new
            self.lacking |= self.columns.keys() - found.keys()
            for name, value in found.items():
                self.columns.setdefault(name, Values()).add(value)
            self.count += 1


def _object(line: bytes, where: str) -> dict[str, Any]:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) < len(items):
            raise problem("F108", f"{where} has a key twice.")
        return found

    try:
        value = json.loads(line, object_pairs_hook=pairs, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise problem("F110", f"{where} isn't exactly one JSON object.") from None
    if not isinstance(value, dict):
        raise problem("F110", f"{where} isn't exactly one JSON object.")
    return value


def _refuse(_constant: str) -> NoReturn:
    raise ValueError
