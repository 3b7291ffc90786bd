"""Which flows are read together, and doing so: what a run and an apply have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from reconciler.apply.context import Context
from reconciler.apply.together import MOST, Meeting
from reconciler.export.job import SharingEngine

Item = TypeVar("Item")
Made = TypeVar("Made")


def units(context: Context, items: Iterable[tuple[str | None, Item]]) -> list[list[Item]]:
    """Items with what those have in common that can be read together (None: read apart), in units: most of them of one."""
    if not isinstance(context.engine, SharingEngine):
        return [[item] for _, item in items]
    apart: list[list[Item]] = []
    found: dict[str, list[Item]] = {}
    for key, item in items:
        if key is None:
            apart.append([item])
        else:
            found.setdefault(key, []).append(item)
    return [each[at : at + MOST] for each in found.values() for at in range(0, len(each), MOST)] + apart


def together(
    context: Context, unit: list[Item], perform: Callable[[Context, Item], Made], at_once: int = 1
) -> list[Made]:
    """Each item in a thread of its own, of which so many go on at once while nothing is read; what came of each, in their order. Raises
    what the first raised, once all have ended."""
    assert isinstance(context.engine, SharingEngine)
    meeting = Meeting(context.engine, len(unit), at_once)

    def one(item: Item) -> Made:
        with meeting.member(context) as mine:
            return perform(mine, item)

    with ThreadPoolExecutor(len(unit), thread_name_prefix="flow") as pool:
        return [each.result() for each in [pool.submit(one, item) for item in unit]]
