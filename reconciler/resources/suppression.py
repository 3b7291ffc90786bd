"""`Suppression`: people who must not be exported, to anyone, by any flow."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from reconciler.resources.dataset import ColumnName, Duration
from reconciler.resources.metadata import Name
from reconciler.resources.transform import Transform
from reconciler.values.base import Value


class Match(Value):
    """A row is suppressed if `column`, transformed, equals a value of the list's column `list`. Nothing equals null."""

    list_: Annotated[ColumnName, Field(alias="list")]
    column: ColumnName
    transform: Transform | None = None


class SuppressionSpec(Value):
    """`dataset` holds the list; a row that any `match` finds stays. A list that is missing, older than `maxAge` (by its newest file)
    or smaller than `minRows` stops every flow.

    Incremental flows that don't tell who left need a decision: `notify: true` allows none of them, so that whoever got the person is
    told, `unnotified: accept` lets people who were sent before stay with the recipient.
    """

    dataset: Name
    match: Annotated[tuple[Match, ...], Field(min_length=1, max_length=16)]
    max_age: Duration | None = None
    min_rows: Annotated[int, Field(ge=0)] = 1
    notify: bool = False
    unnotified: Literal["accept"] | None = None

    @model_validator(mode="after")
    def _decided(self) -> Self:
        if self.notify and self.unnotified is not None:
            raise ValueError("notify tells every recipient and unnotified: accept tells none: keep one")
        return self
