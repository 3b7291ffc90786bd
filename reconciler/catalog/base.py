"""What a destination type declares about itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from reconciler.values.base import Value

DataType = Literal["prospects", "customers", "datasets"]
FormatName = Literal["parquet", "json", "csv"]
Control = Literal["set-up", "activate", "activate-audiences", "export-datasets"]


@dataclass(frozen=True, slots=True)
class DestinationType:
    """One type. `connection` is the model of `spec.connection`; its fields are the type's parameters.

    `delivery`: `atomic` types show a file whole or not at all, once; `at-least-once` types may repeat a batch.
    `account`: the account type it authenticates with, or None. `extra`: what must be installed to use it, or None.
    `summary`: one sentence for people.
    """

    name: str
    title: str
    summary: str
    category: Literal["file-based", "streaming"]
    delivery: Literal["atomic", "at-least-once"]
    accepts: tuple[DataType, ...]
    formats: tuple[FormatName, ...]
    connection: type[Value]
    account: str | None
    extra: str | None


def control(accepts: Iterable[tuple[DataType, ...]]) -> Control:
    """What a team would do next with a type: set up its first connection, or activate what its connections accept."""
    taken = {each for one in accepts for each in one}
    if not taken:
        return "set-up"
    if "datasets" not in taken:
        return "activate-audiences"
    return "export-datasets" if taken == {"datasets"} else "activate"
