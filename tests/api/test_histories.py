"""Random histories against `tests.api.nights`: over any of them a reader has received what the strategy's definition says, once.

Files come, are rewritten and vanish; rows are updated; people opt out, withdraw their consent, expire; filters and columns are edited
and applied; columns are declared and widened, and come undeclared, under either contract; flows are suspended; slots are missed; calls die
at an effect and are followed by the next; a second flow is read together with the first, and its destination may be gone. Every export
is compared with the model's, row by row, whenever nothing is left half done; what is at the destination is looked at after every call.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from tests.api.drawn import FIRST, NIGHTS, RULES, SHORT, Edit, Night, OptOut, Person, Vanish, Write
from tests.api.nights import Rules
from tests.api.shops import SLOTS, Shop
from tests.faults.clients import share_clients
from tests.faults.place import DIFF_KEY, MEMORY, Place, environment
from tests.faults.points import ALL
from tests.servers.s3 import S3Server


@pytest.fixture(scope="module", autouse=True)
def _patched() -> Iterator[None]:
    """Leases are over at once: nobody waits for a dead runner's."""
    from reconciler.apply.context import Context

    lasting = Context.new_lease

    def over(context: Context) -> Any:
        lease = lasting(context)
        return lease.model_copy(update={"until": lease.until - timedelta(days=1)})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Context, "new_lease", over)
        patch.setenv(DIFF_KEY, "correct horse battery staple")
        yield


def live(shop: Shop, nights: list[Night]) -> None:
    """All nights; then flows are resumed, everything is put back, and two more pass without a mishap."""
    number = -1
    for night in nights:
        number += 1 + night.missed
        slot = SLOTS[number]
        _evening(shop, night, slot)
        now = slot + timedelta(minutes=night.late)
        # What a dead runner had decided couldn't be completed at a place that is gone.
        stays = shop.awaits or night.dies or shop.folder("bin") is None
        away = None if night.away == "bin" and stays else night.away
        with shop.away(away):
            refused = shop.run(now, night.dies)
            if night.dies and night.again:
                refused = shop.run(now)
        if away is None:
            mend(shop, refused, now, night.start_over)
        left_open = night.dies and not night.again and shop.rules.several
        if night.demand and not shop.awaits and not left_open and away != "bin":
            shop.demand(shop.flow, now + timedelta(minutes=40), night.demand)
    if shop.is_.suspended:
        shop.edit(Edit("suspend", 0, None), SLOTS[number + 1] - timedelta(hours=1))
    for slot in SLOTS[number + 1 : number + 3]:
        mend(shop, shop.run(slot), slot, False)
    assert not shop.awaits


def mend(shop: Shop, refused: dict[str, frozenset[str]], now: datetime, start_over: bool) -> None:
    """As the errors say: the new column is declared; files are put back, or everything is sent again."""
    if any("F136" in codes for codes in refused.values()):
        shop.edit(Edit("agree", 0, None), now)
        refused = shop.run(now)
        assert not any("F136" in codes for codes in refused.values())
    lost = [flow for flow in shop.flows if refused.get(flow.id, frozenset()) & {"F118", "F119"}]
    if lost and not start_over:
        shop.put_back(lost[0])
        refused = shop.run(now)
        lost = [flow for flow in lost if refused[flow.id]]
    for at, flow in enumerate(lost, 31):
        shop.demand(flow, now + timedelta(minutes=at), "full")


def _evening(shop: Shop, night: Night, slot: datetime) -> None:
    for event in night.events:
        match event:
            case Write():
                shop.write(event, slot)
            case Vanish():
                shop.vanish(event)
            case OptOut(number):
                assert shop.world.opted_out is not None
                shop.world.opted_out.add(f"e{number // 2}@x.de")
                shop.write_list(slot - timedelta(minutes=40))
            case Edit():
                shop.edit(event, slot - timedelta(minutes=30))


Where = Callable[[str], Place]
"""A new place, by the name of a folder that isn't there yet."""


def histories(strategy: str, where: Where, most: int, lengths: SearchStrategy[list[Night]]) -> None:
    """Lives through so many."""

    @settings(
        max_examples=most,
        derandomize=not ALL,
        deadline=None,
        phases=(Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if ALL else [])),
        suppress_health_check=list(HealthCheck),
    )
    @given(rules=RULES[strategy], first=FIRST, nights=lengths)
    def lived(rules: Rules, first: list[list[Person]], nights: list[Night]) -> None:
        root = Path(tempfile.mkdtemp(prefix="histories-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
        try:
            live(Shop(where(str(root)), rules, first), nights)
        finally:
            shutil.rmtree(root)

    lived()


@pytest.mark.parametrize("strategy", RULES)
def test_any_history_gives_what_the_definition_says(strategy: str) -> None:
    histories(strategy, Place, 300 if ALL else 6, NIGHTS)


@pytest.fixture(scope="module")
def in_s3(seaweed_server: S3Server) -> Iterator[Where]:
    """Ledger and destinations in a bucket; the dataset's files stay in a folder, where a test can say how old they are."""
    bucket = seaweed_server.create_bucket("histories")

    def where(root: str) -> Place:
        return Place(root, "s3", bucket, Path(root).name, seaweed_server)

    with pytest.MonkeyPatch.context() as patch:
        share_clients(patch.setattr)
        for key, value in environment(where("x")).items():
            patch.setenv(key, value)
        yield where


@pytest.mark.parametrize("strategy", RULES)
def test_a_history_over_a_bucket_gives_what_the_definition_says(strategy: str, in_s3: Where) -> None:
    histories(strategy, in_s3, 30 if ALL else 2, SHORT)
