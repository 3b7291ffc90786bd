"""Questions about data that no export is made for: how many rows would leave, and which keys match now and matched before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.resources.dataset import DatasetSpec
from reconciler.values.base import Value
from reconciler.values.excluded import Excluded
from reconciler.values.pin import PinnedFile


@dataclass(frozen=True, slots=True)
class Measured:
    """What an export would count. `listed`: rows that would leave and are on a suppression's list, by suppression: compared by digests of
    their own, apart from what keeps rows back. `samples`: the first rows that would leave, of each column its value's shape."""

    read: int
    rows: int
    excluded: Mapping[Excluded, int] = field(default_factory=dict)
    listed: Mapping[str, int] = field(default_factory=dict)
    samples: tuple[Mapping[str, str | None], ...] = ()


class CompareJob(Value):
    """Keys of a dataset under several filters (None: all rows), in files of now, and in those of an earlier time.

    `files`: those of now, in order; those of them in `kept` were there before, too; `gone`: were there before and aren't now, but can be
    read. `moves`: pairs of filters by index, as it was and as it is; `pairs`: filters whose keys are compared, both now.
    """

    dataset: DatasetSpec
    files: tuple[PinnedFile, ...]
    kept: frozenset[str] = frozenset()
    gone: tuple[PinnedFile, ...] = ()
    filters: tuple[str | None, ...]
    moves: tuple[tuple[int, int], ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """Keys. `before`: matched then. Those that enter or leave, by cause: under the filter as it was they wouldn't (`edit`), or would
    (`data`) as well."""

    before: int
    enters_by_edit: int
    enters_by_data: int
    leaves_by_edit: int
    leaves_by_data: int


@dataclass(frozen=True, slots=True)
class Compared:
    """`sizes`: keys that match each filter now; the others as asked."""

    sizes: tuple[int, ...]
    moves: tuple[Moved, ...]
    pairs: tuple[int, ...]
