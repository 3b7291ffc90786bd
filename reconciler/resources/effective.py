"""What a flow means once every reference is resolved: all that a run needs, without the YAML.

Built by `config/link.py`, kept in the ledger's heads, compared by the plan. Secrets are references here too.
"""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from reconciler.catalog.base import Folder
from reconciler.resources.account import AnyAccount
from reconciler.resources.activation import Backfill, Guards
from reconciler.resources.alert import EffectiveAlert
from reconciler.resources.dataset import Changes, DatasetSpec
from reconciler.resources.destination import AnyDestination
from reconciler.resources.exclusions import ConsentRule, EffectiveSuppression
from reconciler.resources.override import Override, Overrides, listed
from reconciler.resources.schedule import ScheduleSpec
from reconciler.resources.transform import OneTransform, named
from reconciler.values.base import Value
from reconciler.values.identity import FlowId, SourceKind


class ExportColumn(Value):
    """A column that leaves: `column` in the dataset (None: `constant` in every row), `name` in the file, `type` as it leaves.

    `transform`: what is done to it, in order (None: nothing). `required`: rows without a value don't leave.
    """

    column: str | None = None
    name: str
    type: str
    transform: tuple[OneTransform, ...] | None = None
    constant: str | bool | int | None = None
    required: Literal[True] | None = None

    @property
    def treatment(self) -> str:
        """What is done to it, for people: ` (sha256-email, required)`, or nothing."""
        done = [named(step) for step in self.transform or ()] + (["required"] if self.required else [])
        return f" ({', '.join(done)})" if done else ""


class EffectiveDestination(Value):
    """A destination with its account. `recipient_keys`: for whom its files are encrypted, as fingerprints in the order of `encryption`."""

    name: str
    spec: AnyDestination
    account: AnyAccount | None = None
    recipient_keys: tuple[str, ...] | None = None

    @property
    def place(self) -> Folder:
        """Where its files go, to be compared."""
        return self.spec.connection.folder(self.account.realm if self.account else "")


class EffectiveSource(Value):
    """What is exported: a dataset's rows, those that match `where` for an audience. `id`: requested folder name, if any."""

    kind: SourceKind
    name: str
    id: str | None = None
    data_type: Literal["prospects", "customers", "datasets"]
    where: str | None = None
    dataset: str
    dataset_spec: DatasetSpec
    account: AnyAccount | None = None


class FlowSpec(Value):
    """One flow: source to destination, when, how. `transfer_to`: the project that may adopt it."""

    source: EffectiveSource
    destination: EffectiveDestination
    schedule: ScheduleSpec
    activation: str
    feed: str | None = None
    mode: Literal["incremental", "full"]
    backfill: Backfill
    columns: tuple[ExportColumn, ...]
    consent: ConsentRule | None = None
    suppressions: tuple[EffectiveSuppression, ...] = ()
    guards: Guards
    override: Overrides | None = None
    alerts: tuple[EffectiveAlert, ...] = ()
    on_remove: Literal["keep", "purge"]
    suspend: bool
    protect: bool
    transfer_to: str | None = None

    @property
    def flow_id(self) -> FlowId:
        """The flow's identity."""
        return FlowId(self.destination.name, self.source.kind, self.source.name, self.feed or "")

    @property
    def overrides(self) -> tuple[Override, ...]:
        """What is lifted of the activation's guards and of policies, in force or not."""
        return listed(self.override)

    @property
    def changes(self) -> Changes | None:
        """What this flow tells of changes; None where it doesn't compare, by another strategy or since it always exports all."""
        increments = self.source.dataset_spec.incremental
        return increments.told if self.mode == "incremental" and increments.strategy == "diff" else None

    @property
    def leaving(self) -> tuple[ExportColumn, ...]:
        """`columns`, and last the operation where the flow writes one: name and type of all that its files hold."""
        name = self.changes.operation_column if self.changes else None
        return self.columns if name is None else (*self.columns, ExportColumn(name=name, type="string"))

    def labels(self, column: ExportColumn) -> tuple[str, ...]:
        """The data-usage labels of what leaves: those of the dataset's column, whatever is made of it. A constant has none."""
        declared = self.source.dataset_spec.columns.get(column.column or "")
        return (declared.labels or ()) if declared is not None else ()


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False)


def fingerprint(spec: Value) -> str:
    """Hex SHA-256 of a value's canonical JSON: equal exactly where the meaning is equal."""
    return hashlib.sha256(_CANONICAL.encode(spec.to_json()).encode()).hexdigest()
