"""What is to be told of a flow: its head against what was told before. Pure: the same arguments give the same alerts with the same ids.

States are told once when they begin, once more where their code changes, and once when they are over; whoever looks, and however often.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from statistics import median_low
from typing import Final

from reconciler.catalog.base import AlertEvent
from reconciler.errors import ReconcilerError, Refused
from reconciler.ledger.alerts import AlertBook, Facts, Notice, Raised, noted
from reconciler.ledger.records import FlowHead, LastRun, OpenRun
from reconciler.plan.due import waiting_since
from reconciler.resources.alert import EffectiveAlert
from reconciler.resources.dataset import duration

USUAL_RUNS: Final = 10
USUAL_LEAST: Final = 3
UNREACHABLE: Final = frozenset({"D102", "D104", "D105", "D106", "D108", "D110", "D111", "D113"})
"""The destination isn't there, is full, or refuses whoever runs."""
STALE: Final = frozenset({"F120", "F121"})
"""A suppression list that is too old, missing, unreadable or too small."""
_CONDITIONS: Final = frozenset({"run-failed", "run-held", "destination-unreachable", "suppression-stale"})
"""Faces of one condition: one of them at a time, and none of them is recovered from while another is there."""


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody sees of a flow. `opened`: a run that began just now. `error`: what an export ended with just now.

    `rows`: of the last runs of the kind of the newest one and before it, newest first; None: not looked up.
    """

    head: FlowHead
    now: datetime
    opened: OpenRun | None = None
    error: ReconcilerError | None = None
    rows: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class _State:
    """What is the case. `facts` None: that can't be told now, so that what was said before stands."""

    event: AlertEvent
    facts: Facts | None
    key: str = ""


def wants_rows(head: FlowHead, book: AlertBook) -> bool:
    """Whether the rows of earlier runs are needed to judge the newest one."""
    asked = any("row-count-unusual" in each.events for each in head.spec.alerts)
    return asked and head.last_run is not None and book.judged != head.last_run.run_id


def told(book: AlertBook, look: Look, lineage: str) -> AlertBook:
    """The book after a look; the same object where there is nothing to tell and nothing is over."""
    head, run = look.head, look.head.last_run
    if head.state not in ("active", "suspended"):
        return book
    opened = look.opened or head.open
    began = opened if opened is not None and opened.kind != "resend" and opened.run_id != book.started else None
    # What was exported before somebody asked to be told is no news.
    done = run if run is not None and run.run_id != book.succeeded and run.finished_at >= head.applied.at else None
    notices: list[Notice] = []
    raised: list[Raised] = []
    for alert in head.spec.alerts:
        notices += _moments(alert, look, lineage, began, done)
        still, found = _changed(alert, look, lineage, book)
        raised += still
        notices += found
    seen = run is not None and (look.rows is not None or not wants_rows(head, book))
    changes = {
        "started": began.run_id if began else book.started,
        "succeeded": run.run_id if run else book.succeeded,
        "judged": run.run_id if run and seen else book.judged,
        "raised": tuple(raised),
    }
    after = noted(book.model_copy(update=changes), tuple(notices))
    return book if after == book else after


def _moments(
    alert: EffectiveAlert, look: Look, lineage: str, began: OpenRun | None, done: LastRun | None
) -> Iterator[Notice]:
    if began is not None and "run-started" in alert.events:
        facts = Facts(run_id=began.run_id, kind=began.kind, slot=began.slot)
        yield _notice(alert, look, lineage, "run-started", facts)
    if done is not None and "run-succeeded" in alert.events:
        yield _notice(alert, look, lineage, "run-succeeded", _of_run(done))


def _changed(alert: EffectiveAlert, look: Look, lineage: str, book: AlertBook) -> tuple[list[Raised], list[Notice]]:
    """States that a channel knows of by now, and what is to be told of those that are new or over."""
    run = look.head.last_run
    run_id = run.run_id if run else None
    before = {each.event: each for each in book.raised if each.channel == alert.name}
    states = {each.event: each for each in _states(alert, look)}
    raised: list[Raised] = []
    notices: list[Notice] = []
    for event, state in states.items():
        known = before.get(event)
        if known is not None and (state.facts is None or known.key == state.key):
            raised.append(known)
        elif state.facts is not None:
            mark = Raised(
                channel=alert.name,
                event=event,
                key=state.key,
                since=look.now,
                run=run_id,
                generation=look.head.generation,
            )
            raised.append(mark)
            notices.append(_notice(alert, look, lineage, event, state.facts))
    over: list[AlertEvent] = []
    for event, known in before.items():
        if event in states or event not in alert.events:
            continue
        if event in _CONDITIONS and not _CONDITIONS.isdisjoint(states):
            continue  # It is another condition now, which was told.
        if run_id != known.run:
            over.append(event)
        elif known.generation == look.head.generation:
            raised.append(known)  # Nothing was exported since: it isn't shown to be over.
    if over and run is not None and "recovered" in alert.events:
        facts = _of_run(run).model_copy(update={"over": tuple(over)})
        notices.append(_notice(alert, look, lineage, "recovered", facts))
    return raised, notices


def _states(alert: EffectiveAlert, look: Look) -> Iterator[_State]:
    """What is the case now, of what a channel is told of."""
    yield from _condition(alert, look)
    if alert.delayed_after is not None:
        slot = waiting_since(look.head, look.now)
        # A flow that was resumed or changed could not have been exported as it is before that.
        if slot is not None and look.now - max(slot, look.head.applied.at) > duration(alert.delayed_after):
            yield _State("run-delayed", Facts(slot=slot, limit=alert.delayed_after))
    run = look.head.last_run
    if run is None:
        return
    if alert.max_excluded is not None:
        yield from _excluded(run, alert.max_excluded)
    if alert.max_change is not None:
        if look.rows is not None:
            yield from _unusual(run, look.rows, alert.max_change)
        else:
            yield _State("row-count-unusual", None)


def _condition(alert: EffectiveAlert, look: Look) -> Iterator[_State]:
    found, error = look.head.condition, look.error
    if found is not None:
        held = found.type == "held"
        facts = Facts(code=found.code, sentence=found.sentence, slot=found.slot, run_id=found.run_id)
    elif error is not None:
        held = isinstance(error, Refused)
        facts = Facts(code=error.code, sentence=error.summary)
    else:
        return
    general: AlertEvent = "run-held" if held else "run-failed"
    special: AlertEvent = general
    if facts.code in UNREACHABLE:
        special = "destination-unreachable"
    elif facts.code in STALE:
        special = "suppression-stale"
    # The one that says more, where a channel asked for both.
    event = next((each for each in (special, general) if each in alert.events), None)
    if event is not None:
        yield _State(event, facts, facts.code or "")


def _excluded(run: LastRun, limit: str) -> Iterator[_State]:
    """Of the people that matched, those who stayed: another row of a key that leaves is nobody who stays."""
    stayed = sum(rows for reason, rows in run.excluded.items() if reason != "duplicate")
    matched = run.matched if run.matched is not None else run.rows + sum(run.excluded.values())
    people = matched - run.excluded.get("duplicate", 0)
    if people <= 0:
        yield _State("excluded-rate-exceeded", None)
    elif Decimal(stayed) / people * 100 > _percent(limit):
        yield _State("excluded-rate-exceeded", _of_run(run).model_copy(update={"limit": limit}))


def _unusual(run: LastRun, earlier: tuple[int, ...], limit: str) -> Iterator[_State]:
    """Against the median of what was exported before: one odd export among them doesn't move it."""
    if len(earlier) < USUAL_LEAST:
        return
    usual = median_low(earlier)
    if abs(run.rows - usual) * 100 > usual * _percent(limit):
        facts = {"usual": usual, "runs": len(earlier), "limit": limit}
        yield _State("row-count-unusual", _of_run(run).model_copy(update=facts))


def _of_run(run: LastRun) -> Facts:
    return Facts(
        run_id=run.run_id,
        kind=run.kind,
        slot=run.slot,
        rows=run.rows,
        files=run.files,
        size=run.size,
        excluded={reason: rows for reason, rows in run.excluded.items() if rows},
    )


def _percent(text: str) -> Decimal:
    return Decimal(text.removesuffix("%"))


def _notice(alert: EffectiveAlert, look: Look, lineage: str, event: AlertEvent, facts: Facts) -> Notice:
    head = look.head
    of_what = (
        str(head.generation),
        head.last_run.run_id if head.last_run else "",
        facts.run_id or "",
        facts.code or "",
    )
    parts = (lineage, head.flow, alert.name, event, look.now.isoformat(), *of_what)
    identity = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    return Notice(id=identity, channel=alert.name, event=event, at=look.now, facts=facts)
