"""Performing a plan: what is checked before anything is touched, then every change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.api.hooks import Hooks
from reconciler.api.purges import PurgeEvent
from reconciler.api.retaining import RetainEvent
from reconciler.api.wiring import Wiring, new_lineage
from reconciler.apply.changes import Apply, Result
from reconciler.apply.initialise import open_for_apply
from reconciler.config.desired import Desired
from reconciler.config.project import LedgerPlace
from reconciler.errors import Conflict
from reconciler.ledger.records import Actual, ProjectRecord
from reconciler.plan.bind import VALID_FOR, SavedPlan, check_saved, refuse
from reconciler.plan.plan import Plan
from reconciler.stores.ledger import Ledger
from reconciler.version import __version__


@dataclass(frozen=True, slots=True)
class Performed:
    """`results`: of each change, in order. `purges`: those that an earlier apply left unfinished. `retained`: exports that were past
    `files.retain`. `made`: this apply made the ledger."""

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


def perform(
    wiring: Wiring,
    ledger: Ledger,
    plan: Plan,
    seen: ProjectRecord | None,
    now: datetime,
    hooks: Hooks,
    *,
    exports: bool = True,
) -> Performed:
    """Every change of a plan that was checked against `seen` and its ledger. Makes the ledger where there is none.

    Raises as `Apply.perform` does, and `Refused` L150, `Conflict` where another apply was faster.
    """
    context = wiring.context(ledger, hooks)
    applied = wiring.applied(now)
    opened = open_for_apply(
        ledger,
        project=plan.project,
        environment=wiring.place.environment,
        simulated=wiring.place.spec.simulated,
        applied=applied,
        lineage=new_lineage,
        seen=seen,
    )
    results = Apply(context, opened.record.lineage, applied, now).perform(plan, hooks.told, exports=exports)
    return Performed(results, made=opened.made)
