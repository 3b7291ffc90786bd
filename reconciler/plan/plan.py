"""A plan: what to change, why, and what is refused. Frozen values, sorted, without secrets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.ledger.records import StillThere
from reconciler.plan.drift import Drift
from reconciler.plan.governed import Governance
from reconciler.plan.permitted import Permissions
from reconciler.resources.effective import EffectiveDestination, FlowSpec
from reconciler.resources.governing import Governing
from reconciler.values.base import Value
from reconciler.values.manifest import RunKind
from reconciler.values.slot import Instant, Slot

CursorEffect = Literal["keep", "rebuild", "none"]


class Reason(Value):
    """Why. `code` is stable, `sentence` is for people: executors never read either."""

    code: str
    sentence: str


class FieldDiff(Value):
    """One field that differs, as text: strings as they are, the rest as JSON, None if absent. Secrets: references."""

    path: str
    before: str | None = None
    after: str | None = None


class Refusal(Value):
    """Why the plan, or a saved one, can't be applied. `code` is in the catalogue."""

    code: str
    sentence: str


class _Common(Value):
    """`subject`: a destination's name or a flow's id. `generation`: of the touched object as seen, 0 if none."""

    subject: str
    owner: str
    reason: Reason
    fields: tuple[FieldDiff, ...] = ()
    cursor: CursorEffect = "none"
    generation: int = 0


class CreateDestination(_Common):
    """A destination that the ledger doesn't know. `renamed_from`: the record that is removed in the same plan. `transfer_to`: the project
    that may adopt it, here as below."""

    change: Literal["create-destination"] = "create-destination"
    spec: EffectiveDestination
    protected: bool
    transfer_to: str | None = None
    renamed_from: str | None = None


class UpdateDestination(_Common):
    """A destination that is declared otherwise than applied."""

    change: Literal["update-destination"] = "update-destination"
    spec: EffectiveDestination
    protected: bool
    transfer_to: str | None = None


class AdoptDestination(_Common):
    """A destination that another project offers: from then on it is this one's."""

    change: Literal["adopt-destination"] = "adopt-destination"
    spec: EffectiveDestination
    protected: bool
    transfer_to: str | None = None
    adopted_from: str


class RemoveDestination(_Common):
    """A destination that isn't declared any more; `spec` as applied."""

    change: Literal["remove-destination"] = "remove-destination"
    spec: EffectiveDestination


class _FlowChange(_Common):
    spec: FlowSpec
    source_id: str


class AddFlow(_FlowChange):
    """A new flow, or one that comes back (`generation`: its tombstone's). The first export is as `backfill` says."""

    change: Literal["add-flow"] = "add-flow"


class UpdateFlow(_FlowChange):
    """`rebuild`: why what was exported can't be added to; then, once anything has been, the next export is full."""

    change: Literal["update-flow"] = "update-flow"
    rebuild: str | None = None


class RemoveFlow(_FlowChange):
    """Off the schedule; `spec` as applied. `purge`: what was exported is deleted; `deletes`: how much that is by now, where it is known."""

    change: Literal["remove-flow"] = "remove-flow"
    purge: bool
    deletes: StillThere | None = None


class MoveFlow(_FlowChange):
    """A rename: `subject` is the new id, `generation` a tombstone's there. Cursor, slots and folder come along, the cursor
    not where there is a `rebuild` (see `UpdateFlow`)."""

    change: Literal["move-flow"] = "move-flow"
    moved_from: str
    from_generation: int
    rebuild: str | None = None


class AdoptFlow(_FlowChange):
    """A flow that another project offers: from then on it is this one's, and goes on where it stands. `rebuild` as in `UpdateFlow`."""

    change: Literal["adopt-flow"] = "adopt-flow"
    adopted_from: str
    rebuild: str | None = None


class SuspendFlow(_FlowChange):
    """No exports until it is resumed."""

    change: Literal["suspend-flow"] = "suspend-flow"


class ResumeFlow(_FlowChange):
    """Exports again; slots that passed meanwhile follow `catchUp`."""

    change: Literal["resume-flow"] = "resume-flow"


class Export(_Common):
    """A due slot, or with `run_id` an open run to finish. `missed`: older slots that this export stands for.

    A run on demand (`on_demand`) is completed if it was decided, else discarded: who asked for it asks again.
    """

    change: Literal["export"] = "export"
    slot: Slot
    kind: RunKind
    run_id: str | None = None
    on_demand: bool = False
    missed: int = 0


class UpdateAccess(_Common):
    """What permissions are judged by is declared otherwise than applied: roles, identity, policies, labels. `subject`: the project; `spec`:
    None where there are no roles any more."""

    change: Literal["update-access"] = "update-access"
    spec: Governing | None = None


DestinationChange = CreateDestination | UpdateDestination | AdoptDestination | RemoveDestination
FlowChange = AddFlow | UpdateFlow | RemoveFlow | MoveFlow | AdoptFlow | SuspendFlow | ResumeFlow
AnyChange = DestinationChange | FlowChange | Export | UpdateAccess
Change = Annotated[AnyChange, Field(discriminator="change")]

# The order in which changes are performed and shown: what others stand on comes first.
_ORDER = (
    "create-destination",
    "update-destination",
    "adopt-destination",
    "move-flow",
    "adopt-flow",
    "remove-flow",
    "add-flow",
    "update-flow",
    "suspend-flow",
    "resume-flow",
    "remove-destination",
    "update-access",
    "export",
)


def order(change: AnyChange) -> tuple[int, str]:
    """The sort key of changes."""
    return _ORDER.index(change.change), change.subject


class Handover(Value):
    """A destination or flow that is offered to project `to`, and whether that has adopted it. `subject` as in changes."""

    subject: str
    to: str
    adopted: bool


class NextExport(Value):
    """The earliest slot to come, and whose it is."""

    flow: str
    slot: Slot


class Plan(Value):
    """All that an apply would do. With any refusal nothing may be performed.

    `lineage` and `serial` are None where no ledger has been made yet. `unchanged`: flows as declared, `suspended`:
    those among them that export nothing. `base`: the revision it is compared with instead of a ledger; such a plan is
    for reading, holds no exports and can't be applied. `drift`: what isn't as recorded at the destinations, where `refreshed`
    says that they were looked at; nothing is done about it. `governance`: what the policies say of all that is declared.
    `permissions`: who plans and what it takes, where roles are applied. `handovers`: what is as declared here and offered to another
    project, or has been adopted by it.
    """

    project: str
    environment: str | None = None
    lineage: str | None = None
    serial: int | None = None
    simulated: bool = False
    config_digest: str
    revision: str | None = None
    base: str | None = None
    at: Instant
    tool: str
    selected: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unchanged: int = 0
    suspended: int = 0
    next_export: NextExport | None = None
    refreshed: bool = False
    drift: tuple[Drift, ...] = ()
    governance: Governance = Governance()
    permissions: Permissions | None = None
    handovers: tuple[Handover, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing to do and nothing refused."""
        return not self.changes and not self.refusals
