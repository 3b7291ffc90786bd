"""What strategy `diff` found in a run: how many people were added, changed and removed since the flow's last export."""

from __future__ import annotations

from typing import Literal, get_args

from reconciler.values.base import Value

Operation = Literal["added", "changed", "removed"]
Gone = Literal["filter", "expired", "consent", "suppressed", "missing", "gone"]
"""Why somebody left: doesn't match the filter any more, is excluded since (`expired` to `missing`), or isn't in the source (`gone`)."""
GONE: tuple[Gone, ...] = get_args(Gone)


class ChangeCounts(Value):
    """`added` and `changed` left in the run's files; `unchanged` didn't, since the recipient has them. `removed`: by reason, whether
    the recipient is told or not."""

    added: int
    changed: int
    unchanged: int
    removed: dict[Gone, int] = {}

    @property
    def total_removed(self) -> int:
        """For whatever reason."""
        return sum(self.removed.values())

    @property
    def held(self) -> int:
        """How many the recipient had before."""
        return self.changed + self.unchanged + self.total_removed
