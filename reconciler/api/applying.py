"""Performing a plan: what is checked before anything is touched, then every change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reconciler.api.hooks import Hooks
from reconciler.api.principal import require_principal
from reconciler.api.purges import PurgeEvent
from reconciler.api.retaining import RetainEvent
from reconciler.api.wiring import Wiring, new_lineage
from reconciler.apply.changes import Apply, Done, Result
from reconciler.apply.initialise import open_for_apply
from reconciler.config.desired import Desired
from reconciler.config.project import LedgerPlace
from reconciler.errors import Conflict, Refused
from reconciler.ledger.records import Actual, ProjectRecord
from reconciler.plan.access import Access
from reconciler.plan.bind import VALID_FOR, SavedPlan, check_saved, refuse
from reconciler.plan.permitted import Principal
from reconciler.plan.plan import (
    AddFlow,
    AdoptFlow,
    Export,
    MoveFlow,
    Plan,
    RemoveFlow,
    ResumeFlow,
    SuspendFlow,
    UpdateFlow,
)
from reconciler.resources.alert import EffectiveAlert
from reconciler.stores.ledger import Ledger
from reconciler.values.identity import FlowId
from reconciler.version import __version__

_TELLING = AddFlow | UpdateFlow | MoveFlow | AdoptFlow | SuspendFlow | ResumeFlow


@dataclass(frozen=True, slots=True)
class Performed:
    """`results`: of each change, in order. `purges`: those that an earlier apply left unfinished, and what of abandoned runs couldn't be
    removed. `retained`: exports that were past `files.retain`. `made`: this apply made the ledger."""

    results: tuple[Result, ...]
    purges: tuple[PurgeEvent, ...] = ()
    retained: tuple[RetainEvent, ...] = ()
    made: bool = False


def check(
    plan: Plan | SavedPlan, place: LedgerPlace, actual: Actual, now: datetime, desired: Desired | None = None
) -> Plan:
    """The plan, if it may be performed on this ledger now; `desired`: the configuration at hand, for a saved one.

    Raises `Refused` where the plan itself was refused, `Conflict` where it is stale or of another ledger.
    """
    saved = plan if isinstance(plan, SavedPlan) else SavedPlan(plan=plan, expires=plan.at + VALID_FOR, digest="")
    if refusal := check_saved(saved, desired, actual, now, __version__):
        raise refuse(refusal)
    if (saved.plan.project, saved.plan.environment) != (place.project, place.environment):
        raise Conflict("G125", "the plan can't be performed", "It was made for another project or environment.")
    return saved.plan


def permitted(plan: Plan, actual: Actual, desired: Callable[[], Desired | None], root: Path) -> Principal | None:
    """Who applies, by the roles that are applied; None where there are none. `desired`: asked only then.

    Raises `Refused` G150, G151, G152."""
    if Access.of(plan.project, actual) is None:
        return None
    access = Access.of(plan.project, actual, desired())
    assert access is not None
    who = require_principal(access, root)
    refusals = access.refusals(plan.changes, who)
    if refusals:
        raise Refused(refusals[0].code, "not permitted", " ".join(each.sentence for each in refusals[:5]))
    return who


def perform(
    wiring: Wiring,
    ledger: Ledger,
    plan: Plan,
    seen: ProjectRecord | None,
    now: datetime,
    hooks: Hooks,
    *,
    exports: bool = True,
    who: Principal | None = None,
) -> Performed:
    """Every change of a plan that was checked against `seen` and its ledger, by `who` if that was proven.

    Makes the ledger where there is none.

    Raises as `Apply.perform` does, and `Refused` L150, `Conflict` where another apply was faster.
    """
    context = wiring.context(ledger, hooks)
    applied = wiring.applied(now)
    if who is not None:
        applied = applied.model_copy(update={"by": who.name})
    opened = open_for_apply(
        ledger,
        project=plan.project,
        environment=wiring.place.environment,
        simulated=wiring.place.spec.simulated,
        applied=applied,
        lineage=new_lineage,
        seen=seen,
    )
    lineage = opened.record.lineage
    with wiring.telling(ledger, lineage, hooks, now) as telling:
        context = telling.of(context, (each.spec for each in plan.changes if isinstance(each, _TELLING)))
        telling.alerts.watch(each.subject for each in plan.changes if isinstance(each, Export))
        results = Apply(context, lineage, applied, now).perform(plan, hooks.told, exports=exports)
        telling.alerts.forget(_silent(results))
    return Performed(results, made=opened.made)


def alerts_declared(plan: Plan) -> Iterator[EffectiveAlert]:
    """Whom the flows that a plan adds or changes tell of what."""
    for each in plan.changes:
        if isinstance(each, _TELLING):
            yield from each.spec.alerts


def _silent(results: tuple[Result, ...]) -> Iterator[FlowId]:
    """Flows that tell nobody of anything any more, so that what they told is forgotten."""
    for each in results:
        match each:
            case Done(change=RemoveFlow(subject=flow, spec=spec)) if spec.alerts:
                yield FlowId.parse(flow)
            case Done(change=MoveFlow(moved_from=flow)):
                yield FlowId.parse(flow)
            case Done(change=UpdateFlow() | AdoptFlow() as change) if not change.spec.alerts:
                if any(field.path.startswith("alerts") for field in change.fields):
                    yield FlowId.parse(change.subject)
            case _:
                pass
