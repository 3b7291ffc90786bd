"""What looking at data finds: columns with types, and columns that have none."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.values.types import ColumnType, parse_type


class NoType(Exception):
    """Why values have no one declared type; the text holds no value."""


@dataclass(frozen=True, slots=True)
class Column:
    """`optional`: some file or object lacks it. `guessed`: only nulls were seen."""

    name: str
    type: ColumnType
    optional: bool = False
    guessed: bool = False


def checked(of: ColumnType) -> ColumnType:
    """The type, if the type language has it. Raises `NoType`: a field's name, or the depth."""
    try:
        return parse_type(str(of))
    except ValueError as error:
        raise NoType(f"its type can't be declared: {error}") from None
    except RecursionError:
        raise NoType("it is nested too deeply") from None
