"""`Activation`: the binding of destination, schedule and sources; each source becomes a flow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.resources.dataset import ColumnName
from reconciler.resources.metadata import LabelKey, LabelValue, Name
from reconciler.values.base import Value
from reconciler.values.slot import Instant

Rows = Annotated[int, Field(ge=0)]
Percent = Annotated[str, Field(pattern=r"^\d{1,4}(\.\d{1,3})?%$")]


class Selector(Value):
    """All labels must match."""

    match_labels: Annotated[dict[LabelKey, LabelValue], Field(min_length=1)]


class MappedColumn(Value):
    """A column of the dataset under another name."""

    column: ColumnName
    as_: Annotated[ColumnName, Field(alias="as")]


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
    """On the rows of this run."""

    min_rows: Rows | None = None
    max_rows: Rows | None = None


class Guards(Value):
    """Judged between staging and publishing, when the true numbers are known."""

    audience: AudienceGuard = AudienceGuard()
    export: ExportGuard = ExportGuard()


class ActivationSpec(Value):
    """At least one of `audiences`, `datasets`, `audienceSelector`, `datasetSelector`."""

    destination: Name
    schedule: Name
    audiences: tuple[Name, ...] = ()
    datasets: tuple[Name, ...] = ()
    audience_selector: Selector | None = None
    dataset_selector: Selector | None = None
    mode: Literal["incremental", "full"] = "incremental"
    backfill: Backfill | None = None
    columns: Annotated[tuple[ColumnName | MappedColumn, ...], Field(min_length=1)] | None = None
    guards: Guards = Guards()
    on_remove: Literal["keep", "purge"] = "keep"
    suspend: bool = False
