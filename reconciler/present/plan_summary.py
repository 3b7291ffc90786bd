"""What a plan does to each destination, in a sentence that can be trusted alone: whatever it leaves out is said to be left out.

Sentences are markdown; names from configuration are inert.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.ledger.records import StillThere
from reconciler.plan.plan import (
    AddFlow,
    AdoptDestination,
    AdoptFlow,
    AnyChange,
    CreateDestination,
    Export,
    MoveFlow,
    Plan,
    RemoveDestination,
    RemoveFlow,
    ResumeFlow,
    SuspendFlow,
    UpdateAccess,
    UpdateDestination,
    UpdateFlow,
)
from reconciler.plan.reasons import EXCLUSIONS
from reconciler.present.markdown import code
from reconciler.present.words import cut, deleted, plural
from reconciler.values.identity import FlowId

_DESTINATIONS = 5
_COLUMNS = 5
_ACCESS = "roles and policies"
"""No destination has a space in its name."""
_Changed = UpdateFlow | MoveFlow | AdoptFlow
_INCREMENTAL = "source.datasetSpec.incremental"


@dataclass(frozen=True, slots=True)
class Group:
    """All changes of one destination, in the plan's order. `who`: its recipient, or nothing."""

    destination: str
    who: str
    changes: tuple[AnyChange, ...]

    @property
    def title(self) -> str:
        """Its name, and to whom it belongs."""
        return f"{self.destination} ({self.who})" if self.who else self.destination


def by_destination(plan: Plan) -> list[Group]:
    """Groups by what a reader must see first: who may do what, third parties, then removals, then by name."""
    found: dict[str, list[AnyChange]] = {}
    for each in plan.changes:
        found.setdefault(_ACCESS if isinstance(each, UpdateAccess) else each.subject.partition("/")[0], []).append(each)
    groups = [Group(name, _who(changes), tuple(changes)) for name, changes in found.items()]
    return sorted(
        groups,
        key=lambda each: (
            each.destination != _ACCESS,
            not each.who,
            not any(map(_removes, each.changes)),
            each.destination,
        ),
    )


def summary(groups: Sequence[Group]) -> str:
    """One sentence over every change: the first destinations by name, the others together."""
    parts = [f"{code(cut(each.title, 120))}: {', '.join(_said(each.changes))}" for each in groups[:_DESTINATIONS]]
    if rest := groups[_DESTINATIONS:]:
        together = [change for group in rest for change in group.changes]
        parts.append(f"{plural(len(rest), 'more destination')}: {', '.join(_said(together))}")
    removed = any(_removes(change) for group in groups for change in group.changes)
    return "; ".join(parts) + ("." if removed else "; nothing removed.")


def _who(changes: Sequence[AnyChange]) -> str:
    for each in changes:
        match each:
            case CreateDestination() | UpdateDestination() | AdoptDestination() | RemoveDestination():
                found = each.spec.spec.recipient
            case Export() | UpdateAccess():
                continue
            case _:
                found = each.spec.destination.spec.recipient
        return f"{found.name}, {found.country}" if found else ""
    return ""


def _removes(change: AnyChange) -> bool:
    return isinstance(change, RemoveFlow) or (isinstance(change, RemoveDestination) and not _renamed(change))


def _renamed(change: AnyChange) -> bool:
    match change:
        case CreateDestination():
            return change.renamed_from is not None
        case RemoveDestination():
            return change.reason.code == "renamed"
        case _:
            return False


def _said(changes: Sequence[AnyChange]) -> Iterator[str]:
    if any(isinstance(each, UpdateAccess) for each in changes):
        yield "what permissions are judged by changed"
    yield from _of_destinations(changes)
    yield from _added([each for each in changes if isinstance(each, AddFlow)])
    yield from _columns(changes)
    changed = [each for each in changes if isinstance(each, _Changed)]
    rebuilt = [each for each in changed if each.cursor == "rebuild"]
    kept = [each for each in changed if each.cursor != "rebuild"]
    yield from _counted(rebuilt, "exported again in full")
    yield from _counted([each for each in kept if isinstance(each, MoveFlow)], "renamed")
    yield from _adopted([each for each in changed if isinstance(each, AdoptFlow)])
    yield from _counted([each for each in kept if isinstance(each, UpdateFlow)], "changed otherwise")
    yield from _counted([each for each in changes if isinstance(each, SuspendFlow)], "suspended")
    yield from _counted([each for each in changes if isinstance(each, ResumeFlow)], "resumed")
    yield from _loosened(changed)
    removed = [each for each in changes if isinstance(each, RemoveFlow)]
    purged = [each for each in removed if each.purge]
    yield from _counted(purged, f"removed and what was exported deleted{_deleted(purged)}")
    yield from _counted([each for each in removed if not each.purge], "removed, files kept")
    if due := sum(1 for each in changes if isinstance(each, Export)):
        yield f"{plural(due, 'export')} due"


def _deleted(purged: Sequence[RemoveFlow]) -> str:
    """` (12 files of 3 runs, …)`, where that is known of all."""
    known = [each.deletes for each in purged if each.deletes is not None]
    if not known or len(known) < len(purged):
        return ""
    total = {name: sum(getattr(each, name) for each in known) for name in StillThere.model_fields}
    return f" ({deleted(StillThere(**total))})"


def _adopted(changes: Sequence[AdoptFlow]) -> Iterator[str]:
    for project in sorted({each.adopted_from for each in changes}):
        found = [each for each in changes if each.adopted_from == project]
        yield from _counted(found, f"taken over from project {code(project)}")


def _of_destinations(changes: Sequence[AnyChange]) -> Iterator[str]:
    new, old, both = (
        (CreateDestination,),
        (RemoveDestination,),
        (CreateDestination, UpdateDestination, AdoptDestination),
    )
    kinds = (
        ("new", [each for each in changes if isinstance(each, new) and not _renamed(each)]),
        ("with a new name", [each for each in changes if isinstance(each, new) and _renamed(each)]),
        ("taken over", [each for each in changes if isinstance(each, AdoptDestination)]),
        ("changed", [each for each in changes if isinstance(each, UpdateDestination)]),
        ("no longer protected", [each for each in changes if isinstance(each, both) and _unprotects(each)]),
        ("under another name now", [each for each in changes if isinstance(each, old) and _renamed(each)]),
        ("removed", [each for each in changes if isinstance(each, old) and not _renamed(each)]),
    )
    for said, found in kinds:
        if found:
            yield f"destination {said}" if len(found) == 1 else f"{len(found):,} destinations {said}"


def _added(added: Sequence[AddFlow]) -> Iterator[str]:
    for said in dict.fromkeys(map(_first_export, added)):
        yield from _counted([each for each in added if _first_export(each) == said], f"added, {said}")


def _first_export(change: AddFlow) -> str:
    spec = change.spec
    if spec.suspend:
        return "suspended"
    if spec.backfill == "full" or (spec.backfill == "none" and spec.mode == "full"):
        return "first export of everything" + (" that matches" if spec.source.kind == "audience" else "")
    if spec.backfill == "none":
        return "first export of nothing that is there yet"
    return f"first export of files since {spec.backfill.from_:%Y-%m-%d %H:%M} UTC"


def _columns(changes: Sequence[AnyChange]) -> Iterator[str]:
    """By name in the file: those that leave with a flow that is new or didn't have them, and those that leave otherwise."""
    new: dict[str, set[str]] = {}
    other: dict[str, set[str]] = {}
    for each in changes:
        if isinstance(each, AddFlow):
            for column in each.spec.leaving:
                new.setdefault(column.name, set()).update(each.spec.labels(column))
        elif isinstance(each, _Changed):
            for field in each.fields:
                name = field.path.removeprefix("columns.")
                if name != field.path and field.after is not None:
                    labels = {
                        label
                        for column in each.spec.columns
                        if column.name == name
                        for label in each.spec.labels(column)
                    }
                    (other if field.before is not None else new).setdefault(name, set()).update(labels)
            now, before = each.spec.leaving, _operation_before(each)
            for name in {column.name for column in now[len(each.spec.columns) :]} - before:
                new.setdefault(name, set())
    yield from _named(new, "newly leaves", "newly leave")
    yield from _named(other, "leaves otherwise than before", "leave otherwise than before")


def _operation_before(change: _Changed) -> set[str]:
    """The operation's name as it was, where the flow wrote one: by what differs, since a change holds the new spec alone."""
    was: dict[str, str] = {"mode": change.spec.mode, "strategy": change.spec.source.dataset_spec.incremental.strategy}
    name = change.spec.source.dataset_spec.incremental.told.operation_column
    for field in change.fields:
        key = field.path.rpartition(".")[2]
        if field.path in ("mode", f"{_INCREMENTAL}.strategy"):
            was[key] = field.before or ""
        elif field.path == f"{_INCREMENTAL}.changes.operationColumn":
            name = field.before
        elif field.path == f"{_INCREMENTAL}.changes":
            name = json.loads(field.before).get("operationColumn") if field.before else None
    return {name} if name is not None and was == {"mode": "incremental", "strategy": "diff"} else set()


def _named(names: Mapping[str, set[str]], one: str, many: str) -> Iterator[str]:
    """`2 columns newly leave (a, b; 1 labelled I1)`."""
    if names:
        shown = ", ".join(code(cut(each, 40)) for each in sorted(names)[:_COLUMNS])
        more = ", …" if len(names) > _COLUMNS else ""
        labelled = [labels for labels in names.values() if labels]
        which = ", ".join(sorted(set().union(*labelled)))
        labels = f"; {len(labelled):,} labelled {cut(which, 80)}" if labelled else ""
        yield f"{plural(len(names), 'column')} {one if len(names) == 1 else many} ({shown}{more}{labels})"


def _counted(flows: Sequence[AnyChange], said: str) -> Iterator[str]:
    """`2 audiences added`: audiences and datasets apart."""
    kinds = Counter(FlowId.parse(each.subject).kind for each in flows)
    if kinds:
        yield f"{' and '.join(plural(number, kind) for kind, number in sorted(kinds.items()))} {said}"


def _loosened(changed: Sequence[_Changed]) -> Iterator[str]:
    guarded = [each for each in changed if any(field.path.startswith(("guards.", "override")) for field in each.fields)]
    if excluded := sum(any(field.path.startswith(EXCLUSIONS) for field in each.fields) for each in changed):
        yield f"who stays out of {excluded:,} changed"
    if guarded:
        yield f"guards of {len(guarded):,} changed"
    if lifted := sum(map(_unprotects, changed)):
        yield f"{lifted:,} no longer protected"


def _unprotects(change: AnyChange) -> bool:
    return any(field.path == "protect" and field.after == "false" for field in change.fields)
