"""`Activation`: the binding of destination, schedule and sources; each source becomes a flow."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from reconciler.resources.alert import ActivationAlert
from reconciler.resources.dataset import ColumnName, Incremental
from reconciler.resources.formats import Files, Format
from reconciler.resources.metadata import LabelKey, LabelValue, Name
from reconciler.resources.transform import Transform
from reconciler.values.base import Value
from reconciler.values.slot import Instant

Rows = Annotated[int, Field(ge=0)]
Percent = Annotated[str, Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,3})?%$")]


class Selector(Value):
    """All labels must match."""

    match_labels: Annotated[dict[LabelKey, LabelValue], Field(min_length=1)]


Constant = Annotated[str, Field(max_length=1024)] | bool | int


class MappedColumn(Value):
    """A column of the dataset, under another name and transformed where that is said, or a constant.

    `required`: rows whose value would leave empty are excluded and counted.
    """

    column: ColumnName | None = None
    constant: Constant | None = None
    as_: Annotated[ColumnName | None, Field(alias="as")] = None
    transform: Transform | None = None
    required: bool = False

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise ValueError("a column that leaves has either column or constant")
        if self.constant is not None and self.as_ is None:
            raise ValueError("a constant needs a name: write as")
        if self.constant is not None and (self.transform is not None or self.required):
            raise ValueError("a constant is never transformed nor missing: leave out transform and required")
        return self

    @property
    def name(self) -> str:
        """The name in the file."""
        return self.as_ or self.column or ""


class BackfillFrom(Value):
    """Only files that were modified at or after an instant."""

    from_: Annotated[Instant, Field(alias="from")]


Backfill = Literal["full", "none"] | BackfillFrom


class AudienceGuard(Value):
    """On the audience's size: rows that match in the whole dataset. `maxChange`: against the last recorded run."""

    min_rows: Rows | None = None
    max_rows: Rows | None = None
    max_change: Percent | None = None


class ExportGuard(Value):
    """On the rows of this run. `maxRemoved`: of those that the recipient had before, how many may go (strategy `diff`)."""

    min_rows: Rows | None = None
    max_rows: Rows | None = None
    max_removed: Percent | None = None


class Guards(Value):
    """Judged between staging and publishing, when the true numbers are known."""

    audience: AudienceGuard = AudienceGuard()
    export: ExportGuard = ExportGuard()

    def names(self) -> tuple[str, ...]:
        """Those that are set, as in configuration: `audience.minRows`."""
        parts = (("audience", self.audience.to_json()), ("export", self.export.to_json()))
        return tuple(f"{part}.{key}" for part, limits in parts for key in limits)


class ActivationSpec(Value):
    """At least one of `audiences`, `datasets`, `audienceSelector`, `datasetSelector`.

    `feed` makes further flows of the same sources to the same destination. `format` replaces the destination's; of `files`, what is
    written here takes the place of what is written there; so it is with `alerts` of the same channel.
    """

    destination: Name
    schedule: Name
    audiences: tuple[Name, ...] = ()
    datasets: tuple[Name, ...] = ()
    audience_selector: Selector | None = None
    dataset_selector: Selector | None = None
    mode: Literal["incremental", "full"] = "incremental"
    backfill: Backfill | None = None
    incremental: Incremental | None = None
    columns: Annotated[tuple[ColumnName | MappedColumn, ...], Field(min_length=1)] | None = None
    guards: Guards = Guards()
    alerts: tuple[ActivationAlert, ...] = ()
    feed: Name | None = None
    format: Format | None = None
    files: Files | None = None
    on_remove: Literal["keep", "purge"] = "keep"
    suspend: bool = False
