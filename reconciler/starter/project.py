"""What a new project consists of, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.config.text import CONTROL, INVISIBLE
from reconciler.datasets.infer_types import Column
from reconciler.datasets.names import DataFormat

LONGEST_NAME: Final = 256
MOST_COLUMNS: Final = 10_000
S3_SCHEME: Final = "s3://"
ACCOUNT: Final = "aws"


@dataclass(frozen=True, slots=True)
class Data:
    """A dataset. `about`: a sentence on what was looked at. `left_out`: undeclared columns and why."""

    name: str
    location: str
    format: DataFormat
    columns: tuple[Column, ...]
    about: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ","
    settle: str = "5m"


@dataclass(frozen=True, slots=True)
class Target:
    """A destination. `location`: a folder, below the project or absolute, or `s3://BUCKET[/PATH]`."""

    name: str
    location: str
    format: DataFormat


@dataclass(frozen=True, slots=True)
class Starter:
    """A project of one flow. `leaves`: dataset columns and the names under which they leave, in order."""

    name: str
    data: Data
    target: Target
    audience: str
    where: str
    leaves: tuple[tuple[str, str], ...]
    region: str | None = None

    @property
    def needs_account(self) -> bool:
        """Whether anything is in S3."""
        return any(each.startswith(S3_SCHEME) for each in (self.data.location, self.target.location))


def declarable(columns: Iterable[Column]) -> tuple[tuple[Column, ...], dict[str, str]]:
    """The columns whose names configuration can hold, and why the others can't be declared."""
    kept: list[Column] = []
    left_out: dict[str, str] = {}
    for each in columns:
        if why := _unfit(each.name):
            left_out[each.name] = why
        elif len(kept) == MOST_COLUMNS:
            left_out[each.name] = f"a dataset declares {MOST_COLUMNS:,} columns at most"
        else:
            kept.append(each)
    return tuple(kept), left_out


def leaving(columns: Iterable[Column]) -> tuple[tuple[str, str], ...]:
    """All columns, those whose names differ by case alone under names that don't."""
    taken: set[str] = set()
    found = []
    for each in columns:
        name, number = each.name, 1
        while name.lower() in taken:
            number += 1
            name = f"{each.name}_{number}"
        taken.add(name.lower())
        found.append((each.name, name))
    return tuple(found)


def _unfit(name: str) -> str:
    if not name or len(name) > LONGEST_NAME:
        return f"its name is empty or longer than {LONGEST_NAME} characters"
    if CONTROL.search(name) or INVISIBLE.search(name) or any(char in name for char in "\t\r\n"):
        return "its name holds characters that can't be seen"
    return ""
