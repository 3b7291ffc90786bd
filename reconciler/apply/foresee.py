"""`plan --data`: what the exports that are due would hold, and whom an edit lets in or out, of the data as it is. Changes nothing.

The planner decides without data; this looks at it afterwards, and what it finds decides nothing either. Each flow is looked at by itself:
what can't be read of one is said there, in the words of the error that an export would end with.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reconciler.apply.claim import Wanted, opened, reading
from reconciler.apply.compared import foretell
from reconciler.apply.comparisons import Comparisons
from reconciler.apply.context import Context
from reconciler.apply.stage import inspect, job_of
from reconciler.apply.suppress import held_back
from reconciler.datasets.base import Access
from reconciler.datasets.problems import changed_meanwhile
from reconciler.errors import ReconcilerError, of_flow
from reconciler.export.job import ExportJob
from reconciler.export.look import Measured
from reconciler.ledger import transitions
from reconciler.ledger.records import Actual, Applied, FlowHead
from reconciler.plan.data import ChangedData, Count, DueData, FlowData, PlanData, count
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
from reconciler.resources.formats import Files
from reconciler.values.changed import ChangeCounts
from reconciler.values.excluded import Excluded

_UNFINISHED = "An open run is dealt with first; what it holds was settled when it was claimed."
_TOUCHING = AddFlow | UpdateFlow | MoveFlow | AdoptFlow | ResumeFlow


def foresee(context: Context, plan: Plan, actual: Actual, now: datetime, samples: int = 0) -> PlanData:
    """A look at the data of every flow that is due or that the plan adds or changes, and of the others on their destinations as far as
    audiences overlap. `now`: aware, the plan's time. `samples`: of how many rows of each export the shapes are shown. Raises
    `StoreError`, `Interrupted`."""
    heads = after(plan, actual)
    due = {each.subject: each for each in plan.changes if isinstance(each, Export)}
    touched = [each.subject for each in plan.changes if isinstance(each, _TOUCHING)]
    looked = sorted({*due, *touched} & heads.keys())
    comparisons = Comparisons.begun(context, heads, looked, now)
    flows = [
        _flow(context, heads[name], due.get(name), comparisons.problem(name), now, samples).model_copy(
            update={"members": comparisons.members(name), "keyless": comparisons.keyless(heads[name])}
        )
        for name in looked
    ]
    return PlanData(at=now, flows=tuple(flows), overlaps=comparisons.overlaps(), left_out=tuple(comparisons.left_out))


def after(plan: Plan, actual: Actual) -> Mapping[str, FlowHead]:
    """The heads of the plan's project as an apply would leave them, but for its exports; those that export nothing are left out."""
    applied = Applied(at=plan.at, by="")
    heads = {name: head for name, head in actual.flows.items() if head.owner == plan.project}
    for change in plan.changes:
        head = heads.get(change.subject)
        match change:
            case AddFlow():
                heads[change.subject] = transitions.added(
                    change.spec, owner=change.owner, source_id=change.source_id, applied=applied, nonce="", before=head
                )
            case UpdateFlow() | SuspendFlow() | ResumeFlow() if head is not None:
                rebuild = change.rebuild if isinstance(change, UpdateFlow) else None
                heads[change.subject] = transitions.updated(
                    _idle(head), change.spec, rebuild=rebuild, source_id=change.source_id, applied=applied, nonce=""
                )
            case MoveFlow():
                heads[change.subject] = transitions.moved_here(
                    _idle(heads.pop(change.moved_from)),
                    change.spec,
                    applied=applied,
                    nonce="",
                    before=head,
                    source_id=change.source_id,
                    rebuild=change.rebuild,
                )
            case AdoptFlow():
                heads[change.subject] = transitions.adopted(
                    _idle(actual.flows[change.subject]),
                    change.spec,
                    owner=change.owner,
                    rebuild=change.rebuild,
                    source_id=change.source_id,
                    applied=applied,
                    nonce="",
                )
            case RemoveFlow():
                heads.pop(change.subject, None)
            case _:
                pass
    return {name: head for name, head in heads.items() if head.state == "active"}


def _idle(head: FlowHead) -> FlowHead:
    """As if its decided run were completed already, which an apply does first."""
    return head.model_copy(update={"open": None})


def _flow(
    context: Context, head: FlowHead, due: Export | None, problem: str | None, now: datetime, samples: int
) -> FlowData:
    try:
        with of_flow(head.flow_id.short):
            found = _due(context, head, due, now, samples) if due is not None else None
    except ReconcilerError as error:
        return FlowData(flow=head.flow, problem=said(error))
    if due is not None and found is None:
        return FlowData(flow=head.flow, problem=_UNFINISHED)
    return FlowData(flow=head.flow, due=found, problem=problem)


def _due(context: Context, head: FlowHead, due: Export, now: datetime, samples: int) -> DueData | None:
    """The numbers of an export as it would be made; None where an open run comes first."""
    if due.run_id is not None:
        return None
    files = context.open_files(head.spec.source)
    wanted = Wanted(due.slot, covers=due.missed)
    choice, pin, before = reading(context, head, wanted, files, now)
    run = opened(context, head, wanted, choice, pin, before)
    access = files.access()
    inspect(context, run, choice, access)
    lists = held_back(context, run.spec.suppressions, now)
    job = job_of(run, choice, lists, now)
    told_by_footers = _all_leave(job) and run.spec.changes is None
    changes = None
    if run.spec.changes is not None:
        told = foretell(context, run, choice, pin, job, access, lists)
        changes = _changed(told.changes)
        may = Measured(0, 0)
        if lists.lists or samples:
            may = context.engine.measure(job, access, context.stop, lists.accesses, samples)
        found = Measured(told.export.read, told.export.exported, told.export.excluded, may.listed, may.samples)
    elif not choice.files:
        found = Measured(0, 0)
    elif told_by_footers:
        found = _by_footers(context, job, access, samples)
    else:
        found = context.engine.measure(job, access, context.stop, lists.accesses, samples)
    if changed := files.changed(choice.files):
        raise changed_meanwhile(changed)
    lists.check()
    return DueData(
        slot=run.slot,
        kind=run.kind,
        rows=count(found.rows),
        files=_at_least(job.output, found.rows),
        reads=len(choice.files),
        bytes=sum(each.size for each in choice.files),
        told_by="statistics" if told_by_footers or not choice.files else "data",
        excluded=_shy(found.excluded),
        listed={each.name: count(found.listed.get(each.name, 0)) for each in lists.lists},
        changes=changes,
        samples=tuple(dict(each) for each in found.samples),
    )


def _by_footers(context: Context, job: ExportJob, access: Access, samples: int) -> Measured:
    """The number of rows without reading any; the first file is, where samples are asked for."""
    rows = context.engine.inspect(job.dataset, access, job.files)
    if not samples:
        return Measured(rows, rows)
    first = job.model_copy(update={"files": job.files[:1]})
    return Measured(rows, rows, samples=context.engine.measure(first, access, context.stop, samples=samples).samples)


def _changed(found: ChangeCounts) -> ChangedData:
    gone = {reason: count(rows) for reason, rows in found.removed.items()}
    return ChangedData(added=count(found.added), changed=count(found.changed), removed=gone)


def _all_leave(job: ExportJob) -> bool:
    """Whether every row of the files leaves, so that their footers say how many: nothing chooses among them."""
    chosen = (job.where, job.consent, job.expiry, job.within)
    dataset = job.dataset
    required = any(each.required for each in job.columns)
    return (
        dataset.format == "parquet"
        and all(each is None for each in chosen)
        and not (job.suppressions or dataset.primary_key or required)
    )


def _at_least(output: Files, rows: int) -> int:
    """Files of an export of so many rows; `maxBytes` may make more."""
    if not rows:
        return 1 if output.empty_file else 0
    return 1 if output.one_file else -(-rows // output.max_rows)


def _shy(excluded: Mapping[Excluded, int]) -> dict[Excluded, Count]:
    return {reason: count(number) for reason, number in excluded.items()}


def said(error: ReconcilerError) -> str:
    """An error in one line, as an export would end with it."""
    return f"{error.code} {error.summary}: {error.detail}"
