"""What a look at the data showed, beside a plan: values for reading, which decide nothing. Small numbers of people aren't told."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from reconciler.values.base import Value
from reconciler.values.changed import Gone
from reconciler.values.excluded import Excluded
from reconciler.values.manifest import RunKind
from reconciler.values.slot import Instant, Slot

SAMPLES: Final = 20
"""Rows of which a sample is made at most."""
FEW: Final = 10
"""A smaller number could be about somebody; none at all is about nobody."""

Count = Annotated[int, Field(ge=0)] | Literal["<10"]


def count(number: int) -> Count:
    """The number, or that it is a small one."""
    return "<10" if 0 < number < FEW else number


class Causes(Value):
    """Keys, by what made them enter or leave: what is edited (they wouldn't have under the filter as it was), or the data."""

    by_edit: Count
    by_data: Count


class Members(Value):
    """Keys that match in the whole dataset, whoever of them may leave. `before`: at the last export, with the filter and the data of then.

    `enters`, `leaves`: compared with that; None, as is `before`, where it can't be told: `why`.
    """

    before: Count | None = None
    now: Count
    enters: Causes | None = None
    leaves: Causes | None = None
    why: str | None = None


class ChangedData(Value):
    """Strategy `diff`: people that are new to the recipient, that look otherwise, and that are told or known to have left, by reason."""

    added: Count
    changed: Count
    removed: dict[Gone, Count] = {}


class DueData(Value):
    """An export that is due, if it were made of the data as it is. `rows` leave, in `files` files at least.

    `reads`, `bytes`: data files and their size. `told_by`: whether rows were read, or footers said enough. `excluded`: rows that match and
    stay, by reason. `listed`: rows that leave and whose value is on a suppression's list, by suppression: compared apart from how they
    were excluded, so that 0 is proof; under `diff`, of all rows that may leave. `changes`: under `diff`, what these rows are.
    `samples`: where asked for, the shapes of some rows that leave (under `diff`: that may), by column.
    """

    slot: Slot
    kind: RunKind
    rows: Count
    files: int
    reads: int
    bytes: int
    told_by: Literal["data", "statistics"]
    excluded: dict[Excluded, Count] = {}
    listed: dict[str, Count] = {}
    changes: ChangedData | None = None
    samples: tuple[dict[str, str | None], ...] = ()


class FlowData(Value):
    """One flow that is due, or that the plan adds or changes. `problem`: why it couldn't be looked at, as an export would say.

    `keyless`: why there are no `members`, whatever the data says.
    """

    flow: str
    due: DueData | None = None
    members: Members | None = None
    keyless: str | None = None
    problem: str | None = None


class Overlap(Value):
    """Keys that two audiences of one destination share, over one dataset."""

    destination: str
    flows: tuple[str, str]
    both: Count


class PlanData(Value):
    """One look at the data. `left_out`: what was too much to compare, in words."""

    at: Instant
    flows: tuple[FlowData, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    left_out: tuple[str, ...] = ()
