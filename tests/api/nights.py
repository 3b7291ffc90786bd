"""What a reader must have received after any history of nights, said by plain dicts and lists: nothing of ours is in here.

The words are those of docs/increments.md and docs/exclusions.md. A `World` is what lies in the source's folders; a `Model` says of
every call what leaves, or which refusals are right.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

Row = dict[str, Any]
DAY = timedelta(days=1)
SETTLE = timedelta(minutes=30)
EXPIRES = 5 * DAY
FILTERS: dict[str, Callable[[Row], bool]] = {
    "country = 'US'": lambda row: row["country"] == "US",
    "country IN ('US', 'DE')": lambda row: row["country"] in ("US", "DE"),
    "score >= 1": lambda row: row["score"] is not None and row["score"] >= 1,
}


@dataclass(frozen=True)
class Rules:
    """What the project declares for as long as a history lasts."""

    strategy: Literal["files", "cursor", "diff", "full"]
    backfill: Literal["full", "none"] = "full"
    removed: Literal["ignore", "tombstone", "folder"] = "tombstone"
    catch_up: Literal["latest", "all", "skip"] = "latest"
    latest: bool = False
    lag: int = 0
    """Hours."""
    form: Literal["json", "parquet"] = "json"
    contract: Literal["evolve", "freeze"] = "evolve"
    several: bool = False
    """Whether a second flow, of another audience to another destination, is due and read together with the first."""


@dataclass(frozen=True)
class Applied:
    """What is applied of one flow. `wide`: the score leaves; `extra`: so does a column that was declared later; `long`: the score's type
    was widened. `declared`: columns of the dataset."""

    where: str
    wide: bool = True
    extra: bool = False
    long: bool = False
    suspended: bool = False
    declared: frozenset[str] = frozenset()

    @property
    def leaves(self) -> tuple[object, ...]:
        """What strategy `diff` compares by."""
        return (self.wide, self.extra, self.wide and self.long)


@dataclass(frozen=True)
class File:
    """`serial`: another with every writing."""

    serial: int
    rows: tuple[Row, ...]
    modified: datetime


@dataclass
class World:
    """`files` by name; `opted_out`: the e-mail addresses on the list, None while there is no list."""

    files: dict[str, File] = field(default_factory=dict)
    opted_out: set[str] | None = field(default_factory=lambda: {"nobody@x.de"})


@dataclass(frozen=True)
class Export:
    """`rows` and `removals` in canonical text. `excluded`: None where the pages don't say how these are counted."""

    slot: datetime
    kind: str
    rows: Counter[str]
    removals: Counter[str] = field(default_factory=Counter)
    excluded: dict[str, int] | None = None


@dataclass
class State:
    """Where the flow stands. `pinned`: serials by name; `mark`: cursor's; `has`: what a reader under `diff` holds. `agreed`: columns that
    were met, under `contract: freeze`."""

    last_slot: datetime | None = None
    begun: bool = False
    rebuild: bool = False
    pinned: dict[str, int] = field(default_factory=dict)
    mark: datetime | None = None
    has: dict[str, str] = field(default_factory=dict)
    agreed: frozenset[str] | None = None


Refusals = frozenset[str]


def canonical(row: Row) -> str:
    """Nulls and absent values are the same."""
    return json.dumps({name: value for name, value in row.items() if value is not None}, sort_keys=True)


class Model:
    """One flow's future, told by the definition of its strategy. `modified`: when each serial was written; whoever writes says so."""

    def __init__(self, rules: Rules, since: datetime, applied: Applied, modified: dict[int, datetime]) -> None:
        self.rules, self.since, self.is_, self.modified = rules, since, applied, modified
        self.state = State()

    # What was applied ------------------------------------------------------------------------------------------------------

    def applied(self, new: Applied) -> None:
        """A changed filter makes `files` and `cursor` begin anew, changed columns make `diff` do so."""
        anew = (new.where != self.is_.where and self.rules.strategy in ("files", "cursor")) or (
            new.leaves != self.is_.leaves and self.rules.strategy == "diff"
        )
        if anew and (self.state.begun or self.state.rebuild):
            self.state = State(self.state.last_slot, rebuild=True)
        if new.where != self.is_.where and self.rules.strategy == "full":
            self.state.agreed = None
        self.is_ = new

    # What is due -----------------------------------------------------------------------------------------------------------

    def due(self, slots: Iterable[datetime], now: datetime) -> list[datetime]:
        """The slots that a call exports."""
        if self.is_.suspended:
            return []
        last = self.state.last_slot
        passed = [slot for slot in slots if self.since <= slot <= now and (last is None or slot > last)]
        if self.rules.catch_up == "all":
            return passed
        newest = passed[-1:]
        if self.rules.catch_up == "skip":
            return [slot for slot in newest if now - slot <= timedelta(hours=1)]
        return newest

    # What leaves -----------------------------------------------------------------------------------------------------------

    def export(
        self, world: World, slot: datetime, now: datetime, *, demand: Literal["new", "full"] | None = None
    ) -> tuple[Export, State] | Refusals:
        """What one export holds and where the flow stands after it; or the codes with which it may be refused."""
        if demand and self.is_.suspended:
            return frozenset({"H117"})
        if world.opted_out is None:
            return frozenset({"F121"}) | self._refusals(world, slot, now, demand == "full")
        found = self._refusals(world, slot, now, demand == "full")
        if found:
            return found
        done, state = self._exported(world, world.opted_out, slot, now, demand == "full")
        if self.rules.contract == "freeze":
            state.agreed = (self.state.agreed or frozenset()) | self._met(_listed(world, now), demand == "full")
        state.begun, state.rebuild = True, False
        state.last_slot = self.state.last_slot if demand else slot
        return done, state

    def _refusals(self, world: World, slot: datetime, now: datetime, full: bool) -> Refusals:
        codes = set()
        listed = _listed(world, now)
        strategy = self.rules.strategy
        if strategy == "diff" and len(listed) < len(world.files):
            codes.add("F124")
        whole = full or not self.state.begun or strategy in ("diff", "full")
        if whole and not any(file.rows for file in listed.values()):
            codes |= {"F117", "F125"}
        if strategy == "files" and self.state.begun and not full:
            for name, serial in self.state.pinned.items():
                if name in listed:
                    if listed[name].serial != serial:
                        codes.add("F119")
                elif self.modified[serial] + EXPIRES > slot:  # gone, or written anew and too young to be looked at
                    codes |= {"F118", "F119"}
        if self.state.agreed is not None and self._met(listed, full) - self.state.agreed - self.is_.declared:
            codes.add("F136")
        return frozenset(codes)

    def _met(self, listed: dict[str, File], full: bool) -> frozenset[str]:
        """The columns of what is read; at the very beginning, of what there is."""
        read = self._new(listed, full) if self.rules.strategy == "files" else list(listed)
        read = read or ([] if self.state.begun else list(listed))
        return frozenset(column for name in read for row in listed[name].rows for column in row)

    def _exported(
        self, world: World, opted_out: set[str], slot: datetime, now: datetime, full: bool
    ) -> tuple[Export, State]:
        listed = _listed(world, now)
        state = State(pinned={name: file.serial for name, file in listed.items()})
        kind = "full" if full else "increment" if self.state.begun else "rebuild" if self.state.rebuild else "full"
        if self.rules.strategy == "cursor":
            rows, state.mark = self._between(listed, slot, full)
        elif self.rules.strategy == "files":
            rows = [row for name in self._new(listed, full) for row in listed[name].rows]
        else:
            rows = [row for file in listed.values() for row in file.rows]
        leaving, reasons = self._leaving(rows, opted_out, slot)
        excluded = dict(Counter(reason for _, reason in reasons))
        if self.rules.strategy == "diff":
            silent = kind == "full" and self.rules.backfill == "none" and not full
            return self._compared(listed, leaving, reasons, None if silent else excluded, state, kind, slot)
        if self.rules.strategy == "full":
            kind = "full"
        out = Counter(canonical(self._out(row)) for row in leaving)
        timeless = self.rules.strategy == "cursor" and any(
            row["at"] is None for file in listed.values() for row in file.rows
        )
        return Export(slot, kind, out, excluded=None if timeless else excluded), state

    def _new(self, listed: dict[str, File], full: bool) -> list[str]:
        if full:
            return list(listed)
        if self.state.begun:
            return [name for name in listed if name not in self.state.pinned]
        if self.rules.backfill == "none":
            return [name for name, file in listed.items() if file.modified >= self.since]
        return list(listed)

    def _between(self, listed: dict[str, File], slot: datetime, full: bool) -> tuple[list[Row], datetime | None]:
        values = [row["at"] for file in listed.values() for row in file.rows if row["at"] is not None]
        before = None if full else self.state.mark
        if before is None and self.rules.backfill == "none" and not full:
            before = self.since
        if not values:
            return [], self.state.mark
        mark = min(max(values), slot - timedelta(hours=self.rules.lag))
        rows = [row for file in listed.values() for row in file.rows if row["at"] is not None and row["at"] <= mark]
        reached = mark if self.state.mark is None else max(mark, self.state.mark)
        return [row for row in rows if before is None or row["at"] > before], reached

    def _compared(
        self,
        listed: dict[str, File],
        leaving: list[Row],
        reasons: list[tuple[Row, str]],
        excluded: dict[str, int] | None,
        state: State,
        kind: str,
        slot: datetime,
    ) -> tuple[Export, State]:
        today = {row["prospect_id"]: canonical(self._out(row)) for row in leaving}
        state.has = today
        if kind != "increment":
            told = [self._out(row) | {"op": "added"} for row in leaving] if excluded is not None else []
            return Export(slot, kind, Counter(map(canonical, told)), excluded=excluded), state
        told = []
        for row in leaving:
            was, text = self.state.has.get(row["prospect_id"]), canonical(self._out(row))
            if was != text:
                told.append(self._out(row) | {"op": "added" if was is None else "changed"})
        gone = self.state.has.keys() - today.keys()
        removals: list[Row] = []
        if self.rules.removed == "tombstone":
            told += [{"id": each, "op": "removed"} for each in gone]
        if self.rules.removed == "folder":
            removals = [{"id": each, "reason": self._why(each, listed, reasons)} for each in gone]
        return Export(slot, kind, Counter(map(canonical, told)), Counter(map(canonical, removals)), excluded), state

    def _why(self, key: str, listed: dict[str, File], reasons: list[tuple[Row, str]]) -> str:
        """Why somebody left; `?` where several rows of one key may say different things."""
        rows = [row for file in listed.values() for row in file.rows if row["prospect_id"] == key]
        if not rows:
            return "gone"
        if len(rows) > 1:
            return "?"
        return next((reason for row, reason in reasons if row is rows[0]), "filter")

    def _out(self, row: Row) -> Row:
        out = {"id": row["prospect_id"], "land": row["country"].lower()}
        out |= {"score": row["score"]} if self.is_.wide else {}
        return out | ({"extra": row.get("extra")} if self.is_.extra else {})

    # Who must not leave ----------------------------------------------------------------------------------------------------

    def _leaving(self, rows: list[Row], opted_out: set[str], slot: datetime) -> tuple[list[Row], list[tuple[Row, str]]]:
        """The rows that leave, and the matching ones that don't with the first reason that counts."""
        matches = FILTERS[self.is_.where]
        best: dict[str, int] = {}
        for at, row in enumerate(rows):
            key = row["prospect_id"]
            if key is None or not (self.rules.latest or matches(row)):
                continue
            if self.rules.latest and key in best and _older(row, rows[best[key]]):
                continue
            best[key] = at
        leaving, reasons = [], []
        for at, row in enumerate(rows):
            key = row["prospect_id"]
            last = key is None or best.get(key) == at
            if not matches(row) or (self.rules.latest and not last):
                continue
            if row["seen"] is None or row["seen"] <= slot - EXPIRES:
                reasons.append((row, "expired"))
            elif row["consent"] != "yes":
                reasons.append((row, "consent"))
            elif row["email"] in opted_out:
                reasons.append((row, "suppressed"))
            elif key is None:
                reasons.append((row, "missing"))
            elif not last:
                reasons.append((row, "duplicate"))
            else:
                leaving.append(row)
        return leaving, reasons


def _older(row: Row, than: Row) -> bool:
    if than["at"] is None:
        return False
    return row["at"] is None or bool(row["at"] < than["at"])


def _listed(world: World, now: datetime) -> dict[str, File]:
    """The settled files in reading order."""
    return {name: file for name, file in sorted(world.files.items()) if file.modified <= now - SETTLE}
