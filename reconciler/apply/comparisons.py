"""Who matches now and who matched at the last export, and what audiences share: as few passes over each dataset as these questions need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from typing import Final

from reconciler.apply.context import Context
from reconciler.apply.recorded import find_run
from reconciler.datasets.base import Files, Listing
from reconciler.errors import ReconcilerError, SourceError
from reconciler.export.look import Compared, CompareJob
from reconciler.ledger.records import FlowHead
from reconciler.plan.data import Causes, Members, Overlap, count
from reconciler.plan.diff import origin
from reconciler.resources.dataset import Incremental
from reconciler.resources.effective import EffectiveSource, FlowSpec, fingerprint
from reconciler.values.cursor import DiffCursor
from reconciler.values.pin import Pin, PinnedFile
from reconciler.values.types import parse_type
from reconciler.where import Checked, check

MOST_PAIRS: Final = 2_000
"""Pairs of audiences of one destination that are compared."""

_NO_KEY = "The dataset has no primaryKey, so that nobody can be told to enter or leave."
_FIRST = "Nothing was exported yet."
_ANEW = "The flow begins anew: what it exported before isn't compared with."
_OTHER = "The dataset isn't the one that was exported before."
_OLD_FILTER = "The filter as it was doesn't fit the dataset as it is declared now."


@dataclass
class _Pass:
    """One pass over a dataset, of now and of one earlier pin. Filters by index; `moves` by flow, `pairs` by destination and flows."""

    source: EffectiveSource
    before: Pin | None
    filters: list[str | None] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    moves: dict[str, tuple[int, int]] = field(default_factory=dict)
    pairs: dict[tuple[str, str, str], tuple[int, int]] = field(default_factory=dict)

    def filter(self, where: str | None) -> int:
        """Its index."""
        if where not in self.filters:
            self.filters.append(where)
        return self.filters.index(where)


@dataclass
class Comparisons:
    """The answers, by flow. `left_out`: what was too much, in words."""

    left_out: list[str] = field(default_factory=list)
    _members: dict[str, Members] = field(default_factory=dict)
    _overlaps: list[Overlap] = field(default_factory=list)
    _problems: dict[str, str] = field(default_factory=dict)

    @classmethod
    def begun(
        cls, context: Context, heads: Mapping[str, FlowHead], looked: Iterable[str], now: datetime
    ) -> Comparisons:
        """Looks at all of it. `looked`: the flows that are due or changed. Raises `StoreError`, `Interrupted`."""
        found = cls()
        asked = _Asked(context, found)
        for name in looked:
            asked.flow(heads[name])
        asked.overlaps(heads, frozenset(looked))
        for each in asked.passes.values():
            found._answer(context, each, asked.why, now)
        return found

    def members(self, flow: str) -> Members | None:
        """None where keys can't be told apart, or the data couldn't be looked at."""
        return self._members.get(flow)

    def keyless(self, head: FlowHead) -> str | None:
        """Why keys can't be told apart; None where they can."""
        return None if head.spec.source.dataset_spec.primary_key else _NO_KEY

    def problem(self, flow: str) -> str | None:
        """Why the data couldn't be looked at."""
        return self._problems.get(flow)

    def overlaps(self) -> tuple[Overlap, ...]:
        """By destination and flows."""
        return tuple(sorted(self._overlaps, key=lambda each: (each.destination, each.flows)))

    def _answer(self, context: Context, one: _Pass, why: Mapping[str, str], now: datetime) -> None:
        try:
            found, unknown = _compared(context, one, now)
        except ReconcilerError as error:
            self._problems |= dict.fromkeys(one.sizes, f"{error.code} {error.summary}: {error.detail}")
            return
        moves = dict(zip(one.moves, found.moves, strict=False))
        for flow, at in one.sizes.items():
            moved = moves.get(flow)
            if moved is None:
                self._members[flow] = Members(now=count(found.sizes[at]), why=unknown or why.get(flow))
                continue
            self._members[flow] = Members(
                before=count(moved.before),
                now=count(found.sizes[at]),
                enters=Causes(by_edit=count(moved.enters_by_edit), by_data=count(moved.enters_by_data)),
                leaves=Causes(by_edit=count(moved.leaves_by_edit), by_data=count(moved.leaves_by_data)),
            )
        for (destination, *flows), both in zip(one.pairs, found.pairs, strict=True):
            self._overlaps.append(Overlap(destination=destination, flows=(flows[0], flows[1]), both=count(both)))


@dataclass
class _Asked:
    """Questions gathered into passes: one for each dataset and earlier pin."""

    context: Context
    into: Comparisons
    passes: dict[tuple[str, str], _Pass] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)

    def flow(self, head: FlowHead) -> None:
        """Who matches a flow now, and did when it was exported last."""
        source = head.spec.source
        if not source.dataset_spec.primary_key:
            return
        last = _last(self.context, head)
        none = _FIRST if head.last_run is None else _ANEW
        pin, was, why = (None, None, none) if last is None else _comparable(last[0], last[1], source)
        if why is not None:
            self.why[head.flow] = why
        one = self._pass(source, pin)
        now = one.filter(source.where)
        one.sizes[head.flow] = now
        if was is not None:
            one.moves[head.flow] = (one.filter(was.where), now)

    def overlaps(self, heads: Mapping[str, FlowHead], looked: frozenset[str]) -> None:
        """Pairs of audiences on one destination and over one dataset of which one is looked at."""
        groups: dict[tuple[str, str], list[FlowHead]] = {}
        for _, head in sorted(heads.items()):
            source = head.spec.source
            if source.kind == "audience" and source.dataset_spec.primary_key and not head.spec.feed:
                groups.setdefault((head.spec.destination.name, _dataset(source)), []).append(head)
        for (destination, dataset), found in groups.items():
            pairs = [(a, b) for a, b in combinations(found, 2) if looked & {a.flow, b.flow}]
            if len(pairs) > MOST_PAIRS:
                self.into.left_out.append(
                    f"{len(pairs):,} pairs of audiences on {destination}; at most {MOST_PAIRS:,} are compared. Narrow it with --select."
                )
                continue
            if not pairs:
                continue
            one = next((each for key, each in self.passes.items() if key[0] == dataset), None)
            one = one or self._pass(pairs[0][0].spec.source, None)
            for a, b in pairs:
                one.pairs[destination, a.flow, b.flow] = (
                    one.filter(a.spec.source.where),
                    one.filter(b.spec.source.where),
                )

    def _pass(self, source: EffectiveSource, pin: Pin | None) -> _Pass:
        # Of a table, an increment's pin has the files alone that came; what it held then is its state.
        then = "" if pin is None else pin.digest() if pin.table is None else pin.table.model_dump_json()
        key = (_dataset(source), then)
        return self.passes.setdefault(key, _Pass(source, pin))


def _dataset(source: EffectiveSource) -> str:
    """What two flows must have in common to be told apart by the same keys: how their increments are told doesn't matter."""
    plain = source.dataset_spec.model_copy(update={"incremental": Incremental()})
    account = fingerprint(source.account) if source.account else ""
    return f"{fingerprint(plain)} {account}"


def _last(context: Context, head: FlowHead) -> tuple[FlowSpec, Pin] | None:
    """What was exported last, as it was declared then, and its pin."""
    if isinstance(head.cursor, DiffCursor) and head.last_run is not None:
        spec = find_run(context.ledger, head, head.last_run.slot, head.last_run.run_id).spec
        return spec, context.ledger.pin(head.cursor.pin)
    if not head.resendable:
        return None
    last = head.resendable[-1]
    return find_run(context.ledger, head, last.slot, last.run_id).spec, context.ledger.pin(last.pin)


def _comparable(
    spec: FlowSpec, pin: Pin, source: EffectiveSource
) -> tuple[Pin | None, EffectiveSource | None, str | None]:
    """The pin and the source as it was, if keys of then and of now can be compared; else why not."""
    was = spec.source
    if origin(was) != origin(source) or was.dataset_spec.primary_key != source.dataset_spec.primary_key:
        return None, None, _OTHER
    if was.where is not None:
        columns = {name: parse_type(each.type) for name, each in source.dataset_spec.columns.items()}
        if not isinstance(check(was.where, columns), Checked):
            return None, None, _OLD_FILTER
    return pin, was, None


def _compared(context: Context, one: _Pass, now: datetime) -> tuple[Compared, str | None]:
    """The answers; and why nothing is known of before, if files of then are gone."""
    files = context.open_files(one.source)
    listing = files.listing(now)
    kept, gone, lost = _earlier(files, listing, one.before)
    moves = () if lost else tuple(one.moves.values())
    job = CompareJob(
        dataset=one.source.dataset_spec,
        files=listing.pin.files,
        kept=kept,
        gone=gone,
        filters=tuple(one.filters),
        moves=moves,
        pairs=tuple(one.pairs.values()),
    )
    return context.engine.compare(job, files.access(), context.stop), lost


def _earlier(
    files: Files, listing: Listing, before: Pin | None
) -> tuple[frozenset[str], tuple[PinnedFile, ...], str | None]:
    """Files of then that are still listed, those that aren't and can be read all the same, and why that isn't all of them."""
    if before is None:
        return frozenset(), (), None
    then = before.files
    if before.table is not None:
        assert listing.history is not None
        try:
            then = listing.history.whole(before.table)
        except SourceError as error:
            return (
                frozenset(),
                (),
                f"What {before.table} of the table held can't be told: {error.code} {error.summary}.",
            )
    listed = {each.path: each for each in listing.pin.files}
    kept = frozenset(each.path for each in then if each.same(listed.get(each.path)))
    rest = tuple(each for each in then if each.path not in kept)
    if lost := files.changed(rest) if rest else ():
        return kept, (), f"{len(lost):,} of the files that were read then are gone or were rewritten."
    return kept, rest, None
