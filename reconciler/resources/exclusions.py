"""Who must not leave, as a flow's effective spec and an engine's job hold it."""

from __future__ import annotations

from reconciler.resources.account import AnyAccount
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.suppression import Match
from reconciler.values.base import Value
from reconciler.values.slot import Instant


class ConsentRule(Value):
    """A row leaves only if the column's value is one of these: what every marketing action of the destination allows."""

    column: str
    values: tuple[str | bool, ...]


class ExpiryRule(Value):
    """A row whose column lies at or before this instant is expired; so is one without a value."""

    column: str
    before: Instant


class EffectiveSuppression(Value):
    """A suppression with its list. `match`: those whose column the flow's dataset has."""

    name: str
    match: tuple[Match, ...]
    max_age: str | None = None
    min_rows: int
    dataset: str
    dataset_spec: DatasetSpec
    account: AnyAccount | None = None
