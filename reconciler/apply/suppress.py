"""Suppression lists of a run: pinned, checked to be whole and fresh, and checked again after they were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.apply.context import Context
from reconciler.datasets.base import Access, Files, Listing
from reconciler.datasets.problems import changed_meanwhile, problem
from reconciler.errors import SourceError
from reconciler.export.job import SuppressionList
from reconciler.resources.dataset import duration
from reconciler.resources.exclusions import EffectiveSuppression
from reconciler.values.pin import PinnedFile


@dataclass(frozen=True, slots=True)
class HeldBack:
    """The lists of one run, and how an engine reads each, by the suppression's name."""

    lists: tuple[SuppressionList, ...]
    accesses: Mapping[str, Access]
    files: Mapping[str, Files]

    def check(self) -> None:
        """Raises `SourceError` F116 where a list changed since it was pinned."""
        for each in self.lists:
            if changed := self.files[each.name].changed(each.files):
                raise changed_meanwhile(changed)


def held_back(context: Context, suppressions: tuple[EffectiveSuppression, ...], now: datetime) -> HeldBack:
    """Pins every list. Raises `SourceError` F120 stale, F121 missing, empty or too small: then nothing may leave."""
    lists, accesses, opened = [], {}, {}
    for each in suppressions:
        files = context.open_files(each)
        try:
            lists.append(_pinned(context, each, files, now))
        except SourceError as error:
            if error.code in ("F120", "F121"):
                raise
            raise problem("F121", f"Suppression {each.name} can't be read ({error.code}): {error.detail}") from error
        accesses[each.name], opened[each.name] = files.access(), files
    return HeldBack(tuple(lists), accesses, opened)


def _pinned(context: Context, each: EffectiveSuppression, files: Files, now: datetime) -> SuppressionList:
    listing = files.listing(now)
    pinned: tuple[PinnedFile, ...] = listing.pin.files
    if each.max_age is not None and pinned:
        newest = _newest(each, listing)
        if now - newest > duration(each.max_age):
            raise problem(
                "F120",
                f"The newest {'version' if listing.history else 'file'} of suppression {each.name} is from "
                f"{newest:%Y-%m-%d %H:%M} UTC; maxAge is {each.max_age}.",
            )
    rows = context.engine.inspect(each.dataset_spec, files.access(), pinned) if pinned else 0
    if rows < each.min_rows:
        settle = each.dataset_spec.incremental.settle
        waits = (
            f" Files younger than settle ({settle}) aren't counted, and there are some." if listing.unsettled else ""
        )
        raise problem("F121", f"Suppression {each.name} has {rows:,} rows; minRows is {each.min_rows:,}.{waits}")
    return SuppressionList(name=each.name, match=each.match, dataset=each.dataset_spec, files=pinned)


def _newest(each: EffectiveSuppression, listing: Listing) -> datetime:
    """When the list was last changed. Of a table, not when its files were written: a compaction adds nobody."""
    if listing.history is None:
        return max(listing.modified[file.path] for file in listing.pin.files)
    found = listing.history.changed_at()
    if found is None:
        detail = f"The table of suppression {each.name} doesn't tell any more when it was last changed; maxAge is {each.max_age}."
        raise problem("F120", detail)
    return found
