"""Comparing one part of the keys, where digests share their first half: a chance of one in 2^64, which must not matter."""

from __future__ import annotations

import polars as pl
import pytest

from reconciler.export.changes.compare import NUMBER, STATUS, Found, compared, counting
from reconciler.export.changes.digests import ROW_DIGEST, A, B

ROWS = {A: pl.UInt64, B: pl.UInt64, ROW_DIGEST: pl.UInt64, NUMBER: pl.UInt32, STATUS: pl.UInt8}
BEFORE = {"at": pl.UInt32, "a": pl.UInt64, "b": pl.UInt64, "r": pl.UInt64}


def rows(*keys: tuple[int, int], digest: int = 5) -> pl.DataFrame:
    found = [(a, b, digest, number, 0) for number, (a, b) in enumerate(keys)]
    return pl.DataFrame(found, schema=ROWS, orient="row")


def before(*keys: tuple[int, int], digest: int = 5) -> pl.DataFrame:
    found = [(at, a, b, digest) for at, (a, b) in enumerate(sorted(keys))]
    return pl.DataFrame(found, schema=BEFORE, orient="row")


@pytest.mark.parametrize(
    ("now", "then", "counts"),
    [
        ([(7, 2), (7, 1), (7, 3)], [(7, 1), (7, 2), (7, 3)], (0, 3, 0)),
        ([(7, 2)], [(7, 1)], (1, 0, 1)),
        ([(7, 3), (7, 1)], [(7, 2)], (2, 0, 1)),
        ([(7, 2)], [(7, 1), (7, 2), (7, 3)], (0, 1, 2)),
        ([(7, 1), (7, 2), (9, 1)], [(7, 2), (8, 1)], (2, 1, 1)),
    ],
)
def test_keys_that_share_half_a_digest_are_told_apart(
    now: list[tuple[int, int]], then: list[tuple[int, int]], counts: tuple[int, int, int]
) -> None:
    found = Found()
    one_each = counting(iter([rows(*now)]), False, found)
    new, left = compared(one_each, before(*then), found)
    assert (found.added, found.unchanged, sum(found.removed.values())) == counts
    assert (new.height, left.height) == (counts[0], counts[2])
    places = {sorted(then)[at] for at in left["at"]}
    assert places == set(then) - set(now)
    assert {now[number] for number in new["row"]} == set(now) - set(then)


def test_a_key_that_comes_often_is_held_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.export.changes import compare

    sizes = []
    real = compare._one_each
    monkeypatch.setattr(compare, "BUCKET", 10)

    def watched(frame: pl.DataFrame, latest: bool, found: Found) -> pl.DataFrame:
        sizes.append(frame.height)
        return real(frame, latest, found)

    monkeypatch.setattr(compare, "_one_each", watched)
    found = Found()
    one_each = counting((rows((1, 1), (1, 1), (2, 2)) for _ in range(100)), False, found)
    assert one_each is not None
    assert one_each.select(A, B).rows() == [(1, 1), (2, 2)]
    assert max(sizes) <= 35
    assert (found.matched, found.excluded.sorted()) == (300, {"duplicate": 298})
