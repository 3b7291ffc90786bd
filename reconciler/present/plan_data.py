"""What a look at the data showed, beside a plan: lines for a terminal, and a table for a comment. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.plan.data import Causes, ChangedData, Count, DueData, FlowData, Members, Overlap, PlanData
from reconciler.present.markdown import bounded, code, length
from reconciler.present.words import cut, inert, left, plural, short, size

_LISTED = 50


def as_text(data: PlanData) -> str:
    """Lines with line ends; the flows first, then what audiences share."""
    lines = [
        "",
        f"Data, as it is for {data.at:%Y-%m-%d %H:%M} UTC:"
        if data.flows
        else "Data: no flow is due, added or changed.",
    ]
    for each in data.flows:
        lines.append(f"  {inert(short(each.flow))}")
        lines += [f"      {name:<12} {inert(said)}" for name, said in (*_rows(each), *_samples(each))]
    for overlap in data.overlaps:
        one, other = (inert(short(each)) for each in overlap.flows)
        lines.append(f"  overlap  {one} and {other}: {_shared(overlap)}")
    lines += [f"  left out: {inert(each)}" for each in data.left_out]
    return "\n".join(lines) + "\n"


def as_markdown(data: PlanData, budget: int) -> list[str]:
    """Lines of a comment, of at most so many characters. Counts and names alone: nothing of any row."""
    if not data.flows:
        return []
    head = ["", "Data as it is:", "", "| which | | |", "|-|-|-|"]
    rows = [
        f"| {code(short(each.flow))} | {name} | {code(cut(said, 300))} |"
        for each in data.flows
        for name, said in _rows(each)
    ]
    for overlap in data.overlaps:
        one, other = (short(each) for each in overlap.flows)
        rows.append(
            f"| {code(overlap.destination)} | overlap | {code(cut(f'{one} and {other}: {_shared(overlap)}', 300))} |"
        )
    rows += [f"| | left out | {code(cut(each, 300))} |" for each in data.left_out]
    if length(head) + len(rows[0]) + 100 > budget:
        return ["", "Data left out for length; `reconcile plan --data` shows it."]
    return bounded(head, rows, budget)


def _rows(flow: FlowData) -> Iterator[tuple[str, str]]:
    if flow.due is not None:
        yield "leaves", _due(flow.due)
        for name, rows in flow.due.listed.items():
            yield "suppression", f"{name}: {_listed(rows)}"
    if flow.members is not None:
        yield "matches", _members(flow.members)
    if flow.keyless is not None:
        yield "matches", flow.keyless
    if flow.problem is not None:
        yield "problem", flow.problem


def _samples(flow: FlowData) -> Iterator[tuple[str, str]]:
    """For who asked for them, on a terminal: in no comment."""
    for row in flow.due.samples if flow.due else ():
        yield (
            "sample",
            " · ".join(f"{cut(name, 40)} {'null' if value is None else value}" for name, value in row.items()),
        )


def _due(due: DueData) -> str:
    parts = [
        f"slot {due.slot:%Y-%m-%d %H:%M}, {due.kind}",
        f"{number(due.rows)} {'row' if due.rows == 1 else 'rows'} in {plural(due.files, 'file')}",
    ]
    parts += [_changes(due.changes)] if due.changes is not None else []
    parts += [f"{number(rows)} {reason}" for reason, rows in due.excluded.items()]
    parts.append(f"reads {plural(due.reads, 'data file')}, {size(due.bytes)}")
    if due.told_by == "statistics" and due.reads:
        parts.append("told by their footers")
    return " · ".join(parts)


def _changes(changes: ChangedData) -> str:
    """`added 1,200, changed 30, removed 12 gone from the source`."""
    gone = ", ".join(f"{number(rows)} {left(reason)}" for reason, rows in changes.removed.items() if rows != 0)
    return f"added {number(changes.added)}, changed {number(changes.changed)}, removed {gone or 'nobody'}"


def _listed(rows: Count) -> str:
    return "none of these rows is on its list" if rows == 0 else f"{number(rows)} of these rows are on its list"


def _members(members: Members) -> str:
    now = f"{number(members.now)} keys"
    if members.before is None or members.enters is None or members.leaves is None:
        return f"{now} now" + (f" · before: not known. {members.why}" if members.why else "")
    return f"{number(members.before)} → {now} · enter {_causes(members.enters)} · leave {_causes(members.leaves)}"


def _causes(causes: Causes) -> str:
    """`40 (30 by the edit, 10 by the data)`; the sum only where it tells no small number."""
    if causes.by_edit == 0 and causes.by_data == 0:
        return "0"
    parts = f"{number(causes.by_edit)} by the edit, {number(causes.by_data)} by the data"
    if isinstance(causes.by_edit, int) and isinstance(causes.by_data, int):
        return f"{causes.by_edit + causes.by_data:,} ({parts})"
    return parts


def _shared(overlap: Overlap) -> str:
    return "no key in both" if overlap.both == 0 else f"{number(overlap.both)} keys in both"


def number(count: Count) -> str:
    """`1,234`, `<10`."""
    return f"{count:,}" if isinstance(count, int) else count
