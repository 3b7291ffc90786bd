"""The limit on removals, judged on what a comparison found."""

from __future__ import annotations

import pytest

from reconciler.apply.judge import Counts, judge
from reconciler.resources.activation import ExportGuard, Guards
from reconciler.values.changed import ChangeCounts, Gone

LIMITED = Guards(export=ExportGuard(max_removed="25%"))


def found(removed: dict[Gone, int], unchanged: int = 70, changed: int = 5) -> Counts:
    return Counts(5, changes=ChangeCounts(added=1_000, changed=changed, unchanged=unchanged, removed=removed))


@pytest.mark.parametrize(
    ("counts", "breached"),
    [
        (found({"gone": 25}), False),
        (found({"gone": 20, "suppressed": 6}), True),
        (found({"filter": 1}, unchanged=0, changed=0), True),
        (found({}, unchanged=0, changed=0), False),
        (Counts(5), False),
    ],
)
def test_removals_are_a_share_of_what_the_recipient_has(counts: Counts, breached: bool) -> None:
    assert [each.guard for each in judge(LIMITED, counts)] == (["export.maxRemoved"] if breached else [])


def test_a_breach_says_both_numbers() -> None:
    (breach,) = judge(LIMITED, found({"gone": 20, "suppressed": 6}))
    assert breach.sentence == "26 of 101 people removed, 25.7 %; at most 25% is allowed"


def test_without_a_limit_anybody_may_go() -> None:
    assert judge(Guards(), found({"gone": 75}, unchanged=0, changed=0)) == ()
