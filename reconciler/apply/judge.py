"""An activation's guards, on the true counts. Functions of their arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from reconciler.resources.activation import Guards
from reconciler.resources.override import Override
from reconciler.values.changed import ChangeCounts


@dataclass(frozen=True, slots=True)
class Counts:
    """`exported`: rows of this run. `audience`: rows that match in the whole dataset; `before`: the same last time; None: unknown.
    `changes`: where this run was compared with what the recipient has."""

    exported: int
    audience: int | None = None
    before: int | None = None
    changes: ChangeCounts | None = None


@dataclass(frozen=True, slots=True)
class Breach:
    """A guard that says no: its name as in configuration, and a sentence with both numbers."""

    guard: str
    sentence: str


def needs_audience(guards: Guards) -> bool:
    """Whether the audience's size must be known."""
    audience = guards.audience
    return any(each is not None for each in (audience.min_rows, audience.max_rows, audience.max_change))


@dataclass(frozen=True, slots=True)
class Judgement:
    """`breaches` stop the run; `lifted` would, but for an override: said with its reason."""

    breaches: tuple[Breach, ...] = ()
    lifted: tuple[str, ...] = ()


def judged(guards: Guards, overrides: Sequence[Override], counts: Counts, now: datetime) -> Judgement:
    """Every guard that the counts breach, those that an override lifts at `now` (aware) apart."""
    breaches: list[Breach] = []
    lifted: list[str] = []
    for each in judge(guards, counts):
        override = next((one for one in overrides if one.lifts(each.guard, now)), None)
        if override is None:
            breaches.append(each)
        else:
            lifted.append(f"{each.guard}: {each.sentence}; lifted through {override.until}: {override.reason}")
    return Judgement(tuple(breaches), tuple(lifted))


def judge(guards: Guards, counts: Counts) -> tuple[Breach, ...]:
    """Every guard that the counts breach."""
    found = list(_range("export", counts.exported, guards.export.min_rows, guards.export.max_rows))
    if counts.audience is not None:
        found += _range("audience", counts.audience, guards.audience.min_rows, guards.audience.max_rows)
        found += _change(guards.audience.max_change, counts.audience, counts.before)
    if counts.changes is not None:
        found += _removed(guards.export.max_removed, counts.changes)
    return tuple(found)


def _range(what: str, rows: int, least: int | None, most: int | None) -> tuple[Breach, ...]:
    found = []
    if least is not None and rows < least:
        found.append(Breach(f"{what}.minRows", f"{rows:,} rows; at least {least:,} are required"))
    if most is not None and rows > most:
        found.append(Breach(f"{what}.maxRows", f"{rows:,} rows; at most {most:,} are allowed"))
    return tuple(found)


def _removed(limit: str | None, changes: ChangeCounts) -> tuple[Breach, ...]:
    if limit is None or not changes.total_removed:
        return ()
    share = Decimal(changes.total_removed) / Decimal(changes.held) * 100
    if share <= Decimal(limit.removesuffix("%")):
        return ()
    gone = f"{changes.total_removed:,} of {changes.held:,} people removed, {share:.1f} %; at most {limit} is allowed"
    return (Breach("export.maxRemoved", gone),)


def _change(limit: str | None, now: int, before: int | None) -> tuple[Breach, ...]:
    if limit is None or not before:
        return ()
    share = Decimal(abs(now - before)) / Decimal(before) * 100
    if share <= Decimal(limit.removesuffix("%")):
        return ()
    return (Breach("audience.maxChange", f"{before:,} → {now:,} rows, {share:.1f} %; at most {limit} is allowed"),)
